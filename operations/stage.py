"""What is deployed in a stage: its stacks, functions and versions, read from AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.settings import SettingError, Settings

ALIAS = "live"

# Makes a boto3 client of a service.
Client = Callable[[str], Any]

_CONTEXT = Path(__file__).resolve().parents[1] / "cdk.json"


class OperationError(Exception):
    """A command cannot do what it was asked to do; the message says why and what to do."""


@dataclass(frozen=True)
class Version:
    """A published version of a function.

    Attributes
    ----------
    function : str
        Name of the function.
    number : int
    published : datetime
    memory : int
        Memory in MB.
    snap_start : bool
        Whether it has a snapshot, which costs money.
    models : frozenset of str
        Folders of the models that it reads, `models/<name>/<hash>/`.
    """

    function: str
    number: int
    published: datetime
    memory: int
    snap_start: bool
    models: frozenset[str] = frozenset()


@dataclass(frozen=True)
class DeployedFunction:
    """A function with its versions.

    Attributes
    ----------
    name : str
    versions : tuple of Version
        From old to new.
    called : frozenset of int
        Versions that an alias calls: two while a deployment shifts it.
    models : frozenset of str
        Folders of the models that the unpublished function reads.
    """

    name: str
    versions: tuple[Version, ...]
    called: frozenset[int]
    models: frozenset[str] = frozenset()


def settings_of(stage: str) -> Settings:
    """Return the settings of a stage.

    Raises
    ------
    SettingError
        There is no such stage in `cdk.json`, or its block is wrong.
    """
    context = json.loads(_CONTEXT.read_text("utf-8"))["context"]
    return Settings.from_context({**context, "stage": stage})


def client_of(stage: str) -> Client:
    """Return a maker of clients for the region of a stage.

    Raises
    ------
    SettingError
        There is no such stage in `cdk.json`, or its block is wrong.
    """
    client: Client = boto3.Session(region_name=settings_of(stage).region).client
    return client


@contextmanager
def errors_as_messages() -> Iterator[None]:
    """Turn errors that a person can act on into a message and exit status 1."""
    try:
        yield
    except (OperationError, SettingError, ClientError, BotoCoreError) as error:
        raise SystemExit(f"carlens: {error}") from None


def stack_name(stage: str, part: Literal["models", "api", "batch"]) -> str:
    """Return the name of a stack of a stage."""
    return f"carlens-{stage}-{part}"


def describe_stack(client: Client, name: str) -> Mapping[str, Any] | None:
    """Describe a stack; None if it does not exist."""
    try:
        stack: Mapping[str, Any] = client("cloudformation").describe_stacks(StackName=name)[
            "Stacks"
        ][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    return stack


def existing_stack(client: Client, name: str) -> Mapping[str, Any]:
    """Describe a stack.

    Raises
    ------
    OperationError
        It does not exist.
    """
    stack = describe_stack(client, name)
    if stack is None:
        region = client("cloudformation").meta.region_name
        raise OperationError(f"There is no stack {name} in {region}. Deploy the stage first.")
    return stack


def outputs(stack: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs of a stack by their keys."""
    return {each["OutputKey"]: str(each["OutputValue"]) for each in stack["Outputs"]}


def output(stack: Mapping[str, Any], key: str) -> str:
    """Return an output of a stack."""
    return outputs(stack)[key]


def resources(client: Client, stack: str, kind: str) -> dict[str, str]:
    """Return the physical IDs of the resources of a type, by logical ID."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in pages
        for each in page["StackResourceSummaries"]
        if each["ResourceType"] == kind and "PhysicalResourceId" in each
    }


def deployed_functions(client: Client, stage: str) -> list[DeployedFunction]:
    """Read the functions of the API and of batch jobs, with all their versions.

    Raises
    ------
    OperationError
        The stage is not deployed, or the variables of a version cannot be read.
    """
    stacks = [existing_stack(client, stack_name(stage, "api"))["StackName"]]
    batch = describe_stack(client, stack_name(stage, "batch"))
    if batch is not None:
        stacks.append(batch["StackName"])
    names = [
        name
        for stack in stacks
        for name in resources(client, stack, "AWS::Lambda::Function").values()
    ]
    return [_read_function(client("lambda"), name) for name in names]


def _read_function(functions: Any, name: str) -> DeployedFunction:
    pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
    configurations = [each for page in pages for each in page["Versions"]]
    published = [each for each in configurations if each["Version"] != "$LATEST"]
    latest = [each for each in configurations if each["Version"] == "$LATEST"]
    aliases = functions.get_paginator("list_aliases").paginate(FunctionName=name)
    called = {
        int(version)
        for page in aliases
        for alias in page["Aliases"]
        for version in (
            alias["FunctionVersion"],
            *alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
        )
        if version != "$LATEST"
    }
    versions = [
        Version(
            function=name,
            number=int(each["Version"]),
            published=datetime.fromisoformat(each["LastModified"]),
            memory=each["MemorySize"],
            snap_start=each.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
            models=_models(each),
        )
        for each in published
    ]
    return DeployedFunction(
        name=name,
        versions=tuple(sorted(versions, key=lambda version: version.number)),
        called=frozenset(called),
        models=frozenset(folder for each in latest for folder in _models(each)),
    )


def _models(configuration: Mapping[str, Any]) -> frozenset[str]:
    environment = configuration.get("Environment", {})
    if "Error" in environment:
        where = f"{configuration['FunctionName']}:{configuration['Version']}"
        raise OperationError(f"Cannot read the variables of {where}: {environment['Error']}.")
    variables = environment.get("Variables", {})
    return frozenset(
        f"models/{variables[f'CARLENS_{task}']}/{variables[f'CARLENS_{task}_HASH']}/"
        for task in ("DETECTOR", "CLASSIFIER")
        if f"CARLENS_{task}_HASH" in variables
    )
