"""Regression tests for the ten defects of the systems that Carlens replaces."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carlens.vision.boxes import iou
from carlens.vision.detector import Detection, DetectOptions
from tests.fakes import FakeApp
from tests.support import SKODA, call, color_blocks, encode, event, multipart_event, photo, real_app

BLOCKS = color_blocks()
PICTURE = encode(BLOCKS, "PNG")
ROOT = Path(__file__).resolve().parents[2]


def detected_pixels(given: dict[str, Any]) -> Any:
    """Return the pixels that the detector received."""
    carlens = FakeApp()
    status, _ = carlens.send(given)
    assert status == 200
    (pixels,) = carlens.detector.shown
    return pixels


def test_1_the_channels_are_never_swapped() -> None:
    text = json.dumps({"images": [{"data": base64.b64encode(PICTURE).decode()}]}).encode()
    ways = [
        multipart_event("/predict", [("image", ("a", PICTURE, "image/png"))]),
        event("POST", "/predict", body=PICTURE, content_type="image/png"),
        event("POST", "/predict", body=text, content_type="application/json"),
    ]

    assert all(np.array_equal(detected_pixels(way), BLOCKS) for way in ways)


def test_2_palettes_and_orientations_are_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    palette = encode(Image.fromarray(BLOCKS).convert("P"), "PNG")
    turned = encode(np.ascontiguousarray(BLOCKS[::-1, ::-1]), "PNG", exif=exif)

    for data in (palette, turned):
        pixels = detected_pixels(event("POST", "/predict", body=data, content_type="image/png"))
        assert np.abs(pixels.astype(int) - BLOCKS).max() <= 1


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_3_headers_match_in_any_case(name: str) -> None:
    given = event("POST", "/predict", body=PICTURE)
    given["headers"], given["multiValueHeaders"] = {name: "image/png"}, None

    assert FakeApp().send(given)[0] == 200


def test_3_other_methods_and_media_types_are_refused() -> None:
    assert FakeApp().send(event("GET", "/predict"))[0] == 405
    assert FakeApp().send(event("POST", "/predict", body=b"x", content_type="text/plain"))[0] == 415


def test_4_the_base64_flag_is_honored_and_invalid_base64_refused() -> None:
    given = multipart_event("/predict", [("image", ("a", PICTURE, "image/png"))])
    junk = {**given, "body": "@@" + given["body"]}

    assert FakeApp().send(given)[0] == 200
    assert FakeApp().send({**given, "isBase64Encoded": False})[0] == 200
    assert FakeApp().send(junk)[0] == 400
    assert FakeApp().send({**junk, "isBase64Encoded": False})[0] == 400


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="image"; filename="a"',
        "form-data; filename=a; name=image",
        'form-data;name="image"',
    ],
)
def test_5_a_field_is_found_regardless_of_quotes_and_order(disposition: str) -> None:
    head = f"--b\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    given = event(
        "POST", "/predict", body=head + PICTURE + b"\r\n--b--\r\n",
        content_type="multipart/form-data; boundary=b",
    )  # fmt: skip

    assert np.array_equal(detected_pixels(given), BLOCKS)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
        "http://localhost/",
        "ftp://example.com/a.jpg",
    ],
)
def test_6_private_urls_are_refused(url: str) -> None:
    given = multipart_event("/predict", [("url", url)], query={"format": "detailed"})

    _, answer = FakeApp().send(given)

    assert answer["images"][0]["error"]["code"] == "url_refused"


def test_7_a_failure_differs_from_an_empty_result() -> None:
    fields = [("image", ("a", PICTURE, "image/png")), ("image", ("b", b"junk", "image/png"))]

    _, answer = FakeApp().send(multipart_event("/predict", fields, query={"format": "detailed"}))

    assert [image["error"] is None for image in answer["images"]] == [True, False]


def test_8_the_iou_of_two_boxes_is_correct() -> None:
    a = np.array([0, 0, 10, 10], np.float32)
    b = np.array([[5, 0, 15, 10], [10, 0, 20, 10]], np.float32)

    assert iou(a, b).tolist() == pytest.approx([50 / 150, 0])


def test_8_boxes_lie_inside_the_picture() -> None:
    _, answer = call(multipart_event("/object_detection", [("image", photo(SKODA))]), real_app())

    with Image.open(SKODA) as image:
        width, height = image.size
    assert answer[0]
    for box in answer[0]:
        assert 0 <= box["x1"] < box["x2"] <= width
        assert 0 <= box["y1"] < box["y2"] <= height


@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        ({"max_pictures": 1}, 413, "too_many_pictures"),
        ({"max_bytes": 10}, 200, "picture_too_large"),
        ({"max_pixels": 10}, 200, "picture_too_large"),
        ({"max_side": 10}, 200, "picture_too_large"),
    ],
)
def test_9_bytes_pixels_and_pictures_are_limited(
    settings: dict[str, int], status: int, code: str
) -> None:
    fields = [("image", ("a", PICTURE, "image/png"))] * 2

    found, answer = FakeApp(**settings).send(
        multipart_event("/predict", fields, query={"format": "detailed"})
    )

    assert found == status
    error = answer["error"] if status != 200 else answer["images"][0]["error"]
    assert error["code"] == code


def test_9_pictures_after_the_deadline_are_not_processed() -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 0

    carlens = FakeApp()
    _, answer = carlens.send(
        multipart_event(
            "/predict", [("image", ("a", PICTURE, "image/png"))], query={"format": "detailed"}
        ),
        Context(),
    )

    assert answer["images"][0]["error"]["code"] == "deadline_exceeded"
    assert carlens.detector.shown == []


def test_10_no_account_number_is_hard_coded() -> None:
    folders = [ROOT / "infra", ROOT / "lambda_src"]
    sources = [p for folder in folders for p in folder.rglob("*.py")] + [ROOT / "app.py"]

    bound = [
        p.name
        for p in sources
        if p.exists() and re.search(r"arn:aws:\S*(?!0{12})\d{12}", p.read_text("utf-8"))
    ]

    assert len(sources) > 20
    assert bound == []


def test_8_duplicates_are_dropped_and_neighbors_are_kept() -> None:
    # Given the real detector on a photo with several vehicles
    app = real_app()
    detector = app.models().detector
    options = DetectOptions(0.3, 0.6, 0.55, 0.0, 2, 100, frozenset({"car", "truck"}))
    with Image.open(SKODA) as image:
        pixels = np.asarray(image.convert("RGB"))

    found = detector.detect(pixels, options).objects

    def box(one: Detection) -> Any:
        return np.array([one.x1, one.y1, one.x2, one.y2], np.float32)

    assert len(found) >= 2
    for i, one in enumerate(found):
        others = np.stack([box(other) for j, other in enumerate(found) if j != i])
        assert iou(box(one), others).max() <= 0.6
