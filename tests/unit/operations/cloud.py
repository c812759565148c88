"""A fake of the parts of CloudFormation, Lambda and S3 that the operations call."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

STACK_ID = "arn:aws:cloudformation:eu-west-3:123456789012:stack/carlens-prod-api/0"
GOOD = {"statusCode": 200, "body": '{"images": [{"error": null, "objects": [{}]}]}'}


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message or code}}, "Operation")


class Pages:
    """A paginator that returns each item on a page of its own."""

    def __init__(self, key: str, items: list[Any]) -> None:
        self._pages = [{key: [item]} for item in items]

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        return self._pages


@dataclass
class Lambda:
    """Functions by name; the state of each version, and what it answers."""

    configurations: dict[str, list[dict[str, Any]]]
    alias: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(
            paginate=lambda FunctionName: self._pages(name, FunctionName).paginate()
        )

    def _pages(self, name: str, function: str) -> Pages:
        if name == "list_aliases":
            return Pages("Aliases", [self.alias[function]] if function in self.alias else [])
        return Pages("Versions", self.configurations[function])

    def delete_function(self, FunctionName: str, Qualifier: str) -> None:
        versions = self.configurations[FunctionName]
        self.configurations[FunctionName] = [v for v in versions if v["Version"] != Qualifier]

    def get_function_configuration(self, FunctionName: str, Qualifier: str) -> dict[str, Any]:
        versions = [v["Version"] for v in self.configurations[FunctionName]]
        if Qualifier not in versions:
            raise refusal("ResourceNotFoundException")
        states = self.states.get(Qualifier, ["Active"])
        state = states.pop(0) if len(states) > 1 else states[0]
        return {"State": state, "StateReason": "the models cannot be read"}

    def invoke(self, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:
        self.calls.append(f"invoke {Qualifier}")
        version = Qualifier if Qualifier != "live" else self.alias[FunctionName]["FunctionVersion"]
        if self.states.get(version, ["Active"])[0] == "Inactive":
            raise refusal("SnapStartNotReadyException")
        answer = self.answers.get(version, GOOD)
        error = {"FunctionError": "Unhandled"} if "errorMessage" in answer else {}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), **error}

    def get_alias(self, FunctionName: str, Name: str) -> dict[str, Any]:
        return self.alias[FunctionName]

    def update_alias(self, FunctionName: str, Name: str, **change: Any) -> None:
        self.calls.append(f"alias {change['FunctionVersion']}")
        self.alias[FunctionName] = {"Name": Name, **change}


@dataclass
class Formation:
    """Stacks by name, each with its description, resources and template."""

    stacks: dict[str, dict[str, Any]]
    resources: dict[str, list[tuple[str, str, str]]]
    template: dict[str, Any] = field(default_factory=dict)
    updates: list[dict[str, Any]] = field(default_factory=list)
    refusal: ClientError | None = None
    meta: Any = field(default_factory=lambda: SimpleNamespace(region_name="eu-west-3"))

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        if StackName not in self.stacks:
            raise refusal("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackName": StackName, **self.stacks[StackName]}]}

    def get_paginator(self, name: str) -> Any:
        def paginate(StackName: str) -> list[dict[str, Any]]:
            keys = ("ResourceType", "LogicalResourceId", "PhysicalResourceId")
            items = [dict(zip(keys, each, strict=True)) for each in self.resources[StackName]]
            return Pages("StackResourceSummaries", items).paginate()

        return SimpleNamespace(paginate=paginate)

    def get_template(self, StackName: str, TemplateStage: str) -> dict[str, Any]:
        return {"TemplateBody": copy.deepcopy(self.template)}

    def update_stack(self, **update: Any) -> None:
        if self.refusal:
            raise self.refusal
        self.updates.append(update)

    def get_waiter(self, name: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)


@dataclass
class S3:
    """Objects by bucket and key: the time of each, and its content."""

    objects: dict[tuple[str, str], tuple[datetime | None, bytes]] = field(default_factory=dict)
    meta: Any = field(
        default_factory=lambda: SimpleNamespace(endpoint_url="https://s3.eu-west-3.amazonaws.com")
    )

    def get_paginator(self, name: str) -> Any:
        def paginate(Bucket: str, Prefix: str) -> list[dict[str, Any]]:
            items = [
                {"Key": key, "Size": len(content), "LastModified": time}
                for (bucket, key), (time, content) in self.objects.items()
                if bucket == Bucket and key.startswith(Prefix)
            ]
            return Pages("Contents", items).paginate() or [{}]

        return SimpleNamespace(paginate=paginate)

    def delete_objects(self, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        for each in Delete["Objects"]:
            del self.objects[Bucket, each["Key"]]
        return {}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Bucket, Key] = (None, Body)


def client_for(functions: Lambda, formation: Formation, storage: S3) -> Callable[[str], Any]:
    services = {"lambda": functions, "cloudformation": formation, "s3": storage}
    return services.__getitem__
