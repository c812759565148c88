from __future__ import annotations

import pytest

from carlens.teach.crops import UNKNOWN_KIND, kind_of_box
from carlens.vision.detector import Detection

CAR = Detection(0, 0, 100, 100, "car", 0.6)
TRUCK = Detection(10, 10, 110, 110, "truck", 0.9)


@pytest.mark.parametrize(
    ("box", "kind"),
    [
        ((0, 0, 100, 90), "car"),
        ((12, 12, 110, 110), "truck"),
        # Half of the car: IoU 0.5; less of it: below.
        ((0, 0, 100, 50), "car"),
        ((0, 0, 100, 45), UNKNOWN_KIND),
        ((500, 500, 600, 600), UNKNOWN_KIND),
    ],
)
def test_the_kind_of_a_box_is_that_of_the_detection_that_overlaps_it_best(
    box: tuple[float, float, float, float], kind: str
) -> None:
    assert kind_of_box(box, [TRUCK, CAR]) == kind


def test_without_detections_the_kind_is_unknown() -> None:
    assert kind_of_box((0, 0, 10, 10), []) == UNKNOWN_KIND
