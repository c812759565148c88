"""Give each caller of an API a key with limits of its own.

python -m operations.keys --stage prod add partner --rate 5 --burst 10 --quota 10000
python -m operations.keys --stage prod list
python -m operations.keys --stage prod remove partner

Callers come and go without a deployment, so their keys are not part of the stacks.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from infra.settings import Settings
from operations.stage import (
    Client,
    OperationError,
    client_of,
    errors_as_messages,
    existing_stack,
    outputs,
    resources,
    settings_of,
    stack_name,
)

T = TypeVar("T", int, float)

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


@dataclass(frozen=True)
class Limits:
    """Limits of a key.

    Attributes
    ----------
    rate : float
        Requests per second.
    burst : int
        Size of a burst of requests.
    quota : int or None
        Requests per month; None for no limit.
    """

    rate: float
    burst: int
    quota: int | None = None

    def __str__(self) -> str:
        quota = f"{self.quota:,} a month" if self.quota else "no quota"
        return f"{self.rate:g} requests per second, bursts of {self.burst}, {quota}"


@dataclass(frozen=True)
class Key:
    """A key with its usage plan.

    Attributes
    ----------
    name : str
        Name of the caller.
    key_id, plan_id : str
    limits : Limits
    """

    name: str
    key_id: str
    plan_id: str
    limits: Limits


class Keys:
    """The keys of a stage.

    Parameters
    ----------
    client : Client
    stage : str
    today : callable
        Returns the current date in UTC.

    Raises
    ------
    OperationError
        The stage is not deployed, or its API needs no key.
    """

    def __init__(
        self,
        client: Client,
        stage: str,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        stack = existing_stack(client, stack_name(stage, "api"))
        if "ApiKeyId" not in outputs(stack):
            raise OperationError(
                f"No route of stage {stage} needs a key. Set `api_key` to true in cdk.json and "
                "deploy."
            )
        (self._api_id,) = resources(client, stack["StackName"], "AWS::ApiGateway::RestApi").values()
        self._gateway = client("apigateway")
        self._stage, self._prefix, self._today = stage, f"carlens-{stage}-key-", today

    def all(self) -> list[Key]:
        """Read the keys, by name."""
        pages = self._gateway.get_paginator("get_usage_plans").paginate()
        plans = [
            plan
            for page in pages
            for plan in page["items"]
            if plan["name"].startswith(self._prefix)
        ]
        return sorted(
            (key for plan in plans for key in self._keys_of(plan)), key=lambda key: key.name
        )

    def add(self, name: str, limits: Limits) -> Key:
        """Create a key and its usage plan, or neither.

        Raises
        ------
        OperationError
            The name is not allowed, or there is such a key.
        """
        if not _NAME.fullmatch(name):
            raise OperationError(
                f"{name!r} must be up to 41 lowercase letters, digits and hyphens, and not start "
                "with a hyphen."
            )
        if any(key.name == name for key in self.all()):
            raise OperationError(f"There is a key {name} already. Remove it first.")
        full = self._prefix + name
        quota = {"quota": {"limit": limits.quota, "period": "MONTH"}} if limits.quota else {}
        plan = self._gateway.create_usage_plan(
            name=full,
            apiStages=[{"apiId": self._api_id, "stage": self._stage}],
            throttle={"rateLimit": limits.rate, "burstLimit": limits.burst},
            **quota,
        )
        with self._undone(lambda: self._delete_plan(plan["id"])):
            key = self._gateway.create_api_key(
                name=full, description=f"Carlens, stage {self._stage}: {name}", enabled=True
            )
            with self._undone(lambda: self._gateway.delete_api_key(apiKey=key["id"])):
                self._gateway.create_usage_plan_key(
                    usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY"
                )
        return Key(name, key["id"], plan["id"], limits)

    def remove(self, name: str) -> Key:
        """Delete a key and its usage plan.

        Raises
        ------
        OperationError
            There is no such key.
        """
        keys = self.all()
        found = [key for key in keys if key.name == name]
        if not found:
            names = ", ".join(key.name for key in keys) or "none"
            raise OperationError(f"There is no key {name}; the stage has {names}.")
        self._gateway.delete_api_key(apiKey=found[0].key_id)
        self._delete_plan(found[0].plan_id)
        return found[0]

    def used(self, key: Key) -> int:
        """Return the requests of a key in this month, in UTC."""
        today = self._today()
        usage = self._gateway.get_usage(
            usagePlanId=key.plan_id,
            startDate=today.replace(day=1).isoformat(),
            endDate=today.isoformat(),
        ).get("items", {})
        return sum(used for used, _ in usage.get(key.key_id, ()))

    def _keys_of(self, plan: dict[str, Any]) -> Iterator[Key]:
        limits = Limits(
            plan["throttle"]["rateLimit"],
            plan["throttle"]["burstLimit"],
            plan.get("quota", {}).get("limit"),
        )
        for key in self._gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]:
            yield Key(plan["name"].removeprefix(self._prefix), key["id"], plan["id"], limits)

    def _delete_plan(self, plan_id: str) -> None:
        # API Gateway refuses to delete a plan that belongs to a stage.
        stage = {"op": "remove", "path": "/apiStages", "value": f"{self._api_id}:{self._stage}"}
        self._gateway.update_usage_plan(usagePlanId=plan_id, patchOperations=[stage])
        self._gateway.delete_usage_plan(usagePlanId=plan_id)

    @staticmethod
    @contextmanager
    def _undone(undo: Callable[[], object]) -> Iterator[None]:
        """Call `undo` if the block fails."""
        try:
            yield
        except BaseException:
            undo()
            raise


def describe(key: Key, stage: str) -> str:
    """Tell how to read the value of a new key, and its usage."""
    return "\n".join(
        (
            f"Key {key.name} of stage {stage}, with the ID {key.key_id}: {key.limits}.",
            f"  Value:  aws apigateway get-api-key --api-key {key.key_id} --include-value "
            "--query value --output text",
            f"  Usage:  make keys STAGE={stage}",
        )
    )


def table(used: Mapping[Key, int]) -> str:
    """Write the keys, with the requests of each in this month, as lines of text."""
    if not used:
        return "There are no keys besides that of the stage."
    return "\n".join(
        f"{key.name:<20} {key.key_id:<12} {key.limits}; {requests:,} used this month"
        for key, requests in used.items()
    )


def _limits(arguments: argparse.Namespace, settings: Settings) -> Limits:
    return Limits(
        settings.throttle_rate if arguments.rate is None else arguments.rate,
        settings.throttle_burst if arguments.burst is None else arguments.burst,
        settings.monthly_quota if arguments.quota is None else arguments.quota,
    )


def _positive(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return a parser of numbers above 0, for an option."""

    def positive(text: str) -> T:
        number = parse(text)
        if number <= 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return number

    return positive


def main() -> None:
    """Run the command line; exit with a message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.keys", description=__doc__)
    parser.add_argument("--stage", default="dev")
    commands = parser.add_subparsers(dest="command", required=True)
    add = commands.add_parser("add", help="create a key")
    add.add_argument("name", help="name of the caller")
    add.add_argument("--rate", type=_positive(float), help="requests per second [as the stage]")
    add.add_argument("--burst", type=_positive(int), help="size of a burst [as the stage]")
    add.add_argument("--quota", type=_positive(int), help="requests per month [as the stage]")
    commands.add_parser("list", help="show all keys and their usage in this month")
    commands.add_parser("remove", help="delete a key").add_argument("name")
    arguments = parser.parse_args()
    with errors_as_messages():
        settings = settings_of(arguments.stage)
        keys = Keys(client_of(arguments.stage), arguments.stage)
        if arguments.command == "add":
            key = keys.add(arguments.name, _limits(arguments, settings))
            print(describe(key, arguments.stage))
        elif arguments.command == "remove":
            print(f"Removed the key {keys.remove(arguments.name).name}.")
        else:
            print(table({key: keys.used(key) for key in keys.all()}))


if __name__ == "__main__":
    main()
