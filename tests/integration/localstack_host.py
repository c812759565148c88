"""LocalStack with extensions that Carlens needs; runs in the virtual environment of LocalStack.

It adds what the community edition lacks:

- Functions run without Docker. Python functions run under Lambda's emulator and runtime client,
  with the deployed code, layers, variables and timeout. Functions of the CDK, which implement
  custom resources, run under Node.
- Custom resources are called as CloudFormation calls them.
- A failed update is rolled back. LocalStack only sets the status.
- A version that exists already cannot be created again.
- An alias can be updated.

`localstack.py` starts it.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from tests.integration.lambda_runtime import Image, running_function
from tests.integration.tools import find_tools

_NODE_BRIDGE = Path(__file__).with_name("localstack_node.js")
_FUNCTION_SECONDS = 120.0


def _load(name: str, *members: str) -> Any:
    # Imported by name because LocalStack is not installed where mypy runs.
    module = importlib.import_module(f"localstack.{name}")
    return [getattr(module, member) for member in members]


[_Executors] = _load("services.lambda_.invocation.plugins", "DockerRuntimeExecutorPlugin")
[_Result] = _load("services.lambda_.invocation.lambda_models", "InvocationResult")
[_Alias] = _load("services.lambda_.resource_providers.lambda_alias", "LambdaAliasProvider")
[_Providers, _Progress, _Status] = _load(
    "services.cloudformation.resource_provider",
    "ResourceProviderExecutor",
    "ProgressEvent",
    "OperationStatus",
)
[_Executor] = _load(
    "services.cloudformation.engine.v2.change_set_model_executor", "ChangeSetModelExecutor"
)
[_ChangeSet, _ModelInputs] = _load(
    "services.cloudformation.v2.entities", "ChangeSet", "UpdateModelInputs"
)
_cloudformation: Any = importlib.import_module("localstack.services.cloudformation.v2.provider")
[_Version] = _load(
    "services.lambda_.resource_providers.aws_lambda_version", "LambdaVersionProvider"
)
[_router] = _load("services.edge", "ROUTER")
[_HttpResponse] = _load("http", "Response")


class FunctionRunner:
    """An environment of a deployed function; LocalStack calls it a runtime executor."""

    def __init__(self, number: str, function_version: Any) -> None:
        self._config = function_version.config
        self._running = ExitStack()
        self._run: Callable[[str], tuple[bytes, bool]]
        self._output: Callable[[], str] = str

    @classmethod
    def validate_environment(cls) -> bool:
        return True

    @classmethod
    def prepare_version(cls, function_version: Any) -> None:
        for archive in cls._archives(function_version.config):
            archive.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: Any) -> None:
        """Keep the code: the next version, which may already be running, uses the same folder."""

    @staticmethod
    def _archives(config: Any) -> list[Any]:
        return [config.code, *(layer.code for layer in config.layers)]

    def start(self, env_vars: dict[str, Any]) -> None:
        self._env = {name: _by_path(str(value)) for name, value in env_vars.items()}
        self._task: Path = self._config.code.get_unzipped_code_location()
        if self._config.runtime.startswith("nodejs"):
            self._run = self._run_node
            return
        folder = Path(self._running.enter_context(tempfile.TemporaryDirectory()))
        tools = find_tools()
        image = Image(self._task, folder / "opt")
        for archive in self._archives(self._config)[1:]:
            archive.prepare_for_execution()
            shutil.copytree(
                archive.get_unzipped_code_location(),
                image.opt,
                copy_function=os.link,
                dirs_exist_ok=True,
            )
        # These paths differ from those in Lambda.
        kept = ("LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV")
        env = {name: value for name, value in self._env.items() if name not in kept}
        function = self._running.enter_context(
            running_function(
                image, tools, env=env, handler=self._config.handler, timeout=self._config.timeout
            )
        )

        def run(event: str) -> tuple[bytes, bool]:
            answer = function.invoke_bytes(event.encode())
            if answer.error == "Sandbox.Timedout":
                problem = {"errorType": answer.error, "errorMessage": answer.payload.decode()}
                return json.dumps(problem).encode(), True
            return answer.payload, answer.error is not None

        self._run = run
        self._output = lambda: function.output

    def _run_node(self, event: str) -> tuple[bytes, bool]:
        file, _, function = self._config.handler.rpartition(".")
        done = subprocess.run(
            ["node", _NODE_BRIDGE, self._task / f"{file}.js", function],
            input=event.encode(),
            env={"PATH": os.environ["PATH"], "NODE_PATH": os.environ["NODE_PATH"], **self._env},
            capture_output=True,
            timeout=_FUNCTION_SECONDS,
            check=False,
        )
        self._output = lambda: done.stderr.decode()
        if done.returncode:
            return json.dumps({"errorMessage": done.stderr.decode()[-2000:]}).encode(), True
        return done.stdout, False

    def stop(self) -> None:
        self._running.close()

    def invoke(self, payload: dict[str, str]) -> Any:
        answer, failed = self._run(payload["payload"])
        return _Result(payload["invoke-id"], answer, is_error=failed, logs=self.get_logs())

    def get_logs(self) -> str:
        return self._output()

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        return ""


def _by_path(value: str) -> str:
    """Address buckets by path: their host names would need a name server."""
    return re.sub(
        r"^https://([^./]+)\.s3\.127\.0\.0\.1/$",
        rf"http://{os.environ['GATEWAY_LISTEN']}/\1",
        value,
    )


class CustomResource:
    """Calls the function of a custom resource and waits for its response.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
    """

    SCHEMA: ClassVar = {"primaryIdentifier": ["/properties/PhysicalResourceId"]}
    answers: ClassVar[dict[str, dict[str, Any]]] = {}

    def create(self, request: Any) -> Any:
        return self._ask("Create", request, {})

    def update(self, request: Any) -> Any:
        before = request.previous_state
        return self._ask(
            "Update",
            request,
            {
                "PhysicalResourceId": before["PhysicalResourceId"],
                "OldResourceProperties": _properties(before),
            },
        )

    def delete(self, request: Any) -> Any:
        physical = request.desired_state["PhysicalResourceId"]
        return self._ask("Delete", request, {"PhysicalResourceId": physical})

    def _ask(self, kind: str, request: Any, more: dict[str, Any]) -> Any:
        number = str(uuid.uuid4())
        properties = _properties(request.desired_state)
        event = {
            "RequestType": kind,
            "RequestId": number,
            "ResponseURL": f"https://127.0.0.1/_custom_resource/{number}?signature=none",
            "StackId": request.stack_id,
            "LogicalResourceId": request.logical_resource_id,
            "ResourceType": request.resource_type,
            "ServiceToken": properties["ServiceToken"],
            "ResourceProperties": properties,
            **more,
        }
        invoked = request.aws_client_factory.lambda_.invoke(
            FunctionName=properties["ServiceToken"], Payload=json.dumps(event).encode()
        )
        said = invoked["Payload"].read().decode()
        answer = self.answers.pop(number, {"Status": "FAILED", "Reason": f"no response: {said}"})
        if answer["Status"] != "SUCCESS":
            return _Progress(_Status.FAILED, resource_model={}, message=answer["Reason"])
        model = {
            **request.desired_state,
            **(answer.get("Data") or {}),
            "PhysicalResourceId": answer["PhysicalResourceId"],
        }
        return _Progress(_Status.SUCCESS, resource_model=model)


def _properties(state: dict[str, Any]) -> dict[str, Any]:
    """Convert properties for custom resources, which receive booleans as text."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in state.items()
        if name != "PhysicalResourceId"
    }


def _take_answer(request: Any, number: str, **_: Any) -> Any:
    CustomResource.answers[number] = json.loads(request.data)
    return _HttpResponse(status=200)


class Executor(_Executor):  # type: ignore[misc, valid-type]
    """Executes a change set; if an update fails, executes one that undoes it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    """

    resources: dict[str, Any]

    def process(self) -> None:
        try:
            super().process()
        except Exception:
            if self._change_set.change_set_type == "UPDATE":
                self._deferred_actions.clear()  # the deletion of what the update replaced
                self._roll_back()
            raise

    def _roll_back(self) -> None:
        failed, stack = self._change_set, self._change_set.stack
        stack.set_stack_status("UPDATE_ROLLBACK_IN_PROGRESS")
        # A resource that could not be changed keeps its previous state.
        changed = {name: r for name, r in self.resources.items() if "PhysicalResourceId" in r}
        stack.resolved_resources = {**stack.resolved_resources, **changed}
        old, new = stack.template["Resources"], failed.template["Resources"]
        present = {
            name: (new if name in self.resources and name in new else old)[name]
            for name in stack.resolved_resources
        }
        created = {
            name: {**resource, "DeletionPolicy": "Delete"}
            for name, resource in present.items()
            if name not in old and resource.get("DeletionPolicy") == _RETAIN_EXCEPT_ON_CREATE
        }
        undo = _ChangeSet(
            stack,
            {"ChangeSetName": "rollback", "ChangeSetType": "UPDATE"},
            template_body=stack.template_body,
            template=stack.template,
        )
        undo.compute_update_model(
            _ModelInputs(
                before_template={**failed.template, "Resources": {**present, **created}},
                after_template=stack.template,
                before_parameters=failed.resolved_parameters,
                after_parameters={},
            )
        )
        done = Executor(undo).execute()
        assert done.failure_message is None, done.failure_message
        # LocalStack takes the state of the stack from these.
        self.resources = done.resources
        for name in ("template", "processed_template", "template_body", "resolved_parameters"):
            setattr(failed, name, getattr(stack, name))

    def _execute_resource_change(self, name: str, before: Any, after: Any) -> None:
        if getattr(before, "deletion_policy", None) == _RETAIN_EXCEPT_ON_CREATE:
            before.deletion_policy = "Retain"
        super()._execute_resource_change(name, before, after)


_RETAIN_EXCEPT_ON_CREATE = "RetainExceptOnCreate"


def _create_version(provider: Any, request: Any) -> Any:
    """Publish a version, unless the last one is the same."""
    client, name = request.aws_client_factory.lambda_, request.desired_state["FunctionName"]
    if not request.custom_context:  # the first of several calls
        latest, *published = client.list_versions_by_function(FunctionName=name)["Versions"]
        if published and _content(published[-1]) == _content(latest):
            return _Progress(
                _Status.FAILED,
                resource_model={},
                message=f"A version for this Lambda function exists ( {published[-1]['Version']} ). "
                "Modify the function to create a new version.",
            )
    return _create_any_version(provider, request)


_create_any_version = _Version.create


def _content(version: dict[str, Any]) -> dict[str, Any]:
    """Return what distinguishes a version from others."""
    own = ("Version", "FunctionArn", "RevisionId", "LastModified", "State", "LastUpdateStatus")
    return {key: value for key, value in version.items() if not key.startswith(own)}


def _change_alias(provider: Any, request: Any) -> Any:
    """Move an alias."""
    wanted, before = request.desired_state, request.previous_state
    request.aws_client_factory.lambda_.update_alias(
        FunctionName=wanted["FunctionName"],
        Name=wanted["Name"],
        FunctionVersion=wanted["FunctionVersion"],
    )
    return _Progress(_Status.SUCCESS, resource_model={**before, **wanted})


def main() -> None:
    """Run LocalStack until it is stopped."""
    _Executors.load = lambda *_: FunctionRunner
    _cloudformation.ChangeSetModelExecutor = Executor
    _Version.create = _create_version
    _Alias.update = _change_alias
    # LocalStack marks the function name of the alias as changed when the function changes, and
    # would replace the alias.
    _Alias.SCHEMA = {**_Alias.SCHEMA, "createOnlyProperties": []}
    theirs = _Providers.try_load_resource_provider
    _Providers.try_load_resource_provider = staticmethod(
        lambda kind: CustomResource() if kind.startswith("Custom::") else theirs(kind)
    )
    _router.add("/_custom_resource/<number>", endpoint=_take_answer, methods=["PUT"])
    [run] = _load("runtime.main", "main")
    run()


if __name__ == "__main__":
    main()
