"""Keys of callers, in an API Gateway in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from operations.keys import Keys, Limits, describe, main, table
from operations.stage import OperationError
from tests.unit.operations.cloud import Formation, Pages, refusal

STACK = "carlens-prod-api"


@dataclass
class Gateway:
    """Usage plans and keys by their IDs; `refuses` names a call that fails."""

    plans: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    linked: dict[str, list[str]] = field(default_factory=dict)
    used: dict[str, list[list[int]]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: str = ""

    def _id(self, call: str) -> str:
        if call == self.refuses:
            raise refusal("LimitExceededException")
        return f"{call}{len(self.plans) + len(self.keys)}"

    def create_usage_plan(self, **plan: Any) -> dict[str, Any]:
        created = {"id": self._id("plan"), **plan}
        self.plans[created["id"]] = created
        return created

    def create_api_key(self, name: str, description: str, enabled: bool) -> dict[str, str]:
        key_id = self._id("key")
        self.keys[key_id] = name
        return {"id": key_id, "value": "a secret"}

    def create_usage_plan_key(self, usagePlanId: str, keyId: str, keyType: str) -> None:
        self._id("link")
        self.linked[usagePlanId] = [keyId]

    def delete_api_key(self, apiKey: str) -> None:
        del self.keys[apiKey]

    def update_usage_plan(self, usagePlanId: str, patchOperations: list[dict[str, str]]) -> None:
        (patch,) = patchOperations
        assert (patch["op"], patch["path"]) == ("remove", "/apiStages")
        stages = self.plans[usagePlanId]["apiStages"]
        self.plans[usagePlanId]["apiStages"] = [
            each for each in stages if f"{each['apiId']}:{each['stage']}" != patch["value"]
        ]

    def delete_usage_plan(self, usagePlanId: str) -> None:
        if self.plans[usagePlanId]["apiStages"]:
            raise refusal("BadRequestException", "Cannot delete a plan with stages")
        del self.plans[usagePlanId]

    def get_paginator(self, name: str) -> Any:
        return Pages("items", list(self.plans.values()))

    def get_usage_plan_keys(self, usagePlanId: str) -> dict[str, Any]:
        return {"items": [{"id": key} for key in self.linked.get(usagePlanId, ())]}

    def get_usage(self, usagePlanId: str, startDate: str, endDate: str) -> dict[str, Any]:
        self.asked.append((startDate, endDate))
        linked = self.linked.get(usagePlanId, ())
        return {"items": {key: self.used[key] for key in linked if key in self.used}}


def keys_of(gateway: Gateway, *outputs: str) -> Keys:
    described = [{"OutputKey": key, "OutputValue": "its value"} for key in outputs]
    formation = Formation(
        {STACK: {"Outputs": described}},
        {STACK: [("AWS::ApiGateway::RestApi", "RestApi", "api1")]},
    )
    client: Any = {"cloudformation": formation, "apigateway": gateway}.__getitem__
    return Keys(client, "prod", today=lambda: date(2026, 11, 29))


def keyed(gateway: Gateway) -> Keys:
    return keys_of(gateway, "ApiKeyId")


def test_a_caller_gets_a_key_with_a_plan_of_its_own() -> None:
    gateway = Gateway()

    key = keyed(gateway).add("partner", Limits(5, 10, 10_000))

    (plan,) = gateway.plans.values()
    assert plan["name"] == gateway.keys[key.key_id] == "carlens-prod-key-partner"
    assert plan["apiStages"] == [{"apiId": "api1", "stage": "prod"}]
    assert plan["throttle"] == {"rateLimit": 5, "burstLimit": 10}
    assert plan["quota"] == {"limit": 10_000, "period": "MONTH"}
    assert gateway.linked == {key.plan_id: [key.key_id]}
    assert keyed(gateway).all() == [key]


def test_the_value_of_a_key_is_not_printed() -> None:
    said = describe(keyed(Gateway()).add("partner", Limits(5, 10)), "prod")

    assert said.startswith("Key partner of stage prod, with the ID key1: 5 requests per second, ")
    assert "no quota" in said
    assert "aws apigateway get-api-key --api-key key1 --include-value" in said
    assert "a secret" not in said


def test_keys_are_listed_with_their_usage_of_this_month() -> None:
    gateway = Gateway()
    keys = keyed(gateway)
    partner, garage = keys.add("partner", Limits(5, 10, 100)), keys.add("garage", Limits(1, 2))
    gateway.used = {partner.key_id: [[30, 70], [12, 58]]}
    gateway.create_usage_plan(name="carlens-prod", throttle={}, apiStages=[])  # of the stage itself

    used = {key: keys.used(key) for key in keys.all()}

    assert used == {garage: 0, partner: 42}
    assert set(gateway.asked) == {("2026-11-01", "2026-11-29")}
    lines = table(used).splitlines()
    assert lines[0].split()[:2] == ["garage", garage.key_id]
    assert lines[1].endswith("bursts of 10, 100 a month; 42 used this month")
    assert table({}) == "There are no keys besides that of the stage."


def test_a_removed_key_leaves_nothing_behind() -> None:
    gateway = Gateway()
    keys = keyed(gateway)
    keys.add("partner", Limits(5, 10))

    keys.remove("partner")

    assert (gateway.plans, gateway.keys) == ({}, {})
    with pytest.raises(OperationError, match="There is no key partner; the stage has none"):
        keys.remove("partner")


@pytest.mark.parametrize("call", ["key", "link"])
def test_a_key_that_cannot_be_made_leaves_nothing_behind(call: str) -> None:
    gateway = Gateway(refuses=call)

    with pytest.raises(Exception, match="LimitExceeded"):
        keyed(gateway).add("partner", Limits(5, 10))

    assert (gateway.plans, gateway.keys) == ({}, {})


@pytest.mark.parametrize("name", ["", "Partner", "a b", "-a", "a" * 42])
def test_a_name_that_is_not_allowed_is_refused(name: str) -> None:
    with pytest.raises(OperationError, match="lowercase letters, digits and hyphens"):
        keyed(Gateway()).add(name, Limits(5, 10))


def test_a_second_key_of_the_same_name_is_refused() -> None:
    keys = keyed(Gateway())
    keys.add("partner", Limits(5, 10))

    with pytest.raises(OperationError, match="There is a key partner already"):
        keys.add("partner", Limits(5, 10))


def test_a_stage_without_keys_is_reported() -> None:
    with pytest.raises(OperationError, match="No route of stage prod needs a key"):
        keys_of(Gateway())


@pytest.mark.parametrize("option", ["--rate=0", "--burst=-1", "--quota=0"])
def test_a_limit_of_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    monkeypatch.setattr("sys.argv", ["keys", "add", "partner", option])

    with pytest.raises(SystemExit):
        main()

    assert "must be above 0" in capsys.readouterr().err
