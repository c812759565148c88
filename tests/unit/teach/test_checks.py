from __future__ import annotations

from pathlib import Path

import numpy as np

from carlens.teach.checks import (
    check_copies,
    check_counts,
    check_labels,
    check_rejected,
)
from carlens.teach.examples import Example, Rejected
from carlens.teach.photos import Photo
from carlens.teach.report import report_csv, report_html

NAMES = ["Kia Rio", "Kia Picanto"]


def example(name: str, file: str) -> Example:
    make, model = name.split()
    photo = Photo(Path(name, file), make, model)
    return Example(photo, "car", 0, np.zeros((2, 3), np.float32), b"jpeg")


def test_of_copies_the_first_is_used_and_contradictions_are_not() -> None:
    # Given a, its copy b, c, and its copy d in another class
    examples = [example(NAMES[0], f"{letter}.jpg") for letter in "abc"]
    examples.append(example(NAMES[1], "d.jpg"))
    pairs = np.array([[0, 1], [1, 0], [2, 3], [3, 2]])

    findings, usable = check_copies(examples, np.array([0, 0, 0, 1]), pairs)

    assert usable.tolist() == [True, False, False, False]
    assert [(each.check, each.text) for each in findings] == [
        ("Near-duplicate", "Nearly the same as a.jpg; only that one is used."),
        (
            "Same photo in two classes",
            "The same photo is in the class Kia Picanto; neither is used.",
        ),
        ("Same photo in two classes", "The same photo is in the class Kia Rio; neither is used."),
    ]


def test_a_class_needs_photos_of_two_cars() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    groups = np.array([0, 0, 0, 3, 3, 5])

    findings, taught = check_counts(NAMES, labels, groups)

    assert taught.tolist() == [1]
    assert [(each.check, each.class_name) for each in findings] == [
        ("Too few photos", "Kia Rio"),
        ("Few photos", "Kia Picanto"),
    ]
    assert "the minimum is 2 different cars" in findings[0].text


def test_a_label_is_suspected_if_the_others_are_sure() -> None:
    examples = [example(NAMES[0], f"{i}.jpg") for i in range(3)]
    probs = np.array([[0.02, 0.98], [0.3, 0.7], [0.95, 0.05]])

    [finding] = check_labels(examples, np.zeros(3, np.intp), probs, NAMES)

    assert finding.photo == examples[0].photo
    assert finding.text == "Without it, the other photos say Kia Picanto (98%; Kia Rio 2%)."


def test_the_report_has_each_finding_with_thumbnails_and_is_escaped() -> None:
    unreadable = Rejected(Photo(Path("<b>.pdf"), "Kia", "Rio"), False, "This is a PDF.")
    empty = Rejected(Photo(Path("street.jpg"), "Kia", "Rio"), True, "No car.", b"jpeg")
    findings = check_rejected([unreadable, empty])

    page = report_html("Cars & more", findings, {empty.photo: b"jpeg"}, None, [])
    table = report_csv(findings).splitlines()

    assert "Cars &amp; more" in page
    assert "&lt;b&gt;.pdf" in page
    assert page.count("data:image/jpeg;base64,anBlZw==") == 1
    assert "Unreadable file (1)" in page
    assert "No vehicle found (1)" in page
    assert table[1:] == [
        "Unreadable file,Kia Rio,<b>.pdf,,This is a PDF.",
        "No vehicle found,Kia Rio,street.jpg,,No car.",
    ]
    assert "The checks found nothing" in report_html("x", [], {}, None, [])
