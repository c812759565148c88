"""Runs the handler in a process of its own, one event at a time, as Lambda's runtime does.

`python -m carlens.local.runtime module:function` reads frames on its standard input and answers on
its standard output; what the handler prints goes to standard error. It ends when its input
does, even while the handler runs, so no worker outlives the server.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, BinaryIO

Handler = Callable[[dict[str, Any], "Context"], object]

# Before an event: milliseconds it may take, and its bytes.
EVENT_HEADER = struct.Struct(">II")
# Before an answer: whether the handler returned, and the bytes of what it returned or raised.
ANSWER_HEADER = struct.Struct(">?I")

# Lambda's quota.
ANSWER_LIMIT = 6_291_556


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about one invocation."""

    deadline: float
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    function_name: str = "carlens"
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1769"
    invoked_function_arn: str = "arn:aws:lambda:local:000000000000:function:carlens"
    log_group_name: str = "/aws/lambda/carlens"
    log_stream_name: str = "local"
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Give the milliseconds until the invocation is killed, at least 0."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))


def main(name: str) -> None:
    """Serve events until standard input ends.

    Parameters
    ----------
    name : str
        The handler, as `module:function`.
    """
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    events: SimpleQueue[tuple[float, bytes]] = SimpleQueue()
    threading.Thread(target=_receive, args=(source, events), daemon=True).start()

    module, _, function = name.partition(":")
    handler: Handler = getattr(importlib.import_module(module), function)
    _send(sink, True, b"")
    while True:
        deadline, event = events.get()
        _send(sink, *_invoke(handler, event, Context(deadline)))


def _receive(source: BinaryIO, events: SimpleQueue[tuple[float, bytes]]) -> None:
    while len(header := source.read(EVENT_HEADER.size)) == EVENT_HEADER.size:
        millis, size = EVENT_HEADER.unpack(header)
        deadline = time.monotonic() + millis / 1000
        if len(event := source.read(size)) < size:
            break
        events.put((deadline, event))
    os._exit(0)


def _invoke(handler: Handler, event: bytes, context: Context) -> tuple[bool, bytes]:
    try:
        answer = json.dumps(handler(json.loads(event), context), ensure_ascii=False).encode()
    except Exception as error:  # noqa: BLE001  # Lambda answers for whatever a handler raises
        traceback.print_exc()
        return False, f"{type(error).__name__}: {error}".encode("utf-8", "replace")
    if len(answer) > ANSWER_LIMIT:
        return False, f"the answer is {len(answer)} bytes; Lambda takes {ANSWER_LIMIT}".encode()
    return True, answer


def _send(sink: BinaryIO, returned: bool, answer: bytes) -> None:
    sink.write(ANSWER_HEADER.pack(returned, len(answer)) + answer)
    sink.flush()


if __name__ == "__main__":
    main(sys.argv[1])
