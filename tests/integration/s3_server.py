"""A real S3 server on this machine, and a proxy in front of it that injects faults."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.integration.lambda_runtime import Process, free_ports

BUCKET = "carlens-models"
UPLOADS = "carlens-uploads"
REGION = "eu-west-3"

_START_SECONDS = 40.0

# The function and the uploader have the same permissions as the function's role on AWS, except that
# SeaweedFS grants forms on a whole bucket only.
_ACTIONS = {
    "owner": ["Admin", "Read", "Write", "List"],
    "function": [f"Read:{BUCKET}/models/*"],
    "uploader": [f"Read:{UPLOADS}/uploads/*", f"Write:{UPLOADS}"],
    "stranger": ["Read:another-bucket"],
}


def credentials(name: str) -> dict[str, str]:
    """Return the environment variables with the credentials of a user."""
    return {
        "AWS_ACCESS_KEY_ID": f"key-of-{name}",
        "AWS_SECRET_ACCESS_KEY": f"secret-of-{name}",
        "AWS_DEFAULT_REGION": REGION,
    }


class S3Server:
    """SeaweedFS with a bucket; objects are kept when it is stopped.

    Attributes
    ----------
    port : int
    """

    def __init__(self, weed: Path, folder: Path) -> None:
        self._weed, self._folder = weed, folder
        self._ports = free_ports(8)
        self.port = self._ports[0]
        self._process: Process | None = None
        self._holds_an_object = False
        identities = [
            {
                "name": name,
                "credentials": [{"accessKey": f"key-of-{name}", "secretKey": f"secret-of-{name}"}],
                "actions": actions,
            }
            for name, actions in _ACTIONS.items()
        ]
        (folder / "identities.json").write_text(json.dumps({"identities": identities}), "utf-8")
        (folder / "data").mkdir()

    def start(self) -> None:
        """Start the server and wait until it responds."""
        s3, s3_grpc, filer, filer_grpc, volume, volume_grpc, master, master_grpc = self._ports
        options = {
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": self._folder / "data",
            "s3.port": s3,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": self._folder / "identities.json",
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "volume.max": 20,
            "master.port": master,
            "master.port.grpc": master_grpc,
            "master.volumeSizeLimitMB": 64,
            "master.telemetry": "false",  # send no usage data
            "master.electionTimeout": "1s",  # there is only one master
        }
        arguments = [f"-{name}={value}" for name, value in options.items()]
        command: list[str | Path] = [
            self._weed,
            "-logtostderr",
            "server",
            "-filer",
            "-s3",
            *arguments,
        ]
        env = {"HOME": str(self._folder), "PATH": "/usr/bin:/bin"}
        self._process = Process(command, env, self._folder)
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self._process.exit_code is None:
            with suppress(BotoCoreError, ClientError):
                self._prepare()
                return
            time.sleep(0.1)
        raise AssertionError(
            f"SeaweedFS did not start. Its output:\n{self._process.output[-5000:]}"
        )

    def _prepare(self) -> None:
        """Write an object on the first start, and read it on every start."""
        client = self.client()
        if not self._holds_an_object:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(
                    Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
                )
            client.put_object(Bucket=BUCKET, Key="an-object", Body=b"here")
            self._holds_an_object = True
        client.get_object(Bucket=BUCKET, Key="an-object")["Body"].read()

    def let_all_read(self, *, allowed: bool) -> None:
        """Allow or deny all users to read the bucket."""
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        if allowed:
            self.client().put_bucket_policy(Bucket=BUCKET, Policy=policy)
        else:
            self.client().delete_bucket_policy(Bucket=BUCKET)

    def stop(self) -> None:
        """Kill the server; its port then refuses connections."""
        if self._process is not None:
            self._process.stop(gracefully=False)
            self._process = None

    def client(self) -> Any:
        """Return an S3 client with all permissions."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="key-of-owner",
            aws_secret_access_key="secret-of-owner",
            region_name=REGION,
            config=Config(connect_timeout=1, read_timeout=10, retries={"total_max_attempts": 1}),
        )


@contextmanager
def running_s3_server(weed: Path) -> Iterator[S3Server]:
    """Run a server with a folder of its own; stop it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        server = S3Server(weed, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@dataclass(frozen=True)
class Fault:
    """A fault of a connection.

    Attributes
    ----------
    after : int
        The number of bytes from the server that are passed on first.
    then : {"close", "stall"}
    """

    after: int
    then: Literal["close", "stall"] = "close"


class Wire:
    """A proxy for a local server; each fault in `faults` affects one connection.

    Attributes
    ----------
    faults : deque of Fault
        The faults of the next connections, in order.
    """

    def __init__(self, to_port: int) -> None:
        self.faults: deque[Fault] = deque()
        self._to = ("127.0.0.1", to_port)
        self._over = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @contextmanager
    def open(self) -> Iterator[Wire]:
        """Accept connections until the end of the block."""
        accepting = threading.Thread(target=self._accept)
        accepting.start()
        try:
            yield self
        finally:
            self._over.set()
            self._listening.shutdown(socket.SHUT_RDWR)
            accepting.join()
            self._listening.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                client, _ = self._listening.accept()
                fault = self.faults.popleft() if self.faults else None
                threading.Thread(target=self._carry, args=(client, fault), daemon=True).start()

    def _carry(self, client: socket.socket, fault: Fault | None) -> None:
        with client, suppress(OSError), socket.create_connection(self._to, 5) as server:
            there = threading.Thread(target=_pump, args=(client, server), daemon=True)
            there.start()
            _pump(server, client, fault.after if fault else None)
            if fault and fault.then == "stall":
                self._over.wait(30)
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            there.join()


def _pump(source: socket.socket, sink: socket.socket, limit: int | None = None) -> None:
    """Copy bytes in one direction until either end closes or `limit` bytes are copied."""
    passed = 0
    with suppress(OSError):
        while limit is None or passed < limit:
            size = 65536 if limit is None else min(65536, limit - passed)
            if not (data := source.recv(size)):
                break
            sink.sendall(data)
            passed += len(data)
    if limit is None:
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
