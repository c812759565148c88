"""Query strings are parsed and validated."""

from __future__ import annotations

import pytest

from carlens.errors import InvalidParameter
from carlens.http.query import read_parameters, wants_detailed
from carlens.services.parameters import Parameters

CLASSES = ("car", "truck", "traffic light")


def read(**query: str) -> Parameters:
    return read_parameters({name: (value,) for name, value in query.items()}, CLASSES)


def test_defaults_are_used_without_a_query() -> None:
    assert read() == Parameters(None, frozenset(CLASSES), 5, 100, None)


def test_every_parameter_is_read() -> None:
    found = read(
        confidence="0", classes="car, traffic light", top_k="1", max_objects="300", slices="3"
    )

    assert found == Parameters(0.0, frozenset({"car", "traffic light"}), 1, 300, 3)


def test_a_route_may_keep_fewer_classes_by_default_than_it_accepts() -> None:
    assert read_parameters({}, CLASSES, ("car",)).classes == frozenset({"car"})
    asked = {"classes": ("truck",)}
    assert read_parameters(asked, CLASSES, ("car",)).classes == frozenset({"truck"})


def test_the_last_value_of_a_repeated_parameter_is_used() -> None:
    assert read_parameters({"slices": ("1", "2")}, CLASSES).slices == 2


def test_slices_may_be_auto() -> None:
    assert read(slices="auto").slices == "auto"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("confidence", "1.01", "a number from 0 to 1."),
        ("confidence", "-0.1", "a number from 0 to 1."),
        ("confidence", "nan", "a number from 0 to 1."),
        ("confidence", "inf", "a number from 0 to 1."),
        ("confidence", "", "a number from 0 to 1."),
        ("confidence", "half", "a number from 0 to 1."),
        ("top_k", "0", "1 to 20"),
        ("top_k", "21", "1 to 20"),
        ("top_k", "5.5", "1 to 20"),
        ("top_k", "1_0", "1 to 20"),
        ("top_k", "٣", "1 to 20"),
        ("confidence", "0.1_5", "a number from 0 to 1."),
        ("max_objects", "0", "1 to 300"),
        ("max_objects", "301", "1 to 300"),
        ("max_objects", "9" * 5000, "1 to 300"),
        ("slices", "0", "'auto' or a whole number from 1 to 3"),
        ("slices", "4", "1 to 3"),
        ("slices", "Auto", "1 to 3"),
        ("slices", "", "1 to 3"),
        ("classes", "dragon", "car, truck, traffic light"),
        ("classes", "", "car, truck, traffic light"),
        ("classes", ",", "car, truck, traffic light"),
    ],
)
def test_an_invalid_value_is_refused_with_its_name_and_range(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        read(**{name: value})

    assert refused.value.message.startswith(name)
    assert allowed in refused.value.message
    assert len(refused.value.message) < 200


def test_the_format_is_list_or_detailed() -> None:
    assert wants_detailed({}) is False
    assert wants_detailed({"format": ("list",)}) is False
    assert wants_detailed({"format": ("detailed",)}) is True


@pytest.mark.parametrize("value", ["xml", "", "Detailed", "x" * 5000])
def test_an_unknown_format_is_refused(value: str) -> None:
    with pytest.raises(InvalidParameter, match="'list' or 'detailed'") as refused:
        wants_detailed({"format": (value,)})

    assert len(refused.value.message) < 200
