from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from carlens.config import Config
from carlens.models.manifest import build_manifest
from carlens.teach.labels import Label, all_kinds, common_kinds, labels_of, labels_text
from carlens.teach.levels import levels_of, same_model

GOLF_2012 = Label("VW Golf Hatchback 2012", "VW", "Golf", ("car",))
GOLF_1991 = Label("VW Golf Hatchback 1991", "VW", "Golf", ("car", "truck"))
CRAFTER = Label("VW Crafter", "VW", "Crafter", ("truck",))
BEETLE = Label("VW Beetle 2012", "VW")
RIO = Label("Kia Rio", "Kia", "Rio")
ALL = (GOLF_2012, GOLF_1991, CRAFTER, BEETLE, RIO)


def read(text: str) -> tuple[Label, ...]:
    """Read labels as part of a model."""
    document = json.loads(Path(Config().models, Config.classifier, "model.json").read_text("utf-8"))
    return labels_of(build_manifest(document, text))


def test_labels_are_read_as_they_were_written() -> None:
    text = labels_text(ALL)

    assert text.splitlines() == [
        "VW Golf Hatchback 2012\tVW\tGolf\tcar",
        "VW Golf Hatchback 1991\tVW\tGolf\tcar,truck",
        "VW Crafter\tVW\tCrafter\ttruck",
        "VW Beetle 2012\tVW",
        "Kia Rio\tKia\tRio",
    ]
    assert read(text) == ALL


def test_makes_and_models_are_left_out_if_one_make_is_not_known() -> None:
    text = labels_text((GOLF_2012, Label("van"), BEETLE))

    assert text == "VW Golf Hatchback 2012\t\t\tcar\nvan\nVW Beetle 2012\n"
    assert read(text)[0] == Label("VW Golf Hatchback 2012", kinds=("car",))


@pytest.mark.parametrize(
    ("kinds", "common"),
    [
        (["car"] * 19 + ["truck"], ("car",)),
        (["car"] * 18 + ["truck"] * 2, ("car", "truck")),
        (["", "", "truck"], ("truck",)),
        (["", ""], ()),
    ],
)
def test_a_kind_of_one_photo_in_ten_counts(kinds: list[str], common: tuple[str, ...]) -> None:
    assert common_kinds(kinds) == common


def test_a_classifier_applies_to_each_common_kind_of_its_classes() -> None:
    # Given vans of which some pass for buses
    van = Label("Ford Transit", kinds=("bus", "truck"))

    # Then those are named too
    assert all_kinds(["car", "truck"], [Label("Kia Rio", kinds=("car",)), van]) == [
        "car",
        "truck",
        "bus",
    ]


def test_more_photos_of_a_class_may_add_a_kind_and_its_model() -> None:
    assert GOLF_2012.with_more(CRAFTER).kinds == ("car", "truck")
    assert GOLF_2012.with_more(RIO).kinds == ()
    assert BEETLE.with_more(Label("VW Beetle 2012", "VW", "Beetle", ("car",))) == Label(
        "VW Beetle 2012", "VW", "Beetle"
    )


def test_probabilities_are_summed_over_variants_and_models() -> None:
    levels = levels_of(ALL)
    probs = np.array([[0.25, 0.2, 0.1, 0.15, 0.3]])

    found = {}
    for name, level in levels.items():
        [best], [prob] = level.best(probs)
        found[name] = (level.names[best], round(float(prob), 3))

    assert found == {"make": ("VW", 0.7), "model": ("VW Golf", 0.45), "name": ("Kia Rio", 0.3)}


def test_a_name_fits_the_kinds_of_its_classes() -> None:
    model = levels_of(ALL)["model"]
    golf, crafter, rio = (model.names.index(name) for name in ("VW Golf", "VW Crafter", "Kia Rio"))

    # Then a Golf may be a truck, because a variant may; a Crafter is no car; a Rio may be anything
    names = np.array([golf, golf, crafter, crafter, rio])
    kinds = ["truck", "bus", "car", "", "bus"]
    assert model.fits(names, kinds).tolist() == [True, False, False, True, True]


def test_a_level_that_no_class_has_is_left_out() -> None:
    assert list(levels_of((BEETLE, Label("Kia Rio", "Kia")))) == ["make", "name"]
    assert levels_of(ALL)["model"].groups.tolist() == [2, 2, 1, -1, 0]


def test_variants_of_a_model_belong_together() -> None:
    alike = same_model((*ALL, Label("Other", "VW")))

    assert alike[0].tolist() == [True, True, False, False, False, False]
    assert alike.diagonal().all()
    assert alike.sum() == 8
