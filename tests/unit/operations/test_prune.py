"""What pruning deletes, and what it keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from operations.prune import ModelFile, Plan, apply_plan, make_plan, read_plan
from operations.stage import DeployedFunction, OperationError, Version
from tests.unit.operations.cloud import S3, Formation, Lambda, client_for

NOW = datetime(2026, 12, 1, tzinfo=UTC)
OLD = NOW - timedelta(days=30)
NEW = NOW - timedelta(hours=1)


def version(number: int, *models: str, published: datetime = OLD) -> Version:
    return Version("recognition", number, published, 1769, True, frozenset(models))


def function(*versions: Version, called: int | tuple[int, ...]) -> DeployedFunction:
    called = (called,) if isinstance(called, int) else called
    latest = versions[-1].models if versions else frozenset()
    return DeployedFunction("recognition", versions, frozenset(called), latest)


def deleted(
    *functions: DeployedFunction,
    files: tuple[ModelFile, ...] = (),
    placed: frozenset[str] = frozenset(),
    keep: int = 1,
) -> tuple[list[int], list[str]]:
    plan = make_plan(functions, files, placed=placed, keep=keep, now=NOW)
    return [v.number for v in plan.versions], [file.key for file in plan.files]


@pytest.mark.parametrize(
    ("called", "keep", "gone"),
    [
        (7, 3, [1, 2, 3, 4]),
        (7, 1, [1, 2, 3, 4, 5]),  # 6 is the one before
        (7, 100, []),
        (3, 1, [1, 4, 5, 6]),  # after a rollback: 3, the one before it, and the newest
        ((3, 7), 1, [1, 4, 5]),  # a deployment shifts the alias
        ((), 2, [1, 2, 3, 4, 5]),
    ],
)
def test_the_newest_the_called_and_the_one_before_stay(
    called: int | tuple[int, ...], keep: int, gone: list[int]
) -> None:
    seven = function(*map(version, range(1, 8)), called=called)

    assert deleted(seven, keep=keep) == (gone, [])


def test_the_one_before_is_the_last_that_still_exists() -> None:
    assert deleted(function(version(1), version(2), version(9), called=9)) == ([1], [])


def test_a_version_of_today_stays() -> None:
    young = version(1, published=NEW)

    assert deleted(function(young, version(2), version(3), version(4), called=4)) == ([2], [])


def file(folder: str, modified: datetime = OLD) -> ModelFile:
    return ModelFile(f"{folder}model.onnx", 8_000_000, modified)


def test_a_model_stays_while_a_remaining_version_reads_it() -> None:
    api = function(version(1, "m/a/"), version(2, "m/b/"), version(3, "m/c/"), called=3)
    batch = DeployedFunction("worker", (), frozenset(), frozenset({"m/batch/"}))
    files = tuple(map(file, ("m/a/", "m/b/", "m/c/", "m/batch/", "m/unknown/")))

    assert deleted(api, batch, files=files) == (
        [1],
        ["m/a/model.onnx", "m/unknown/model.onnx"],
    )


def test_a_model_that_a_deployment_has_just_placed_stays() -> None:
    api = function(version(1), called=1)
    # The weights are new and the labels were copied with them; one new file keeps the folder.
    files = (file("m/new/", NEW), ModelFile("m/new/labels.txt", 1, OLD))

    assert deleted(api, files=files) == ([], [])


def test_a_model_that_the_model_stack_has_placed_stays() -> None:
    # Given a deployment whose second stack has failed for days: no function reads its model yet,
    # and the next attempt does not place it again
    api = function(version(1), called=1)

    assert deleted(api, files=(file("m/x/"),), placed=frozenset({"m/x/model.onnx"})) == ([], [])


def test_the_savings_are_those_of_the_snapshots_and_the_models() -> None:
    # The list price of a snapshot is $6.83 a month at 1,769 MB.
    snapshots = Plan((version(1), version(2)), ())
    without = Plan((Version("f", 1, OLD, 1769, False),), (file("m/a/"),))

    assert snapshots.dollars_per_month == pytest.approx(13.66, abs=0.01)
    assert without.dollars_per_month == pytest.approx(0.008 * 0.023)


def configuration(number: str, model: str, **more: object) -> dict[str, object]:
    variables = {"CARLENS_DETECTOR": "net", "CARLENS_DETECTOR_HASH": model}
    return {
        "FunctionName": "recognition",
        "Version": number,
        "LastModified": "2026-11-01T10:00:00.000+0000",
        "MemorySize": 1769,
        "Environment": {"Variables": variables},
        **more,
    }


def cloud() -> tuple[Lambda, Formation, S3]:
    functions = Lambda(
        {
            "recognition": [
                configuration("$LATEST", "d"),
                *(configuration(str(n), model) for n, model in enumerate("abcd", 1)),
            ],
            "worker": [configuration("$LATEST", "d")],
        },
        alias={"recognition": {"Name": "live", "FunctionVersion": "4"}},
    )
    functions.configurations["recognition"][3]["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    outputs = [{"OutputKey": "ModelBucketName", "OutputValue": "bucket"}]
    formation = Formation(
        {
            "carlens-prod-api": {},
            "carlens-prod-batch": {},
            "carlens-prod-models": {"Outputs": outputs},
        },
        {
            "carlens-prod-api": [("AWS::Lambda::Function", "R", "recognition")],
            "carlens-prod-batch": [("AWS::Lambda::Function", "W", "worker")],
            "carlens-prod-models": [("Custom::ModelFile", "P", "models/net/d/model.json")],
        },
    )
    keys = [f"models/net/{model}/{name}" for model in "abcd" for name in ("model.json", "x.onnx")]
    storage = S3({("bucket", key): (OLD, b"12") for key in (*keys, "tables/mine.csv")})
    return functions, formation, storage


def test_a_stage_is_read_and_pruned() -> None:
    functions, formation, storage = cloud()
    client = client_for(functions, formation, storage)

    plan = read_plan(client, "prod", keep=2, now=NOW)
    apply_plan(client, "prod", plan)

    left = [v["Version"] for v in functions.configurations["recognition"]]
    assert left == ["$LATEST", "3", "4"]
    assert {key.split("/")[2] for _, key in storage.objects if key.startswith("models/")} == {
        "c",
        "d",
    }
    assert ("bucket", "tables/mine.csv") in storage.objects
    assert str(plan).splitlines() == [
        "  version 1 of recognition, of 2026-11-01",
        "  version 2 of recognition, of 2026-11-01",
        "  model models/net/a/",
        "  model models/net/b/",
    ]
    # And the second time nothing is left to do
    again = read_plan(client, "prod", keep=2, now=NOW)
    assert str(again) == "  nothing"


def test_a_weighted_alias_keeps_both_versions() -> None:
    functions, formation, storage = cloud()
    functions.alias["recognition"]["RoutingConfig"] = {"AdditionalVersionWeights": {"1": 0.9}}

    plan = read_plan(client_for(functions, formation, storage), "prod", keep=1, now=NOW)

    assert [v.number for v in plan.versions] == [2]


def test_a_stage_that_is_not_deployed_is_reported() -> None:
    client = client_for(*cloud())

    with pytest.raises(OperationError, match="no stack carlens-dev-models in eu-west-3"):
        read_plan(client, "dev", keep=1, now=NOW)


def test_versions_whose_models_are_unknown_stop_the_command() -> None:
    functions, formation, storage = cloud()
    functions.configurations["recognition"][1]["Environment"] = {"Error": {"Message": "no key"}}

    with pytest.raises(OperationError, match=r"variables of recognition:1: .*no key"):
        read_plan(client_for(functions, formation, storage), "prod", keep=1, now=NOW)
