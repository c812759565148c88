"""What docs/batch.md says about results, prices and the input equals what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import batch as benchmark
from carlens.batch.job import MAX_SIZE, Job
from carlens.batch.worker import write_part
from carlens.photo_names import PHOTO_ENDINGS
from carlens.timing import Deadline
from infra.batch_definition import TOLERATED_FAILURES
from tests.fakes import FakeApp
from tests.support import color_blocks, encode
from tests.unit.batch.buckets import FakeBucket

TEXT = (Path(__file__).parents[3] / "docs" / "batch.md").read_text("utf-8")
SCALARS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "double": (float, int),
    "boolean": (bool,),
}


def columns(table: str = "carlens_photos") -> str:
    """Return the columns of an Athena table, without spaces, as the fields of a struct."""
    [found] = re.findall(rf"TABLE {table} \((.*?)\)\nPARTITIONED", TEXT, re.DOTALL)
    named = re.sub(r"^  (\w+) ", r"\1:", found, flags=re.MULTILINE)
    return re.sub(r"\s", "", named)


def split(fields: str) -> dict[str, str]:
    """Return the type of each field of a struct."""
    depth, texts = 0, [""]
    for character in fields:
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "," and not depth:
            texts.append("")
        else:
            texts[-1] += character
    pairs = (text.partition(":") for text in texts)
    return {name: kind for name, _, kind in pairs}


def check(value: Any, kind: str, where: str = "line") -> None:
    """Check that Athena reads a value as this type, and that no member is left out."""
    outer, _, inner = kind.removesuffix(">").partition("<")
    if value is None:
        return
    if outer == "array":
        assert isinstance(value, list), where
        for item in value:
            check(item, inner, where)
    elif outer == "struct":
        fields = split(inner)
        assert isinstance(value, dict), where
        assert value.keys() <= fields.keys(), where
        for name, item in value.items():
            check(item, fields[name], f"{where}.{name}")
    else:
        assert isinstance(value, SCALARS[outer]), where
        assert isinstance(value, bool) == (outer == "boolean"), where


def lines(operation: str, **options: str) -> list[dict[str, Any]]:
    photos = FakeBucket().add("a.png", content=encode(color_blocks(), "PNG"))
    photos.add("junk.png", content=b"junk")
    results = FakeBucket()
    given = {"bucket": "photos", "operation": operation, "options": options}
    state = {"name": "a", "input": given, "part": 0, "keys": ["a.png", "junk.png"]}
    write_part(state, FakeApp(anonymize=True).app, lambda _: photos, results, Deadline.after(60))
    [content] = [each for key, each in results.objects.items() if key.endswith(".jsonl")]
    return [json.loads(line) for line in content.decode().splitlines()]


@pytest.mark.parametrize("operation", ["predict", "object_detection"])
def test_the_athena_table_has_every_member_of_a_line(operation: str) -> None:
    for line in lines(operation):
        check(line, f"struct<{columns()}>")


def test_the_athena_table_has_no_other_columns() -> None:
    [photo, junk] = lines("predict")
    fields = split(columns())
    objects = split(fields["objects"].removeprefix("array<struct<").removesuffix(">>"))

    assert fields.keys() == photo.keys()
    assert objects.keys() == photo["objects"][0].keys()
    assert split(fields["error"][len("struct<") : -1]).keys() == junk["error"].keys()


def test_the_athena_table_of_redaction_has_the_members_of_a_line() -> None:
    # Given a photo with a person, and one that is not a photo
    photo, junk = lines("anonymize", redact="people")
    fields = split(columns("carlens_redacted"))

    for line in (photo, junk):
        check(line, f"struct<{columns('carlens_redacted')}>")
    assert fields.keys() == photo.keys() == junk.keys()
    regions = split(fields["regions"].removeprefix("array<struct<").removesuffix(">>"))
    assert regions.keys() == photo["regions"][0].keys()


def test_the_check_of_the_table_fails_for_a_wrong_type() -> None:
    with pytest.raises(AssertionError, match="width"):
        check({"width": "64"}, "struct<width:int>")
    with pytest.raises(AssertionError, match="line"):
        check({"height": 64}, "struct<width:int>")
    with pytest.raises(AssertionError, match="certain"):
        check({"certain": 1}, "struct<certain:boolean>")


def test_the_price_of_a_million_photos_is_that_of_the_formula() -> None:
    for ms in (41, 127):
        assert benchmark.row(ms, 1769, 100, 200) in TEXT.splitlines()
    assert "about $2.39" in TEXT
    assert benchmark.price(41, 1769, 100, 200).total == pytest.approx(
        41_000 * 1769 / 1024 * 0.0000166667
        + 10_000 * (0.0000002 + 0.000005 + 3 * 0.000025)
        + 1_000_000 * 0.0000004
        + 1000 * 0.000005
    )


def test_the_milliseconds_are_those_of_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")

    assert "| 1,769 | 1.0 | auto | 41.0 |" in readme
    assert "| 1,769 | 1.0 | 2 | 127.0 |" in readme


def test_the_input_is_the_one_that_jobs_read() -> None:
    flat = " ".join(TEXT.split())

    assert f"| `size` | {Job.size} | Photos in a part, from 1 to {MAX_SIZE:,}." in flat
    assert ", ".join(PHOTO_ENDINGS[:-1]) + f" or {PHOTO_ENDINGS[-1]}" in flat
    assert f"More than {TOLERATED_FAILURES} parts failed" in flat
