"""Runs the handler in its own process, one event at a time, as Lambda's runtime does.

`python -m carlens.local.runtime module:function` reads events from standard input and writes
responses to standard output; output of the handler goes to standard error. The process exits at
the end of its input, even while the handler runs, so that no worker outlives the server.
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

Handler = Callable[[dict[str, Any], "LambdaContext"], object]

# Precedes an event: its time limit in milliseconds and its size in bytes.
EVENT_HEADER = struct.Struct(">II")
# Precedes a response: whether the handler succeeded, and the size in bytes of the response or
# error message.
RESPONSE_HEADER = struct.Struct(">?I")

# Lambda's limit, in bytes.
RESPONSE_LIMIT = 6_291_556


@dataclass(frozen=True)
class LambdaContext:
    """The context object that Lambda passes to a handler."""

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
        """Return the milliseconds until the invocation times out, at least 0."""
        return max(0, round((self.deadline - time.monotonic()) * 1000))


def main(name: str) -> None:
    """Handle events until standard input ends.

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
        _send(sink, *_invoke(handler, event, LambdaContext(deadline)))


def _receive(source: BinaryIO, events: SimpleQueue[tuple[float, bytes]]) -> None:
    while len(header := source.read(EVENT_HEADER.size)) == EVENT_HEADER.size:
        millis, size = EVENT_HEADER.unpack(header)
        deadline = time.monotonic() + millis / 1000
        if len(event := source.read(size)) < size:
            break
        events.put((deadline, event))
    os._exit(0)


def _invoke(handler: Handler, event: bytes, context: LambdaContext) -> tuple[bool, bytes]:
    try:
        response = json.dumps(handler(json.loads(event), context), ensure_ascii=False).encode()
    except Exception as error:  # noqa: BLE001 - Lambda reports whatever a handler raises
        traceback.print_exc()
        return False, f"{type(error).__name__}: {error}".encode("utf-8", "replace")
    if len(response) > RESPONSE_LIMIT:
        message = f"the response has {len(response)} bytes; Lambda's limit is {RESPONSE_LIMIT}"
        return False, message.encode()
    return True, response


def _send(sink: BinaryIO, succeeded: bool, payload: bytes) -> None:
    sink.write(RESPONSE_HEADER.pack(succeeded, len(payload)) + payload)
    sink.flush()


if __name__ == "__main__":
    main(sys.argv[1])
