"""Starts LocalStack, an AWS emulator, and deploys Carlens to it with the real CDK.

    with running_localstack() as cloud:
        bootstrap(empty_folder, cloud)
        project = copy_project(folder, cloud)
        project.cdk("deploy", "--all", "--require-approval", "never")

The community edition tests the template, the order of its resources, custom resources, routing, and
the code with its layers and models. It does not test permissions, limits or durations.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from infra.layers.bytecode import find_python
from infra.layers.contents import ROOT
from tests.integration.lambda_runtime import free_ports
from tests.integration.requests_table import RawRequest, RawResponse, send
from tests.integration.tools import UnavailableError, find_localstack

_CDK = ROOT / "node_modules" / ".bin" / "cdk"

ACCOUNT = "000000000000"
REGION = "eu-west-3"
STAGE = "dev"

_START_SECONDS = 60
_STOP_SECONDS = 15
_CDK_SECONDS = 180


def _path() -> str:
    """Put this Python first, then Lambda's, without which the layers would be built anew."""
    pythons = [Path(sys.executable), find_python()]
    return os.pathsep.join([*(str(path.parent) for path in pythons if path), os.environ["PATH"]])


@dataclass(frozen=True)
class LocalStack:
    """A running LocalStack without resources.

    Attributes
    ----------
    url : str
        The endpoint of all its services.
    log : Path
        The output of LocalStack and of the functions in it.
    """

    url: str
    log: Path

    def client(self, service: str) -> Any:
        """Return a boto3 client of a service."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="none",
            config=Config(retries={"max_attempts": 0}, read_timeout=60),
        )


@contextmanager
def running_localstack() -> Iterator[LocalStack]:
    """Run LocalStack on a free local port; stop it and its child processes afterwards.

    Raises
    ------
    UnavailableError
        The CDK is not installed, or LocalStack cannot run here (see `find_localstack`).
    AssertionError
        It did not start; the message contains its output.
    """
    if not _CDK.exists():
        raise UnavailableError(
            "the CDK is not installed; `make test SLOW=yes` installs it, with npm"
        )
    home = find_localstack()
    [port] = free_ports(1)
    # On the file system of the layers, so that their files can be linked instead of copied.
    with tempfile.TemporaryDirectory(prefix="localstack-", dir=ROOT / "build") as name:
        folder = Path(name)
        for part in ("home", "files", "tmp"):
            (folder / part).mkdir()
        cloud = LocalStack(f"http://127.0.0.1:{port}", folder / "log.txt")
        with cloud.log.open("wb") as log:
            process = subprocess.Popen(
                [home / "bin" / "python", "-P", "-m", "tests.integration.localstack_host"],
                cwd=ROOT,
                env=_environment(home, folder, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # All its child processes are in one session, which is killed at the end.
                start_new_session=True,
            )
        try:
            _wait_until_ready(cloud, process)
            yield cloud
        finally:
            _stop(process)


def _environment(home: Path, folder: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "FILESYSTEM_ROOT": str(folder / "files"),
        "PYTHONPATH": str(ROOT),
        "NODE_PATH": str(home / "node_modules"),
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        # No connections to the internet, and no name server.
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        # Skip dashboards and metric filters, which LocalStack does not support.
        "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "1",
        "LAMBDA_SYNCHRONOUS_CREATE": "1",
        "CFN_NO_WAIT_ITERATIONS": "100",
    }


def _wait_until_ready(cloud: LocalStack, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"{cloud.url}/_localstack/health", timeout=5),
        ):
            return
        time.sleep(0.1)
    raise AssertionError(f"LocalStack did not start. Its output:\n{cloud.log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its session: it keeps nothing, and stopping it in order takes longer."""
    process.kill()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(folder.name)) == process.pid:
                os.kill(int(folder.name), signal.SIGKILL)
    process.wait(_STOP_SECONDS)


@dataclass(frozen=True)
class Api:
    """A REST API in LocalStack.

    Attributes
    ----------
    cloud_url : str
        The endpoint of LocalStack.
    api_id : str
    """

    cloud_url: str
    api_id: str

    @property
    def host(self) -> str:
        """The Host header of the API on AWS."""
        return f"{self.api_id}.execute-api.{REGION}.amazonaws.com"

    @property
    def url(self) -> str:
        """The base URL, for clients that cannot send another Host header."""
        return f"{self.cloud_url}/_aws/execute-api/{self.api_id}/{STAGE}"

    @property
    def page(self) -> str:
        """The address of the page, for browsers, which resolve all names below `localhost`."""
        port = urlsplit(self.cloud_url).port
        return f"http://{self.api_id}.execute-api.localhost:{port}/{STAGE}/"

    def send(self, request: RawRequest) -> RawResponse:
        """Send a request with the Host header that it has on AWS."""
        return send(f"{self.cloud_url}/{STAGE}", request, self.host)


@dataclass(frozen=True)
class Project:
    """A copy of the project that tests may change and deploy.

    Attributes
    ----------
    folder : Path
    cloud : LocalStack
    settings : tuple of str
        Context values, in the format of the `-c` option.
    """

    folder: Path
    cloud: LocalStack
    settings: tuple[str, ...]

    def cdk(self, *arguments: str, status: int = 0) -> str:
        """Run a CDK command and return its output.

        Raises
        ------
        AssertionError
            The exit status is not `status`.
        """
        done = subprocess.run(
            [_CDK, *arguments, *(f"--context={s}" for s in self.settings), "--no-notices"],
            cwd=self.folder,
            env={
                "PATH": _path(),
                "HOME": str(self.folder),
                "AWS_ENDPOINT_URL": self.cloud.url,
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": ACCOUNT,
                "AWS_SECRET_ACCESS_KEY": "none",
                "AWS_EC2_METADATA_DISABLED": "true",
                "CDK_DISABLE_CLI_TELEMETRY": "true",
                "CI": "true",  # print progress to standard output
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_CDK_SECONDS,
            check=False,
        )
        assert done.returncode == status, f"{done.stdout}\n{self.cloud.log.read_text()[-4000:]}"
        return done.stdout

    def outputs(self) -> dict[str, str]:
        """Return the outputs of all stacks."""
        stacks = self.cloud.client("cloudformation").describe_stacks()["Stacks"]
        return {o["OutputKey"]: o["OutputValue"] for s in stacks for o in s.get("Outputs", ())}

    def api(self) -> Api:
        """Return the deployed API."""
        [api_id] = re.findall(r"https://([^.]+)\.", self.outputs()["ApiUrl"])
        return Api(self.cloud.url, api_id)

    def deploy_fast(self, *stacks: str) -> None:
        """Deploy without change sets, for which the CDK waits five seconds."""
        never = ("--require-approval", "never")
        self.cdk("deploy", *stacks, *never, "--method", "direct", "--concurrency", "2")

    def deploy(self, *options: str) -> list[str]:
        """Deploy, and return the changed resources as `CREATE|UPDATE|DELETE type id`."""
        before = self._events()
        self.cdk(
            *("deploy", "--all", "--require-approval", "never", "--concurrency", "2"), *options
        )
        done = [event for number, event in self._events().items() if number not in before]
        return sorted(
            f"{event['ResourceStatus'].partition('_')[0]} {event['ResourceType']} "
            f"{event['LogicalResourceId']}"
            for event in done
            if event["ResourceStatus"].endswith("_COMPLETE")
            and event["ResourceType"] != "AWS::CloudFormation::Stack"
        )

    def _events(self) -> dict[str, dict[str, Any]]:
        formation = self.cloud.client("cloudformation")
        names = [stack["StackName"] for stack in formation.describe_stacks()["Stacks"]]
        return {
            event["EventId"]: event
            for name in names
            for event in formation.describe_stack_events(StackName=name)["StackEvents"]
        }


def bootstrap(folder: Path, cloud: LocalStack) -> None:
    """Create what the CDK needs in the cloud.

    `folder` must not contain the project, because there the CDK would synthesize the app first.
    """
    Project(folder, cloud, ()).cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")


def copy_project(folder: Path, cloud: LocalStack, settings: Sequence[str] = ()) -> Project:
    """Copy the files that the CDK needs to an empty folder."""
    for part in ("app.py", "cdk.json"):
        shutil.copy(ROOT / part, folder)
    for part in ("infra", "lambda_src", "models"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    # The CDK zips the layers only once for all projects.
    (ROOT / "build" / "assets").mkdir(exist_ok=True)
    (folder / "cdk.out").mkdir()
    (folder / "cdk.out" / ".cache").symlink_to(ROOT / "build" / "assets")
    (folder / "build").mkdir()
    (folder / "build" / "layers").symlink_to(ROOT / "build" / "layers")
    return Project(folder, cloud, tuple(settings))


def change_version(model: Path, version: str) -> None:
    """Change the version in the manifest of a model."""
    manifest = model / "model.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text("utf-8")), "version": version}))
