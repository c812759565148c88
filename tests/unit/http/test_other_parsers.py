"""Carlens reads generated forms like two other parsers, with the differences in docs/requests.md."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.other_parsers import ODDITIES, OTHERS, carlens_fields, damage, make_form, outcome

PARSERS = {"Carlens": carlens_fields, **OTHERS}
PAGE = Path(__file__).parents[3] / "docs" / "requests.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("| ")
][1:]
TABLE = {name: dict(zip(PARSERS, cells, strict=True)) for name, *cells, _ in ROWS}


def test_all_parsers_read_ordinary_forms_alike() -> None:
    for seed in range(1000):
        form = make_form(random.Random(seed))
        for parse in PARSERS.values():
            assert outcome(parse, *form.write()) == form.fields, seed


def test_the_page_lists_every_kind_of_form_and_gives_a_reason_for_each_difference() -> None:
    assert list(TABLE) == list(ODDITIES)
    for name, *cells, reason in ROWS:
        assert bool(reason) == (set(cells) != {"read"}), name


@pytest.mark.parametrize("name", ODDITIES)
def test_an_unusual_form_is_read_as_the_page_says(name: str) -> None:
    for parser, expected in TABLE[name].items():
        found = set()
        for seed in range(100):
            chance = random.Random(seed)
            form = make_form(chance)
            ODDITIES[name](form, chance)
            fields = outcome(PARSERS[parser], *form.write())
            if fields is None:
                found.add("refused")
            else:
                found.add("read" if fields == form.fields else "different")
        assert expected in found, parser
        assert expected == "different" or len(found) == 1, parser


def test_damaged_forms_are_read_like_the_others_where_these_agree() -> None:
    agreed = 0
    for seed in range(2000):
        chance = random.Random(seed)
        body, content_type = make_form(chance).write()
        body = damage(body, chance)
        ours, *others = (outcome(parse, body, content_type) for parse in PARSERS.values())
        if others[0] is not None and others[0] == others[1]:
            agreed += 1
            assert ours is not None, seed
            assert [each[2] for each in ours] == [each[2] for each in others[0]], seed
    assert agreed > 500
