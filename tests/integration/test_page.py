"""The page in a real browser: what users do, on real photos."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Download, FilePayload, Page, Route, expect

from infra.layers.contents import ROOT
from tests.conftest import Note
from tests.integration.serving import running_server
from tests.integration.test_answers import PASSAT_CAR, SKODA_CAR, TOLERANCE, assert_near
from tests.support import PASSAT, SKODA, encode, missing

KEY = "a-key-for-this-test"


@contextmanager
def visit(
    browser: Browser, address: str, *, failing: bool = False, uploads: bool = True, **options: Any
) -> Iterator[Page]:
    """Open the page and require its console to stay silent.

    `failing` allows the lines that the browser itself logs for a failed request. Without `uploads`
    the page takes the server for one that has none.
    """
    complaints: list[str] = []
    context = browser.new_context(**{"locale": "en-US", "reduced_motion": "reduce", **options})
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on("console", lambda m: complaints.append(m.text) if m.type in _LOUD else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if not uploads:
        page.add_init_script(_HIDE_UPLOADS)
    page.goto(address)
    try:
        yield page
    finally:
        context.close()
    assert [c for c in complaints if not (failing and c.startswith(_OF_THE_BROWSER))] == []


_HIDE_UPLOADS = """
    const ask = window.fetch;
    window.fetch = async (url, options) => {
      const response = await ask(url, options);
      if (url !== "health") return response;
      const { features, ...rest } = await response.json();
      return new Response(JSON.stringify({ ...rest, features: { ...features, uploads: false } }));
    };
"""
_LOUD = ("error", "warning")
_OF_THE_BROWSER = (
    "Failed to load resource",
    "Access to image at",
    "TypeError: Failed to fetch dynamically imported module",
)


def choose(page: Page, *photos: Path | FilePayload) -> None:
    """Choose photos, from the disk or from memory."""
    page.set_input_files(
        "#files", [photo if isinstance(photo, dict) else _payload(photo) for photo in photos]
    )


def choose_and_send(page: Page, *photos: Path | FilePayload) -> Any:
    """Choose photos, send them, and return the server's response."""
    choose(page, *photos)
    return send(page)


def _payload(path: Path) -> FilePayload:
    kind = f"image/{path.suffix.removeprefix('.')}"
    return {"name": path.name, "mimeType": kind, "buffer": path.read_bytes()}


def junk(name: str = "notes.png") -> FilePayload:
    """Return a file named like a photo."""
    return {"name": name, "mimeType": "image/png", "buffer": b"hello"}


def send(page: Page) -> Any:
    with page.expect_response(lambda r: r.request.method == "POST") as response:
        page.locator("#send").click()
    answer = response.value.json()
    expect(page.locator("#results")).to_be_visible()
    return answer


def rows_of(download: Download) -> list[dict[str, str]]:
    text = download.path().read_text("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def save(page: Page, kind: str) -> None:
    """Choose a button of the export menu."""
    page.locator("#export > summary").click()
    page.get_by_role("button", name=kind).click()


def set_slider(page: Page, percent: int) -> None:
    page.locator("#threshold").fill(str(percent))


def shown_boxes(page: Page) -> int:
    return page.locator(".hit:visible").count()


def objects_above(answer: Any, confidence: float) -> list[dict[str, Any]]:
    return [
        o for image in answer["images"] for o in image["objects"] if o["confidence"] >= confidence
    ]


def crowd(page: Page, count: int, *, kinds: int = 1) -> None:
    """Put `count` objects of `kinds` classes side by side into each photo of the next responses."""

    def answer(route: Route) -> None:
        answer = route.fetch().json()
        for image in answer["images"]:
            [first, *_] = image["objects"]
            step = image["width"] // count
            image["objects"] = [
                {**first, "class_name": f"vehicle {i % kinds}", "confidence": 0.9}
                | {"display": f"vehicle {i % kinds}", "certain": False}
                | {"x1": i * step, "x2": (i + 1) * step - 1, "y1": 90, "y2": 200}
                for i in range(count)
            ]
        route.fulfill(json=answer)

    page.route("**/predict?*", answer)


def level(name: str, prob: float, *, certain: bool) -> dict[str, Any]:
    return {"name": name, "prob": prob, "certain": certain}


GOLF = {
    "class_name": "car",
    "display": "Volkswagen Golf",
    "certain": True,
    "pred": ["Volkswagen Golf Hatchback 2012", "Volkswagen Golf Hatchback 1991"],
    "prob": [0.55, 0.4],
    "make": level("Volkswagen", 0.98, certain=True),
    "model": level("Volkswagen Golf", 0.95, certain=True),
    "reference": {"make": "Volkswagen", "model": "Golf"},
}
SOME_VOLKSWAGEN = {
    "class_name": "car",
    "display": "Volkswagen",
    "certain": False,
    "pred": ["Volkswagen Polo", "Volkswagen Golf Hatchback 2012"],
    "prob": [0.52, 0.44],
    "make": level("Volkswagen", 0.97, certain=True),
    "model": level("Volkswagen Polo", 0.52, certain=False),
    "reference": {"make": "Volkswagen", "model": "Polo"},
}
UNSURE = {
    "class_name": "truck",
    "display": "truck",
    "certain": False,
    "pred": ["Renault Clio", "Peugeot 208"],
    "prob": [0.31, 0.22],
    "make": level("Renault", 0.36, certain=False),
    "model": level("Renault Clio", 0.31, certain=False),
    "reference": {"make": "Renault", "model": "Clio"},
}
CLIO = {
    "class_name": "car",
    "display": "Renault Clio",
    "certain": True,
    "pred": ["Renault Clio", "Peugeot 208"],
    "prob": [0.96, 0.02],
    "make": level("Renault", 0.97, certain=True),
    "model": level("Renault Clio", 0.96, certain=True),
    "reference": None,
}
BUS = {
    "class_name": "bus",
    "display": "bus",
    "certain": False,
    "pred": [],
    "prob": [],
    "make": None,
    "model": None,
    "reference": None,
}
MOTORCYCLE = {**BUS, "class_name": "motorcycle", "display": "motorcycle"}
BICYCLE = {**BUS, "class_name": "bicycle", "display": "bicycle"}
STREET = [GOLF, SOME_VOLKSWAGEN, UNSURE, CLIO, BUS, MOTORCYCLE, BICYCLE]


def street(page: Page) -> None:
    """Put vehicles with names of every certainty into each photo of the next responses."""

    def answer(route: Route) -> None:
        answer = route.fetch().json()
        for image in answer["images"]:
            if image["error"]:
                continue
            step = image["width"] // len(STREET)
            image["objects"] = [
                {**vehicle, "confidence": 0.91, "label": ""}
                | {"x1": i * step, "x2": (i + 1) * step - 1, "y1": 90, "y2": 200}
                for i, vehicle in enumerate(STREET)
            ]
        route.fulfill(json=answer)

    page.route("**/predict?*", answer)


@pytest.fixture(scope="module")
def staged() -> Iterator[str]:
    """Run the API below a stage, as API Gateway does."""
    with running_server("--stage", "prod", "--workers", "1") as url:
        yield url


# From photos to results --------------------------------------------------------------------


def test_two_photos_and_a_url_in_one_request(api: str, photo_host: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given two photos and a URL in the tray, with previews
        page.set_input_files("#files", [SKODA, PASSAT])
        page.get_by_label("Or photo URLs, one per line").fill(f"http://{photo_host}/{SKODA.name}")
        page.get_by_role("button", name="Add URLs").click()
        expect(page.locator("#tray li")).to_have_count(3)
        expect(page.locator("#tray img")).to_have_count(3)

        # When they are sent
        answer = send(page)

        # Then every picture has the boxes of the default threshold
        assert len(answer["images"]) == 3
        expect(page.locator(".card")).to_have_count(3)
        expected = len(objects_above(answer, 0.4))
        assert shown_boxes(page) == expected
        expect(page.locator("#results-title")).to_have_text(f"{expected} vehicles in 3 photos")
        expect(page.locator("#facts")).to_contain_text("Round trip")
        # And the car in the first is boxed where it is
        stage = page.locator(".stage").first.bounding_box()
        box = page.locator(".card").first.locator(".hit").first.bounding_box()
        assert stage
        assert box
        scale = 518 / stage["width"]
        left, top = (box["x"] - stage["x"]) * scale, (box["y"] - stage["y"]) * scale
        right, bottom = left + box["width"] * scale, top + box["height"] * scale
        assert np.abs(np.subtract((left, top, right, bottom), SKODA_CAR)).max() <= TOLERANCE


def try_example(page: Page, caption: str) -> Any:
    """Click an example and return the image of the answer."""
    with page.expect_response(lambda r: r.request.method == "POST") as response:
        page.get_by_role("group", name="Try an example").get_by_role("button", name=caption).click()
    expect(page.locator("#results-title")).to_be_focused()
    [image] = response.value.json()["images"]
    return image


def test_an_example_shows_results_to_someone_without_a_photo(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # When a new user clicks an example
        image = try_example(page, "A pickup")

        # Then the pickup in it has its name among the first five, and no wrong name is shown
        assert (image["name"], image["width"]) == ("pickup.webp", 900)
        pickup = min(image["objects"], key=lambda o: int(o["x1"]))
        assert any(name.startswith("Ford F-150") for name in pickup["pred"])
        assert pickup["display"] in ("car", "Ford", "Ford F-150")
        # And the examples make room
        expect(page.locator("#examples")).to_be_hidden()


def test_an_example_is_a_street_full_of_traffic(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        image = try_example(page, "A busy street")
        cars = [o for o in image["objects"] if o["confidence"] >= 0.4]
        assert len(cars) >= 7


def test_an_example_is_a_car_that_the_classifier_does_not_know(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        image = try_example(page, "A car it does not know")
        car = max(image["objects"], key=lambda o: int(o["x2"]) - int(o["x1"]))
        assert_near((car["x1"], car["y1"], car["x2"], car["y2"]), SKODA_CAR)
        assert not car["certain"]


def test_an_example_that_cannot_be_loaded_is_reported(api: str, browser: Browser) -> None:
    with visit(browser, api, failing=True) as page:
        # Given a server that is not reached any more
        page.route("**/street.webp", lambda route: route.abort())
        # When
        page.get_by_role("button", name="A busy street").click()
        # Then
        expect(page.locator("#problem")).to_contain_text("The server could not be reached")
        expect(page.locator("#tray li")).to_have_count(0)


def test_the_whole_frame_opens_the_file_chooser(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        page.on("filechooser", lambda chooser: chooser.set_files(SKODA))
        page.locator("#drop").click(position={"x": 10, "y": 50})
        expect(page.locator("#tray li")).to_have_count(1)


def test_pointing_at_a_box_highlights_its_row(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        choose_and_send(page, PASSAT)
        box, row = page.locator(".hit").first, page.locator(".row-of").first

        box.hover()

        expect(row).to_have_class(re.compile(r"\bactive\b"))
        expect(page.locator(".shape.active")).to_have_count(1)
        expect(row.locator(".bars li")).to_have_count(5)

        # And the reverse
        page.mouse.move(0, 0)
        expect(page.locator(".shape.active")).to_have_count(0)
        row.locator("summary").hover()
        expect(page.locator(".shape.active")).to_have_count(1)


def test_pointing_at_a_box_shows_its_names_meanwhile(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given more objects than have their names open at first
        choose_and_send(page, SKODA)
        page.mouse.move(0, 0)
        opened = page.locator("details.row-of[open]")
        expect(opened).to_have_count(0)

        # When a box is pointed at, then its five names show, and disappear with the pointer
        page.locator(".hit:visible").last.hover()
        expect(opened.locator(".bars li")).to_have_count(5)
        page.mouse.move(0, 0)
        expect(opened).to_have_count(0)

        # And with the focus
        page.locator('.hit[tabindex="0"]').focus()
        expect(opened).to_have_count(1)
        # And they stay when the box is selected
        page.keyboard.press("Enter")
        page.keyboard.press("ArrowRight")
        expect(opened).to_have_count(2)
        page.keyboard.press("Tab")
        expect(opened).to_have_count(1)


def test_the_selected_object_stays_highlighted(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given many objects, and a box selected by a mouse that then stays there
        crowd(page, 24)
        choose_and_send(page, SKODA)
        page.locator(".stage").first.scroll_into_view_if_needed()
        page.locator(".hit").nth(20).click()
        row = page.locator(".row-of").nth(20)
        expect(row).to_have_class(re.compile(r"\bactive\b"))

        # When the page scrolls under it
        page.evaluate("scrollBy({top: 60, behavior: 'instant'})")
        page.wait_for_timeout(300)

        # Then the object is still highlighted, until the mouse moves
        expect(row).to_have_class(re.compile(r"\bactive\b"))
        expect(page.locator(".row-of.active")).to_have_count(1)
        page.locator(".hit").nth(3).hover()
        expect(page.locator(".row-of").nth(3)).to_have_class(re.compile(r"\bactive\b"))
        # And selecting it again deselects it
        page.locator(".hit").nth(20).click()
        page.mouse.move(0, 0)
        expect(page.locator(".row-of.active")).to_have_count(0)


@pytest.mark.parametrize("count", [5, 24])
def test_pointing_at_a_box_scrolls_its_row_into_view_and_nothing_else(
    api: str, browser: Browser, count: int
) -> None:
    with visit(browser, api) as page:
        # Given two photos, the second below the first
        crowd(page, count)
        choose_and_send(page, SKODA, PASSAT)
        high = page.evaluate("document.documentElement.scrollHeight")
        top = page.evaluate("scrollY")

        # When boxes of the first are pointed at, one after the other
        for i in range(count):
            page.locator(".card").first.locator(".hit").nth(i).hover()
            row = page.locator(".card").first.locator(".row-of").nth(i)
            expect(row).to_have_class(re.compile(r"\bactive\b"))
            # Then its row is visible
            at = row.locator("summary").bounding_box()
            assert at
            frame = page.locator(".found").first.bounding_box()
            assert frame
            assert at["y"] >= frame["y"] - 1
            assert at["y"] + at["height"] <= min(800, frame["y"] + frame["height"]) + 1
        # And the page has not scrolled
        assert page.evaluate("document.documentElement.scrollHeight") == high
        assert page.evaluate("scrollY") == top


def test_after_a_tap_both_the_photo_and_the_row_are_visible(api: str, browser: Browser) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
    }  # fmt: skip
    with visit(browser, api, **phone) as page:
        crowd(page, 24)
        choose_and_send(page, SKODA)

        page.locator(".hit").nth(20).tap()

        # Then its names are visible, below the photo, which is still visible
        row = page.locator(".row-of").nth(20)
        expect(row).to_have_class(re.compile(r"\bactive\b"))
        expect(row).to_have_attribute("open", "")
        seen = row.locator(".bars").bounding_box()
        picture = page.locator(".stage").bounding_box()
        assert seen
        assert picture
        assert picture["y"] >= 0
        assert picture["y"] + picture["height"] <= seen["y"]
        assert seen["y"] + seen["height"] <= 845
        expect(page.locator(".row-of.active")).to_have_count(1)


def test_filters_apply_at_once_without_a_request(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given all objects of two photos
        page.get_by_text("All objects", exact=True).click()
        answer = choose_and_send(page, SKODA, PASSAT)
        # The code shows classes, because these objects have no names
        page.get_by_role("tab", name="Python").click()
        expect(page.locator("#snippet")).to_contain_text('found["class_name"]')
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))

        # When the slider moves
        for level in (20, 60, 90):
            set_slider(page, level)
            assert shown_boxes(page) == len(objects_above(answer, level / 100))
        set_slider(page, 20)
        kinds = {o["class_name"] for o in objects_above(answer, 0.2)}
        assert len(kinds) > 1, "these photos show one class; the test needs two"
        # And when a class is chosen
        page.locator("#kinds label", has_text="car").first.click()

        # Then only its boxes are shown
        cars = [o for o in objects_above(answer, 0.2) if o["class_name"] == "car"]
        assert shown_boxes(page) == len(cars)
        assert [url for url in requests if not url.startswith("blob:")] == []


def test_a_large_photo_is_scaled_down_in_the_browser_and_its_boxes_mapped_back(
    api: str, photo_host: str, browser: Browser, tmp_path: Path
) -> None:
    # Given a photo larger than the gateway accepts
    factor = 8
    small = Image.open(SKODA).convert("RGB")
    pixels = np.asarray(small.resize((small.width * factor, small.height * factor)), np.int16)
    noise = np.random.default_rng(7).integers(-16, 17, pixels.shape, np.int16)
    large = encode((pixels + noise).clip(0, 255).astype(np.uint8), "JPEG", quality=95)
    assert len(large) > 4_600_000
    upload: FilePayload = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": large}

    with visit(browser, api, uploads=False) as page:
        sent: list[int] = []
        page.on(
            "request",
            lambda r: (
                sent.append(int(r.all_headers()["content-length"])) if r.method == "POST" else None
            ),
        )
        answer = choose_and_send(page, upload)

        # Then the sent photo fits
        assert sent[0] <= 4_500_000
        assert answer["images"][0]["width"] < small.width * factor
        # And the page says so, and gives pixels of the original
        expect(page.locator(".note")).to_contain_text("The boxes are mapped back to the original.")
        expect(page.locator(".meta")).to_have_text(
            f"{small.width * factor} × {small.height * factor} pixels"
        )
        with page.expect_download() as download:
            save(page, "Download CSV")
        row = rows_of(download.value)[0]
        box = [int(row[side]) / factor for side in ("x1", "y1", "x2", "y2")]
        assert np.abs(np.subtract(box, SKODA_CAR)).max() <= TOLERANCE

        # And the code states what would happen to the original file, or scales it too
        page.get_by_role("tab", name="curl").click()
        expect(page.locator("#snippet-note")).to_contain_text("would be refused (413)")
        page.get_by_role("tab", name="Python").click()
        python = page.locator("#snippet").inner_text()
        page.get_by_role("tab", name="JavaScript").click()
        javascript = page.locator("#snippet").inner_text()
    (tmp_path / "large.jpg").write_bytes(large)
    ran = subprocess.run(
        [sys.executable, "-c", python], cwd=tmp_path, capture_output=True, timeout=60, check=True
    )
    said = ran.stdout.decode().splitlines()
    assert said
    assert all(line.startswith("large.jpg ") for line in said)
    with visit(browser, f"http://{photo_host}/", failing=True) as page:
        page.set_content('<input type="file" multiple>')
        page.set_input_files("input", tmp_path / "large.jpg")
        with page.expect_response(lambda r: r.request.method == "POST") as response:
            page.add_script_tag(type="module", content=javascript)
        [shown] = response.value.json()["images"]
    assert (shown["name"], shown["width"]) == ("large.jpg", answer["images"][0]["width"])


def test_photos_that_exceed_a_request_are_uploaded_as_they_are(
    api: str, photo_host: str, browser: Browser, large_photo: Path
) -> None:
    with visit(browser, api) as page:
        # Given a photo of 15 MB, a small one, and a URL
        stored: list[int] = []
        page.on(
            "response",
            lambda r: stored.append(r.status) if r.url.endswith("/uploads/store") else None,
        )
        page.set_input_files("#files", [large_photo, SKODA])
        page.locator("#urls").fill(f"http://{photo_host}/{PASSAT.name}")
        page.locator("#add").click()
        expect(page.locator("#size")).to_contain_text("will be uploaded first")

        # When they are sent
        with page.expect_response(lambda r: "/predict" in r.url) as response:
            page.locator("#send").click()
        answer = response.value.json()

        # Then both files were uploaded unchanged, and all are recognized in order
        assert stored == [204, 204]
        assert [image["field"] for image in answer["images"]] == ["key", "key", "url"]
        assert [image["name"] for image in answer["images"][:2]] == ["large.bmp", SKODA.name]
        assert (answer["images"][0]["width"], answer["images"][0]["height"]) == (2850, 1821)
        assert answer["images"][0]["objects"][0]["class_name"] == "car"
        expect(page.locator(".card")).to_have_count(3)
        texts = {}
        for name in ("curl", "Python", "JavaScript", "Node.js"):
            page.get_by_role("tab", name=name).click()
            texts[name] = page.locator("#snippet").inner_text()
        expect(page.locator("#snippet-note")).to_contain_text("clients/javascript/carlens.js")

    # And the code, run in the folder of the files, uploads them and gets the same objects
    shutil.copy(SKODA, large_photo.parent)
    expected = [image["objects"] for image in answer["images"]]
    shown = [f"{i['name']} {found['display']}" for i in answer["images"] for found in i["objects"]]
    client = ROOT / "clients" / "javascript" / "carlens.js"
    shutil.copy(client, large_photo.parent)
    (large_photo.parent / "upload.mjs").write_text(texts["Node.js"], "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "clients" / "python")}

    def run(*command: str) -> str:
        return subprocess.run(
            command, cwd=large_photo.parent, env=environment, capture_output=True, text=True,
            timeout=60, check=True,
        ).stdout  # fmt: skip

    if shutil.which("jq"):
        got = json.loads(run("sh", "-c", texts["curl"]))
        assert [image["field"] for image in got["images"]] == ["key", "key", "url"]
        assert [image["objects"] for image in got["images"]] == expected
    assert run(sys.executable, "-c", texts["Python"]).splitlines() == shown
    if shutil.which("node"):
        assert run("node", "upload.mjs").splitlines() == shown
    with visit(browser, f"http://{photo_host}/", failing=True) as page:
        page.route(
            "**/carlens.js", lambda r: r.fulfill(path=client, content_type="text/javascript")
        )
        page.set_content('<input type="file" multiple>')
        page.set_input_files("input", [large_photo, SKODA])
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        with page.expect_console_message(lambda _: len(said) == len(shown)):
            page.add_script_tag(type="module", content=texts["JavaScript"])
    assert said == shown


def test_an_upload_that_is_refused_is_reported(
    api: str, browser: Browser, large_photo: Path
) -> None:
    with visit(browser, api, failing=True) as page:
        refused = "<Error><Code>EntityTooLarge</Code><Message>no</Message></Error>"
        page.route(
            "**/uploads/store",
            lambda route: route.fulfill(status=400, body=refused, content_type="application/xml"),
        )
        page.set_input_files("#files", large_photo)
        page.locator("#send").click()

        expect(page.locator(".failed")).to_contain_text("The upload was refused (EntityTooLarge).")


# Downloads and code -------------------------------------------------------------------------


def test_csv_contains_what_is_shown(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        answer = choose_and_send(page, SKODA, junk("=1+1.txt"), PASSAT)
        set_slider(page, 50)

        with page.expect_download() as download:
            save(page, "Download CSV")

        rows = rows_of(download.value)
        found = [row for row in rows if not row["error"]]
        expected = objects_above(answer, 0.5)
        assert [(int(r["x1"]), int(r["y2"]), r["class"]) for r in found] == [
            (o["x1"], o["y2"], o["class_name"]) for o in expected
        ]
        assert [(r["display"], r["name"]) for r in found] == [
            (o["display"], "".join(o["pred"][:1])) for o in expected
        ]
        # And the photo that failed has the reason, in a cell that no spreadsheet executes
        [failed] = [row for row in rows if row["error"]]
        assert (failed["picture"], failed["error"]) == ("'=1+1.txt", "not_an_image")


def test_annotated_png_is_the_photo_with_its_boxes(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        answer = choose_and_send(page, PASSAT)

        with page.expect_download() as download:
            page.get_by_role("button", name="Download annotated PNG").click()

        assert download.value.suggested_filename == "vw_passat_cc_mit-carlens.png"
        drawn = Image.open(download.value.path())
        drawn.load()
        assert drawn.format == "PNG"
        before = np.asarray(Image.open(PASSAT).convert("RGB"), np.int16)
        after = np.asarray(drawn.convert("RGB"), np.int16)
        assert after.shape == before.shape
        # The middle of the box's lower edge is drawn over; the middle of the photo is not
        car = objects_above(answer, 0.4)[0]
        middle = (car["x1"] + car["x2"]) // 2
        changed = np.abs(after - before).max(axis=2)
        assert changed[car["y2"] - 1 : car["y2"] + 2, middle].max() > 60
        assert changed[250:260, 250:260].max() < 12
        assert abs(car["y2"] - PASSAT_CAR[3]) <= TOLERANCE


def test_names_in_the_annotated_png_do_not_cover_each_other(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given more objects side by side than there is room for names
        crowd(page, 24)
        choose_and_send(page, SKODA)
        page.evaluate(
            """() => {
                window.drawn = [];
                const draw = CanvasRenderingContext2D.prototype.fillRect;
                CanvasRenderingContext2D.prototype.fillRect = function (...box) {
                    window.drawn.push(box);
                    return draw.apply(this, box);
                };
            }"""
        )

        with page.expect_download():
            page.get_by_role("button", name="Download annotated PNG").click()

        drawn = page.evaluate("drawn")
    assert 10 < len(drawn) <= 24
    for i, (x, y, width, height) in enumerate(drawn):
        assert x >= 0
        assert x + width <= 518
        for left, top, wide, high in drawn[:i]:
            apart = left >= x + width or x >= left + wide or top >= y + height or y >= top + high
            assert apart


def test_a_photo_from_another_site_is_annotated_only_if_that_site_allows_it(
    api: str, photo_host: str, browser: Browser
) -> None:
    with visit(browser, api, failing=True) as page:
        page.locator("#urls").fill(f"http://{photo_host}/{SKODA.name}")
        send(page)

        # When the site sends no CORS header, as here
        with page.expect_download() as download:
            page.get_by_role("button", name="Download annotated PNG").click()
        # Then the boxes are saved without the photo, and the page says why and what to do
        with Image.open(download.value.path()) as drawn:
            assert drawn.size == (518, 331)
            alpha = np.asarray(drawn.getchannel("A"))
        assert 0.5 < (alpha == 0).mean() < 1
        said = page.locator(".card [role=status]")
        expect(said).to_contain_text("does not allow this page to copy its photo")
        expect(said).to_contain_text("save the photo and send the file")

        # And when it sends the header
        cors = {"Access-Control-Allow-Origin": "*", "Content-Type": "image/png"}
        page.route(f"**/{SKODA.name}", lambda route: route.fulfill(path=SKODA, headers=cors))
        with page.expect_download() as download:
            page.get_by_role("button", name="Download annotated PNG").click()
        with Image.open(download.value.path()) as drawn:
            assert drawn.size == (518, 331)


def test_only_the_boxes_are_drawn_for_a_file_the_browser_cannot_show(
    api: str, browser: Browser
) -> None:
    with visit(browser, api) as page:
        # Given a TIFF, which Carlens can read but Chromium cannot
        pixels = np.asarray(Image.open(SKODA).convert("RGB"))
        photo: FilePayload = {
            "name": "scan.tiff", "mimeType": "image/tiff", "buffer": encode(pixels, "TIFF")
        }  # fmt: skip
        choose_and_send(page, photo)
        expect(page.locator(".no-preview")).to_contain_text("cannot display this file")

        with page.expect_download() as download:
            page.get_by_role("button", name="Download annotated PNG").click()

        with Image.open(download.value.path()) as drawn:
            assert drawn.size == (518, 331)
        expect(page.locator(".card [role=status]")).to_contain_text("cannot display this file")


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with photos whose names a shell or a parser may misread."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(SKODA, folder / 'it\'s "é", 50%;$(x).png')
    shutil.copy(PASSAT, folder / "vw passat.webp")
    return folder


def test_the_api_view_opens_on_the_integration_guide(
    api: str, browser: Browser, tmp_path: Path
) -> None:
    phone: Any = {"viewport": {"width": 390, "height": 844}}
    texts = {}
    with visit(browser, f"{api}/#api", **phone) as page:
        # Then a phone shows the guide first, with the address, the limits and code to copy
        expect(page.locator(".contents nav")).to_be_hidden()
        expect(page.locator("#integrate")).to_be_in_viewport()
        guide = page.locator(".integration")
        expect(guide.locator("dd").first).to_have_text(f"{api}/")
        expect(guide).to_contain_text("32 photos in a request, 4.5 MB together, 50 megapixels")
        expect(guide.get_by_role("img")).to_have_accessible_name(re.compile("top left corner"))
        for language in ("curl", "Python", "JavaScript"):
            guide.get_by_role("tab", name=language).click()
            texts[language] = guide.locator("pre").inner_text()
        # And in the language of the page
        page.locator("#language").select_option("fr")
        expect(page.locator("#integrate")).to_have_text("Intégrer Carlens")

    # When the examples are run unchanged, in a folder with their photos
    for name in ("street.jpg", "parking.jpg"):
        (tmp_path / name).write_bytes(SKODA.read_bytes())

    def run(*command: str) -> str:
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    # Then curl gets both photos, and Python prints what to show for each object
    images = json.loads(run("sh", "-c", texts["curl"]))["images"]
    assert [image["name"] for image in images] == ["street.jpg", "parking.jpg"]
    shown = [f"{i['name']} {found['display']}" for i in images for found in i["objects"]]
    assert len(shown) >= 2
    assert run(sys.executable, "-c", texts["Python"]).splitlines() == shown
    assert f'fetch("{api}/predict' in texts["JavaScript"]


@pytest.mark.parametrize("key", ["", KEY])
def test_snippets_make_the_same_request(
    api: str, photo_host: str, browser: Browser, awkward: Path, key: str
) -> None:
    photos = sorted(awkward.iterdir())
    with visit(browser, api) as page:
        # Given a request of two awkwardly named files with a URL between them
        page.set_input_files("#files", photos[0])
        page.locator("#urls").fill(f"http://{photo_host}/{SKODA.name}?a='b'&c=$d")
        page.get_by_role("button", name="Add URLs").click()
        page.set_input_files("#files", photos[1])
        if key:
            page.get_by_text("API key", exact=True).click()
            page.locator("#key").fill(key)
        answer = send(page)
        texts = {}
        for name in ("curl", "Python", "JavaScript", "Node.js"):
            page.get_by_role("tab", name=name).click()
            texts[name] = page.locator("#snippet").inner_text()

    # When each is run unchanged, in the folder of the files
    expected = [image["objects"] for image in answer["images"]]
    shown = [f"{i['name']} {found['display']}" for i in answer["images"] for found in i["objects"]]
    (awkward.parent / "carlens.mjs").write_text(texts["Node.js"], "utf-8")

    def run(*command: str) -> str:
        environment = {**os.environ, "CARLENS_API_KEY": key, "PYTHONIOENCODING": "utf-8"}
        ran = subprocess.run(
            command, cwd=awkward, env=environment, capture_output=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout.decode()

    # Then curl gets the same objects, and the others say what to show for each
    got = json.loads(run("sh", "-c", texts["curl"]))
    assert [image["objects"] for image in got["images"]] == expected
    assert run(sys.executable, "-c", texts["Python"]).splitlines() == shown
    if shutil.which("node"):
        assert run("node", str(awkward.parent / "carlens.mjs")).splitlines() == shown
    assert ("x-api-key" in texts["curl"]) == bool(key)
    assert key not in texts["curl"] or not key

    # And in another page that has a file field
    with visit(browser, f"http://{photo_host}/", failing=True) as page:
        page.set_content('<input type="file" multiple>')
        page.set_input_files("input", photos)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        with page.expect_console_message(lambda _: len(said) == len(shown)):
            page.add_script_tag(
                type="module", content=texts["JavaScript"].replace("YOUR_API_KEY", key)
            )
    assert said == shown


# Errors ------------------------------------------------------------------------------------


def test_a_photo_that_fails_shows_the_reason_and_the_others_their_results(
    api: str, browser: Browser
) -> None:
    with visit(browser, api, failing=True) as page:
        choose(page, junk(), SKODA)
        page.locator("#urls").fill("http://10.0.0.1/a.jpg\nfile:///etc/passwd")
        page.route("http://10.0.0.1/**", lambda route: route.abort())

        # Given a line that is not a URL: nothing is sent, and the page says so
        page.locator("#send").click()
        expect(page.locator("#urls-problem")).to_contain_text("not a URL")
        expect(page.locator("#urls")).to_be_focused()
        page.locator("#urls").fill("")

        send(page)

        expect(page.locator("#results-title")).to_contain_text("in 1 photo, 2 failed")
        failures = page.locator(".failed")
        expect(failures.nth(0)).to_contain_text("Carlens cannot read this file as a photo")
        expect(failures.nth(1)).to_contain_text("This URL is not allowed")
        assert shown_boxes(page) > 0


def test_a_photo_with_too_many_pixels_is_scaled_even_if_its_file_is_small(
    api: str, browser: Browser
) -> None:
    with visit(browser, api) as page:
        # Given a panorama longer than a photo may be
        photo = Image.open(SKODA).convert("RGB")
        wide = Image.new("RGB", (20_400, 331))
        for x in range(0, wide.width, photo.width):
            wide.paste(photo, (x, 0))
        upload = encode(np.asarray(wide), "JPEG", quality=30)
        assert len(upload) < 4_000_000

        answer = choose_and_send(
            page, {"name": "wide.jpg", "mimeType": "image/jpeg", "buffer": upload}
        )

        # Then it succeeds, and its boxes are in pixels of the original
        assert answer["images"][0]["width"] == 4096
        expect(page.locator(".meta")).to_have_text("20400 × 331 pixels")


def test_the_headline_distinguishes_a_strict_filter_from_an_empty_photo(
    api: str, browser: Browser
) -> None:
    with visit(browser, api) as page:
        crowd(page, 6, kinds=2)
        choose_and_send(page, SKODA)
        expect(page.locator("#results-title")).to_have_text("6 vehicles in 1 photo")
        set_slider(page, 95)
        expect(page.locator("#results-title")).to_have_text("0 of 6 vehicles pass the filters")
        # And choosing a class is announced
        set_slider(page, 40)
        page.locator("#kinds label").first.click()
        expect(page.locator("#status")).to_have_text("3 of 6 shown")


def test_someone_typing_when_the_results_arrive_keeps_the_focus(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        waiting: list[Route] = []
        page.route("**/predict?*", lambda route: waiting.append(route))
        choose(page, SKODA)
        page.locator("#send").click()
        expect(page.locator("#status")).to_have_text("Analyzing the photos…")

        # When the user starts to type a URL meanwhile
        page.locator("#urls").press_sequentially("https://exam")
        before = page.evaluate("scrollY")
        waiting[0].continue_()

        # Then the focus stays there, and the result is announced
        expect(page.locator("#results")).to_be_visible()
        expect(page.locator("#status")).to_have_text("Done.")
        expect(page.locator("#urls")).to_be_focused()
        assert page.evaluate("scrollY") == before


def test_an_invalid_url_is_reported_until_it_is_corrected(api: str, browser: Browser) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visit(browser, api, permissions=permissions) as page:
        # Given a line that is not a URL
        page.locator("#urls").fill("street.jpg")
        page.locator("#add").click()
        expect(page.locator("#urls-problem")).to_contain_text("not a URL")
        # When it is corrected, then the message disappears
        page.locator("#urls").press("End")
        page.keyboard.type("!")
        expect(page.locator("#urls-problem")).to_be_empty()
        assert page.locator("#urls").get_attribute("aria-invalid") is None
        # And text pasted outside the field is reported too
        page.evaluate("navigator.clipboard.writeText('a street')")
        page.locator("#photos-title").focus()
        page.keyboard.press("ControlOrMeta+v")
        expect(page.locator("#status")).to_contain_text("This line is not a URL.")


def test_a_request_that_fails_shows_the_reason_and_its_id(api: str, browser: Browser) -> None:
    refusal = {"error": {"code": "quota_exceeded", "message": "Later.", "request_id": "id-1"}}
    with visit(browser, api, failing=True) as page:
        page.route("**/predict?*", lambda route: route.fulfill(status=429, json=refusal))
        page.set_input_files("#files", SKODA)

        page.locator("#send").click()

        problem = page.get_by_role("alert")
        for words in ("Later.", "HTTP 429", "id-1"):
            expect(problem).to_contain_text(words)


@pytest.mark.parametrize(("wish", "moving"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_users_who_prefer_reduced_motion(
    api: str, browser: Browser, wish: str, moving: bool
) -> None:
    with visit(browser, api, reduced_motion=wish) as page:
        # Given a slow server
        waiting: list[Route] = []
        page.route("**/predict?*", lambda route: waiting.append(route))
        page.set_input_files("#files", SKODA)
        page.locator("#send").click()
        expect(page.locator("#progress")).to_be_visible()
        page.wait_for_timeout(500)  # the button's own transition is over
        animations = "document.getAnimations().length > 0"
        assert page.evaluate(animations) == moving
        waiting[0].continue_()
        expect(page.locator("#results")).to_be_visible()


# Accessibility -----------------------------------------------------------------------------


def test_everything_works_with_the_keyboard_alone(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given only a keyboard: photos are chosen
        page.on("filechooser", lambda chooser: chooser.set_files([SKODA, PASSAT]))
        _tab_to(page, "#files")
        page.keyboard.press("Enter")
        expect(page.locator("#tray li")).to_have_count(2)

        # One is removed again, and the focus stays in the tray
        _tab_to(page, ".remove")
        page.keyboard.press("Enter")
        expect(page.locator("#tray li")).to_have_count(1)
        expect(page.locator(".remove")).to_be_focused()

        # They are sent, and the focus moves to the results
        _tab_to(page, "#send")
        page.keyboard.press("Enter")
        expect(page.locator("#results-title")).to_be_focused()

        # The slider, then a box whose row is highlighted and then opened
        _tab_to(page, "#threshold")
        before = page.locator("#level").inner_text()
        page.keyboard.press("ArrowLeft")
        assert page.locator("#level").inner_text() != before
        _tab_to(page, ".hit")
        expect(page.locator(".row-of.active")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator("details.row-of.active[open]")).to_have_count(1)
        page.keyboard.press("Escape")

        # The code tabs by arrow keys, then the other view
        _tab_to(page, "#tab-curl")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tab-python")).to_be_focused()
        expect(page.locator("#snippet")).to_contain_text("import requests")
        page.keyboard.press("Shift+Tab")
        for _ in range(60):
            if page.evaluate("document.activeElement.dataset.view") == "api":
                break
            page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#api-title")).to_be_focused()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")


@pytest.mark.parametrize("size", [(390, 844), (1280, 800), (844, 390)])
def test_the_focused_element_is_not_hidden_by_the_filters(
    api: str, browser: Browser, size: tuple[int, int]
) -> None:
    viewport = {"width": size[0], "height": size[1]}
    with visit(browser, api, viewport=viewport) as page:
        crowd(page, 24, kinds=24)
        choose_and_send(page, SKODA, PASSAT)
        # When the user tabs backwards from the end
        page.locator(".card").last.locator(".png").focus()
        for _ in range(40):
            page.keyboard.press("Shift+Tab")
            # Then each focused element is visible, completely or at its start
            hidden = page.evaluate(
                """() => {
                    const on = document.activeElement.getBoundingClientRect();
                    const bar = document.getElementById("filter").getBoundingClientRect();
                    const own = document.activeElement.closest("#filter");
                    return !own && on.top < bar.bottom - 1 && on.bottom > bar.top + 1;
                }"""
            )
            assert not hidden, page.evaluate("document.activeElement.outerHTML")


def test_forced_colors_show_how_to_remove_a_photo(api: str, browser: Browser) -> None:
    with visit(browser, api, forced_colors="active") as page:
        choose(page, SKODA)
        colors = page.locator(".remove").evaluate(
            "b => [getComputedStyle(b).backgroundColor, "
            "getComputedStyle(b, '::before').backgroundColor]"
        )
        assert colors[0] != colors[1]


def _axe() -> str:
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        missing("axe-playwright-python is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text("utf-8")


def serious_issues(page: Page) -> list[Any]:
    """Return what axe finds on the page as it is now."""
    page.evaluate(_axe())
    found = page.evaluate("axe.run(document)")
    return [
        (violation["id"], [node["html"][:150] for node in violation["nodes"][:3]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["photos", "names", "api"])
def test_axe_finds_no_serious_issue(api: str, browser: Browser, scheme: str, view: str) -> None:
    with visit(browser, api, color_scheme=scheme) as page:
        if view == "photos":
            street(page)
            page.locator("#known > summary").click()
            choose_and_send(page, SKODA, junk(), PASSAT)
            page.locator("details.row-of summary").first.click()
            expect(page.locator("#known-list li").first).to_be_visible()
        elif view == "names":
            page.get_by_role("link", name="Names", exact=True).click()
            write_name(page, "lamborgini", "galardo")
            page.set_input_files("#rows", rows_file("vw,golf\n"))
            expect(page.locator("#others button").first).to_be_visible()
            page.get_by_role("button", name="Edit row 1").click()
            expect(page.locator(".editor .meant button").first).to_be_visible()
        else:
            page.get_by_role("link", name="API", exact=True).click()
            expect(page.locator(".operation")).to_have_count(15)
            for details in page.locator(".operation").first.locator("details").all():
                details.evaluate("element => element.open = true")

        assert serious_issues(page) == []


@pytest.mark.parametrize("locale", ["en-US", "fr-FR"])
@pytest.mark.parametrize("width", [320, 768, 1920, 3840])
def test_nothing_is_cut_off_at_any_width(
    api: str, browser: Browser, width: int, locale: str
) -> None:
    viewport = {"width": width, "height": 800}
    with visit(browser, api, locale=locale, viewport=viewport) as page:
        street(page)
        page.locator("#known > summary").click()
        choose_and_send(page, SKODA, junk("n" * 80 + ".png"))
        page.locator("details.row-of").evaluate_all("rows => rows.forEach(row => row.open = true)")
        expect(page.locator("#known-list li").first).to_be_visible()
        assert _overflow(page) <= 0
        page.locator('[data-view="names"]').click()
        page.locator("#make").fill("lamborgini")
        page.locator("#model").fill("galardo")
        page.set_input_files("#rows", rows_file("n" * 300 + ",golf\nvw,golf\n"))
        page.wait_for_selector("#others button")
        page.locator(".edit").first.click()
        page.wait_for_selector(".editor")
        assert _overflow(page) <= 0
        page.locator('[data-view="api"]').click()
        page.wait_for_selector(".operation")
        assert _overflow(page) <= 0


def test_a_file_that_is_chosen_while_the_code_loads_is_matched(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given a Names view whose code arrives late
        late: list[Route] = []
        page.route("**/assets/*/names.js", lambda route: late.append(route))
        with page.expect_request("**/assets/*/names.js"):
            page.locator('[data-view="names"]').click()

        # When a file is chosen before
        page.set_input_files("#rows", rows_file("vw,golf\n"))
        late[0].continue_()

        expect(page.locator("#answer-rows tr")).to_have_count(1)


@pytest.mark.parametrize("width", [320, 481, 864, 1280, 2560])
def test_many_classes_are_not_cut_off_at_any_width(api: str, browser: Browser, width: int) -> None:
    with visit(browser, api, viewport={"width": width, "height": 800}) as page:
        crowd(page, 24, kinds=24)
        choose_and_send(page, SKODA)
        expect(page.locator("#kinds label")).to_have_count(24)
        assert _overflow(page) <= 0
        # And the filters leave room for the results
        bar = page.locator("#filter").bounding_box()
        assert bar
        assert bar["height"] <= 230


def _overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_crops_are_sharp_on_a_dense_screen(api: str, browser: Browser) -> None:
    with visit(browser, api, device_scale_factor=3) as page:
        choose_and_send(page, SKODA)
        width = page.locator(".crop").first.evaluate("c => [c.width, c.offsetWidth]")
        assert width[0] >= 3 * width[1]


def test_a_phone_offers_its_camera(api: str, browser: Browser) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 800},
        "is_mobile": True,
        "has_touch": True,
    }
    with visit(browser, api, **phone) as page:
        camera = page.get_by_text("Take a photo")
        expect(camera).to_be_visible()
        expect(page.locator("#camera")).to_have_attribute("capture", "environment")
        page.on("filechooser", lambda chooser: chooser.set_files(SKODA))
        camera.click()
        expect(page.locator("#tray li")).to_have_count(1)
    with visit(browser, api) as page:
        expect(page.get_by_text("Take a photo")).to_be_hidden()


# Languages ---------------------------------------------------------------------------------


def test_french_for_users_who_prefer_french(api: str, browser: Browser) -> None:
    with visit(browser, api, locale="fr-FR") as page:
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        heading = page.locator("h1:visible")
        expect(heading).to_have_text("Voyez les véhicules de vos photos", use_inner_text=True)
        expect(page).to_have_title("Carlens : voyez les véhicules de vos photos")
        answer = choose_and_send(page, SKODA, junk())
        shown = len(objects_above(answer, 0.4))
        expect(page.locator("#results-title")).to_have_text(
            f"{shown} véhicules dans 1 photo, 1 en échec"
        )
        expect(page.locator(".card").first).to_contain_text("détection 91\u202f%")
        expect(page.locator(".failed")).to_contain_text("ne peut pas lire")
        # And so do the limits of the shipped classifier
        expect(page.locator("#knows [lang=fr]")).to_contain_text("connaît 196 voitures")

        # When English is selected, everything is in English, and the results stay
        page.locator("#language").select_option("en")
        expect(page.locator("#results-title")).to_have_text(
            f"{shown} vehicles in 1 photo, 1 failed"
        )
        expect(page.locator(".card")).to_have_count(2)
        expect(page.locator("#knows [lang=en]")).to_contain_text("It knows 196 US cars")
        # And open sections are still open
        opened = page.locator("details.row-of").first
        opened.locator("summary").click()
        page.locator("#language").select_option("fr")
        expect(opened).to_have_attribute("open", "")
        page.locator("#language").select_option("en")
        # And the choice is stored in the address only
        assert page.url.endswith("#en")
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        assert page.context.cookies() == []
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_language_that_arrives_late_is_not_shown(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given French, which is on its way when the address asks for English again
        held: list[Route] = []
        page.route("**/language-fr.js", lambda route: held.append(route))
        with page.expect_request("**/language-fr.js"):
            page.locator("#language").select_option("fr")
        page.evaluate("location.hash = 'en'")
        with page.expect_response("**/language-fr.js") as arrived:
            held[0].continue_()
        arrived.value.finished()

        # Then the page stays in English, and French can be chosen again
        page.evaluate("new Promise((done) => setTimeout(done, 200))")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        page.locator("#language").select_option("fr")
        expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_french_is_kept_across_the_views(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        page.locator("#language").select_option("fr")
        page.get_by_role("link", name="API", exact=True).click()
        expect(page.locator("#api-title")).to_have_text("L’API")
        assert page.url.endswith("#fr/api")
        expect(page.locator(".operation h4", has_text="Essayer").first).to_be_visible()
        page.go_back()
        expect(page.locator("#photos-title")).to_be_visible()
        expect(page.locator("html")).to_have_attribute("lang", "fr")


def test_a_change_of_language_keeps_user_input(api: str, browser: Browser) -> None:
    with visit(browser, f"{api}/#api") as page:
        # Given a form half filled in, another with its response, and an open section
        form = page.get_by_role("form", name="Try it: POST /predict", exact=True)
        form.get_by_label("top_k").fill("2")
        form.get_by_label("format").select_option("detailed")
        form.get_by_label("Photo files").set_input_files(PASSAT)
        health = page.get_by_role("form", name="Try it: GET /health", exact=True)
        health.get_by_role("button", name="Send").click()
        expect(health.locator("pre")).to_contain_text('"status": "ok"')
        page.locator(".errors summary").first.click()

        page.locator("#language").select_option("fr")

        # Then the words are French, and everything else is unchanged
        form = page.get_by_role("form", name="Essayer: POST /predict", exact=True)
        expect(form.get_by_role("button", name="Envoyer")).to_be_visible()
        expect(form.get_by_label("top_k")).to_have_value("2")
        expect(form.get_by_label("format")).to_have_value("detailed")
        files = form.get_by_label("Fichiers photo")
        assert files.evaluate("input => input.files[0].name") == PASSAT.name
        health = page.get_by_role("form", name="Essayer: GET /health", exact=True)
        expect(health.locator("pre")).to_contain_text('"status": "ok"')
        expect(page.locator(".errors[open]")).to_have_count(1)


# The view of the API -----------------------------------------------------------------------


def test_every_route_parameter_and_error_of_the_contract_is_documented(
    api: str, browser: Browser
) -> None:
    with visit(browser, f"{api}/#api") as page:
        expect(page.locator(".operation")).to_have_count(15)
        contract = page.request.get(f"{api}/openapi.json").json()
        for path, methods in contract["paths"].items():
            for operation in (o for o in methods.values() if "responses" in o):
                shown = page.locator(f"article:has(#{operation['operationId']})")
                text = shown.evaluate("element => element.textContent")
                assert path in text
                assert operation["summary"] in text
                for parameter in operation.get("parameters", []):
                    name = parameter["$ref"].rsplit("/", 1)[1]
                    assert contract["components"]["parameters"][name]["name"] in text
                for status in operation["responses"]:
                    assert status in text
        text = page.locator("#contract").evaluate("element => element.textContent")
        for code in contract["components"]["schemas"]["Error"]["properties"]["error"]["properties"][
            "code"
        ]["enum"]:
            assert code in text
        for code in contract["components"]["schemas"]["EntryError"]["properties"]["code"]["enum"]:
            assert code in text
        assert "`" not in page.locator(".guide").inner_text()


def test_each_route_has_an_address_and_the_guide_uses_this_servers_url(
    api: str, browser: Browser
) -> None:
    with visit(browser, f"{api}/#api", failing=True) as page:
        contract = page.request.get(f"{api}/openapi.json").json()
        route = contract["paths"]["/norm/{table}"]["post"]["operationId"]
        # Given a link to a route
        page.goto(f"{api}/#fr/api/{route}")
        # Then the page opens there, in its language
        expect(page.locator(f"#{route}")).to_be_focused()
        expect(page.locator(f"#{route}")).to_be_in_viewport()
        # And the address of another route can be shared too
        page.locator(".contents button", has_text="/health").first.click()
        assert re.search(r"#fr/api/\w+$", page.url)
        focused = page.evaluate("document.activeElement.id")
        assert page.url.endswith(focused)
        # And examples can be pasted unchanged
        assert f"{api}/predict" in page.locator(".preface").inner_text()


def test_urls_cannot_be_entered_where_the_api_does_not_take_them(browser: Browser) -> None:
    for taken in ("yes", "no"):
        with (
            running_server(env={"CARLENS_URLS": taken}) as address,
            visit(browser, address) as page,
        ):
            # Given an API with or without pictures by URL
            features = page.request.get(f"{address}/health").json()["features"]
            assert features["urls"] == (taken == "yes")
            # Then the field is there or not
            expect(page.locator("#urls")).to_be_visible(visible=features["urls"])


def test_two_addresses_in_quick_succession_draw_the_contract_once(
    api: str, browser: Browser
) -> None:
    with visit(browser, api) as page:
        # Given a contract whose first answer is slow
        slow: list[Route] = []
        page.route(
            "**/openapi.json", lambda route: route.continue_() if slow else slow.append(route)
        )

        # When a second address follows before it arrives
        with page.expect_request("**/openapi.json"):
            page.evaluate("location.hash = 'api'")
        page.evaluate("location.hash = 'api/getHealth'")
        page.wait_for_timeout(300)
        slow[0].continue_()

        # Then the heading of the second is focused and stays so
        expect(page.locator("#getHealth")).to_be_focused()
        page.wait_for_timeout(300)
        expect(page.locator("#getHealth")).to_be_focused()


def test_html_in_the_contract_is_shown_as_text(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given a contract with HTML and a dangerous link in its Markdown
        contract = page.request.get(f"{api}/openapi.json").json()
        contract["info"]["description"] = (
            "A <b>bold</b> `code` and **strong** [link](javascript:alert(1)).\n\n"
            "<img src=x onerror=alert(1)>\n\n- one\n- two\n"
        )
        page.route("**/openapi.json", lambda route: route.fulfill(json=contract))

        page.get_by_role("link", name="API", exact=True).click()

        # Then Markdown becomes elements, and everything else is shown as text
        preface = page.locator(".preface")
        expect(preface).to_contain_text("A <b>bold</b> code and strong [link](javascript:alert(1))")
        expect(preface).to_contain_text("<img src=x onerror=alert(1)>")
        expect(preface.locator("b, a, img")).to_have_count(0)
        expect(preface.locator("code")).to_have_text("code")
        expect(preface.locator("strong")).to_have_text("strong")
        expect(preface.locator("ul.bullets li")).to_have_text(["one", "two"])


def test_a_contract_behind_a_key_asks_for_the_key(api: str, browser: Browser) -> None:
    refusal = {"error": {"code": "forbidden", "message": "Send a key.", "request_id": "id-4"}}
    with visit(browser, f"{api}/#api", failing=True) as page:
        expect(page.locator(".operation")).to_have_count(15)
        # Given an API that requires a key
        page.route("**/openapi.json", lambda route: route.fulfill(status=403, json=refusal))
        page.reload()
        problem = page.locator("#contract [role=alert]")
        expect(problem).to_contain_text("Send a key.")
        expect(problem).to_contain_text("enter it under “API key”")
        # When French is selected, then the message is in French
        page.locator("#language").select_option("fr")
        expect(problem).to_contain_text("Si cette API exige une clé")
        # And without a connection the page says so in its own words
        page.unroute_all()
        page.route("**/openapi.json", lambda route: route.abort())
        page.locator("#language").select_option("en")
        expect(problem).to_contain_text("The server could not be reached.")
        # And a key opens it
        page.unroute_all()
        page.locator("#key").fill(KEY)
        page.locator("#key").press("Tab")
        expect(page.locator(".operation")).to_have_count(15)


def test_every_route_can_be_tried(api: str, photo_host: str, browser: Browser) -> None:
    with visit(browser, f"{api}/#api", failing=True) as page:
        for path, expected in {
            "/norm": '"europe"',
            "/health": '"status": "ok"',
            "/models": '"classes"',
            "/openapi.json": '"openapi": "3.0.1"',
            "/": "<!doctype html>",
        }.items():
            form = page.get_by_role("form", name=f"Try it: GET {path}", exact=True)
            form.get_by_role("button", name="Send").click()
            expect(form.locator("pre")).to_contain_text(expected)
        for path, expected in {
            "/shape": "[331, 518, 4]",
            "/size": str(SKODA.stat().st_size),
        }.items():
            form = page.get_by_role("form", name=f"Try it: POST {path}", exact=True)
            form.get_by_label("Photo files").set_input_files(SKODA)
            form.get_by_role("button", name="Send").click()
            expect(form.locator("pre")).to_contain_text(expected)

        # Parameters, files and URLs in one request
        form = page.get_by_role("form", name="Try it: POST /predict", exact=True)
        form.get_by_label("top_k").fill("2")
        form.get_by_label("format").select_option("detailed")
        form.get_by_label("Photo files").set_input_files(PASSAT)
        form.get_by_label("URLs, one per line").fill(f"http://{photo_host}/{SKODA.name}")
        with page.expect_response("**/predict?*") as response:
            form.get_by_role("button", name="Send").click()
        answer = response.value.json()
        assert len(answer["images"]) == 2
        assert {len(o["pred"]) for image in answer["images"] for o in image["objects"]} == {2}
        expect(form.get_by_role("status")).to_contain_text(answer["request_id"])
        assert form.get_by_role("status").inner_text().startswith("200 ")

        # A raw body and JSON
        form = page.get_by_role("form", name="Try it: POST /object_detection", exact=True)
        form.get_by_label("Body as").select_option("application/octet-stream")
        form.get_by_label("Photo file", exact=True).set_input_files(SKODA)
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"class_name": "car"')
        form.get_by_label("Body as").select_option("application/json")
        form.get_by_label("JSON", exact=True).fill("{")
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text("malformed_body")
        expect(form.get_by_role("status")).to_contain_text("400")


def test_name_matching_can_be_tried(api: str, browser: Browser) -> None:
    permissions = ["clipboard-read", "clipboard-write"]
    with visit(browser, f"{api}/#api", permissions=permissions, failing=True) as page:
        # Given a table in the path, which is filled in, and names in the query
        form = page.get_by_role("form", name="Try it: GET /norm/{table}", exact=True)
        expect(form.get_by_label("table", exact=True)).to_have_value("europe")
        form.get_by_label("make", exact=True).fill("reneau")
        form.get_by_label("model", exact=True).fill("clioRT")
        form.get_by_label("top_k").fill("2")
        with page.expect_response("**/norm/europe?make=reneau&model=clioRT&top_k=2"):
            form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"model": "Clio"')

        # Any text entered there stays one path segment, and an empty one is not sent
        form.get_by_label("table", exact=True).fill("../health")
        with page.expect_response("**/norm/..%2Fhealth?*"):
            form.get_by_role("button", name="Send").click()
        expect(form.get_by_role("status")).to_contain_text("404")
        form.get_by_label("table", exact=True).fill("")
        form.get_by_role("button", name="Send").click()
        expect(form.get_by_label("table", exact=True)).to_be_focused()

        form = page.get_by_role("form", name="Try it: GET /clean", exact=True)
        form.get_by_label("marque").fill("V.W.")
        form.get_by_label("modele").fill("golf 1.6 TDI")
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"modele": "GOLF"')

        # When rows are sent as text, as a file and as JSON
        form = page.get_by_role("form", name="Try it: POST /norm/{table}", exact=True)
        form.get_by_label("Body as").select_option("text/csv")
        form.get_by_role("button", name="Copy curl").click()
        curl = page.evaluate("navigator.clipboard.readText()")
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text(",Renault,Clio,")
        as_text = form.locator("pre").inner_text()
        form.get_by_label("Body as").select_option("multipart/form-data")
        form.get_by_label("CSV file").set_input_files(rows_file("marque;modele\nvw;golf\n"))
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text(
            "marque;modele;matched_marque;matched_modele;score\nvw;golf;Volkswagen;Golf;100"
        )
        form.get_by_label("Body as").select_option("application/json")
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"make": "Volkswagen"')

    # Then CSV is shown as received, and the copied command gives the same output in a shell
    ran = subprocess.run(["sh", "-c", curl], capture_output=True, timeout=30, check=True)
    assert ran.stdout.decode().split() == as_text.split()


# The view of names -------------------------------------------------------------------------


def rows_file(text: str) -> FilePayload:
    return {"name": "cars.csv", "mimeType": "text/csv", "buffer": text.encode()}


def write_name(page: Page, make: str, model: str) -> None:
    page.get_by_label("Make", exact=True).fill(make)
    page.get_by_label("Model", exact=True).fill(model)


def test_a_name_is_matched_while_typing(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url) if "make=" in r.url else None)
        # Given the view of names, with the tables of the server
        page.get_by_role("link", name="Names", exact=True).click()
        expect(page.locator("#names-title")).to_be_focused()
        expect(page.get_by_label("Table").locator("option")).to_have_text(
            ["europe", "stanford_cars"]
        )

        # When a user types, with a keyboard alone
        _tab_to(page, "#make")
        page.keyboard.type("lamborgini", delay=20)
        page.keyboard.press("Tab")
        page.keyboard.type("galardo", delay=20)

        # Then the match is announced, with its scores and alternatives, without a request per key
        expect(page.locator("#match")).to_have_text("Lamborghini Gallardo")
        expect(page.locator("#match")).to_have_attribute("role", "status")
        answer = page.request.get(asked[-1]).json()
        expect(page.locator("#scores .bars:first-child .share")).to_have_text(
            [str(answer[score]) for score in ("score_make", "score_model", "score")]
        )
        others = [f"{other['make']} {other['model']}" for other in answer["alternatives"]]
        assert 1 <= len(others) <= 5
        expect(page.locator("#others button")).to_have_text(others)
        assert len(asked) <= 3

        # And a name without a similar one is reported
        write_name(page, "zzzz", "qqqqq")
        expect(page.locator("#match")).to_contain_text("Nothing in this table is similar enough.")
        # And another table gives its match at once, here one for the make only
        write_name(page, "renault", "clio")
        expect(page.locator("#match")).to_have_text("Renault Clio")
        write_name(page, "fiat", "panda")
        expect(page.locator("#match")).to_have_text("Fiat Panda")
        page.get_by_label("Table").select_option("stanford_cars")
        expect(page.locator("#match")).to_contain_text("No model of this make is similar enough.")
        expect(page.locator("#match strong")).to_have_text("FIAT")
        # And a make alone is a valid query, but an empty one is not
        page.get_by_label("Model", exact=True).fill(" ")
        expect(page.locator("#match strong")).to_have_text("FIAT")
        page.get_by_label("Make", exact=True).fill(" ")
        expect(page.locator("#match")).to_have_text("Enter a make, a model or both.")
        expect(page.locator("#scores")).to_be_hidden()


def test_only_the_match_for_the_latest_text_is_shown(api: str, browser: Browser) -> None:
    with visit(browser, f"{api}/#names") as page:
        # Given a server that takes long for the first query
        waiting: list[Route] = []
        page.route("**/norm/europe?make=vw&*", lambda route: waiting.append(route))
        with page.expect_request("**/norm/europe?make=vw&*"):
            write_name(page, "vw", "golf")
        # When another is typed meanwhile
        write_name(page, "renault", "clio")
        expect(page.locator("#match")).to_have_text("Renault Clio")
        for route in waiting:
            route.continue_()
        page.wait_for_timeout(300)
        # Then the late first response is ignored
        expect(page.locator("#match")).to_have_text("Renault Clio")


def test_a_file_of_names_gives_a_file_to_download(api: str, browser: Browser) -> None:
    with visit(browser, f"{api}/#names", failing=True) as page:
        page.on(
            "filechooser",
            lambda chooser: chooser.set_files(rows_file("make,model\nreneau,clioRT\nvw,golf\n")),
        )
        page.get_by_text("Choose a CSV file").click()
        expect(page.locator("#file-status")).to_contain_text("cars.csv")

        with page.expect_download() as download:
            page.get_by_role("button", name="Download the answers").click()

        assert download.value.suggested_filename == "cars-europe-carlens.csv"
        assert [(r["matched_make"], r["matched_model"]) for r in rows_of(download.value)] == [
            ("Renault", "Clio"),
            ("Volkswagen", "Golf"),
        ]
        expect(page.locator("#answer-rows")).to_contain_text("Volkswagen Golf")
        expect(page.locator("#file-status")).to_contain_text("with the table europe")

        # And another table gives a new file
        page.get_by_label("Table").select_option("stanford_cars")
        expect(page.locator("#file-status")).to_contain_text("with the table stanford_cars")
        expect(page.locator("#answer-rows")).not_to_contain_text("Renault Clio")

        # And a file without names is reported, and nothing is offered for download
        page.set_input_files("#rows", rows_file("make,model\n"))
        expect(page.locator("#file-status")).to_contain_text("HTTP 400")
        expect(page.get_by_role("button", name="Download the answers")).to_be_hidden()


def test_errors_in_the_view_of_names_are_reported_and_a_key_opens_it(
    api: str, browser: Browser
) -> None:
    refusal = {"error": {"code": "forbidden", "message": "Send a key.", "request_id": "id-3"}}

    def lock(route: Route) -> None:
        if route.request.headers.get("x-api-key") == KEY:
            route.continue_()
        else:
            route.fulfill(status=403, json=refusal)

    with visit(browser, f"{api}/#names", failing=True) as page:
        # Given an API that requires a key
        page.route("**/norm**", lock)
        page.route("**/norm/**", lock)
        write_name(page, "vw", "golf")
        expect(page.locator("#match")).to_contain_text("Send a key.")
        expect(page.locator("#match")).to_contain_text("enter it under “API key”")
        # When the key is entered where the page points, the typed name is matched
        page.locator("#key").fill(KEY)
        page.locator("#key").press("Tab")
        expect(page.locator("#match")).to_have_text("Volkswagen Golf")
        # And without a connection the page says so
        page.unroute_all()
        page.route("**/norm/**", lambda route: route.abort())
        page.get_by_label("Model", exact=True).fill("polo")
        expect(page.locator("#match")).to_contain_text("could not be reached")
        expect(page.locator("#scores")).to_be_hidden()


def test_the_view_of_names_is_available_in_french(api: str, browser: Browser) -> None:
    with visit(browser, f"{api}/#fr/names") as page:
        expect(page).to_have_title("Carlens : les noms")
        page.get_by_label("Marque", exact=True).fill("zzzz")
        page.get_by_label("Modèle", exact=True).fill("qqqqq")
        expect(page.locator("#match")).to_contain_text("Aucun nom de cette table")
        page.locator("#language").select_option("en")
        assert page.url.endswith("#en/names")
        expect(page.locator("#match")).to_contain_text("Nothing in this table")
        expect(page.get_by_label("Make", exact=True)).to_have_value("zzzz")


# Names of vehicles -------------------------------------------------------------------------


def test_all_kinds_of_vehicles_are_found(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # When a photo is sent, then the page asks for every kind
        with page.expect_request("**/predict?*") as request:
            choose_and_send(page, SKODA)
        assert "classes=bicycle,bus,car,motorcycle,truck" in request.value.url
        assert "classes=bicycle,bus,car,motorcycle,truck" in page.locator("#snippet").inner_text()

        # And each is boxed, and can be shown alone
        page.locator("#forget").click()
        street(page)
        choose_and_send(page, SKODA)
        assert shown_boxes(page) == len(STREET)
        switches = page.locator("#kinds label:visible")
        expect(switches).to_have_text(["car 3", "truck 1", "bus 1", "motorcycle 1", "bicycle 1"])
        page.locator("#kinds label", has_text="bus").click()
        page.locator("#kinds label", has_text="motorcycle").click()
        expect(page.locator(".tag:visible span")).to_have_text(["Bus", "Motorcycle"])


def test_a_detector_without_some_kinds_is_not_asked_for_them(api: str, browser: Browser) -> None:
    with visit(browser, "about:blank") as page:
        # Given a detector that knows no bicycles
        models = page.request.get(f"{api}/models").json()
        models["predict"]["classes"].remove("bicycle")
        page.route("**/models", lambda route: route.fulfill(json=models))
        page.goto(api)
        page.wait_for_selector("#knows:not([hidden])")

        # Then it is asked for the others
        expect(page.locator("#snippet")).to_contain_text("classes=bus,car,motorcycle,truck")
        with page.expect_request("**/predict?*") as request:
            choose_and_send(page, SKODA)
        assert "classes=bus,car,motorcycle,truck" in request.value.url

        # And an API that does not say what it accepts chooses by itself
        models["predict"] = None
        page.reload()
        expect(page.locator("#snippet")).not_to_contain_text("classes")


@pytest.mark.parametrize(
    ("locale", "kinds", "guesses", "headings"),
    [
        (
            "en-US",
            ("Truck", "Bus", "Motorcycle", "Bicycle"),
            ["Perhaps Volkswagen Polo (52%)", "Perhaps Renault Clio (31%)"],
            (
                "Full names. All are guesses:",
                "Full names. The first is certain, the others are not:",
            ),
        ),
        (
            "fr-FR",
            ("Camion", "Bus", "Moto", "Vélo"),
            [
                "Peut-être Volkswagen Polo (52\u202f%)",
                "Peut-être Renault Clio (31\u202f%)",
            ],
            (
                "Noms complets, tous supposés :",
                "Noms complets. Le premier est certain, les autres non :",
            ),
        ),
    ],
)
def test_a_guess_is_marked_as_one_and_never_a_caption(
    api: str,
    browser: Browser,
    locale: str,
    kinds: tuple[str, ...],
    guesses: list[str],
    headings: tuple[str, str],
) -> None:
    with visit(browser, api, locale=locale, viewport={"width": 1900, "height": 900}) as page:
        # Given a certain model, a certain make, a guess, a certain full name and other kinds
        street(page)
        choose_and_send(page, SKODA)

        # Then the captions are what is certain, or the kind
        titles = ["Volkswagen Golf", "Volkswagen", kinds[0], "Renault Clio", *kinds[1:]]
        expect(page.locator(".tag span")).to_have_text(titles)
        expect(page.locator(".row-of .title")).to_have_text(titles)
        # And guesses are called guesses, in the list only
        expect(page.locator(".row-of .guess")).to_have_text(guesses)
        some, sure = headings
        expect(page.locator(".bars-name")).to_have_text([some, some, some, sure])
        verdicts = page.locator(".levels li").evaluate_all(
            "rows => rows.map((row) => row.classList.contains('certain'))"
        )
        assert verdicts == [True, True, True, False, False, False, True, True]
        # And a box with the name of its kind looks different
        assert page.locator(".shape.kind").count() == len(kinds)


def test_the_csv_has_what_to_show_and_each_level(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        street(page)
        choose_and_send(page, SKODA)
        with page.expect_download() as download:
            save(page, "Download CSV")
        rows = rows_of(download.value)
    assert [row["display"] for row in rows] == [vehicle["display"] for vehicle in STREET]
    golf, volkswagen, unsure, _, bus, *_ = rows
    wanted = {
        "certain": "true",
        "make": "Volkswagen",
        "make_probability": "0.98",
        "make_certain": "true",
        "model": "Volkswagen Golf",
        "model_probability": "0.95",
        "model_certain": "true",
        "name": "Volkswagen Golf Hatchback 2012",
        "probability": "0.55",
    }
    assert {column: golf[column] for column in wanted} == wanted
    assert (volkswagen["make_certain"], volkswagen["model_certain"]) == ("true", "false")
    assert (unsure["certain"], unsure["make_certain"], unsure["name"]) == (
        "false", "false", "Renault Clio",
    )  # fmt: skip
    assert (bus["certain"], bus["make"], bus["model"], bus["name"]) == ("false", "", "", "")


def test_the_cars_that_it_was_taught_can_be_searched(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        classifier = page.request.get(f"{api}/models").json()["classifier"]
        count, makes = len(classifier["classes"]), len(classifier["makes"])
        # When the list is opened
        page.get_by_text(f"{count} cars in {makes} makes", exact=True).click()

        # Then it has every car, below its make
        names = page.locator("#known-list ul li")
        expect(names).to_have_count(count)
        expect(page.locator("#known-list strong")).to_have_count(makes)
        whole = page.locator("#known-list > li").evaluate_all(
            """rows => rows.flatMap((row) => [...row.querySelectorAll("ul li")].map((car) =>
                `${row.querySelector("strong").textContent} ${car.textContent}`))"""
        )
        assert sorted(whole) == sorted(classifier["classes"])

        # And a search finds the cars with all of its words
        page.get_by_label("Search these cars").fill("golf VOLKS")
        expect(names.locator("visible=true")).to_have_text(
            ["Golf", "Golf Hatchback 1991", "Golf Hatchback 2012"]
        )
        expect(page.locator("#known-list strong:visible")).to_have_text(["Volkswagen"])
        expect(page.locator("#known-count")).to_have_text("3 cars")
        # And one without a result says what that means, in both languages
        page.get_by_label("Search these cars").fill("Lada Niva")
        expect(page.locator("#known-count")).to_contain_text("Carlens was not taught this car.")
        page.locator("#language").select_option("fr")
        expect(page.locator("#known-count")).to_contain_text(
            "Carlens n’a pas appris cette voiture."
        )
        expect(page.locator("#known-title")).to_have_text(f"{count} voitures de {makes} marques")


def test_a_certain_name_shows_its_reference(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given a photo in which one pass shows a car that the classifier is certain of
        page.route(
            "**/predict?*", lambda route: route.continue_(url=f"{route.request.url}&slices=1")
        )
        answer = choose_and_send(page, SKODA, PASSAT)
        set_slider(page, 20)
        named = [
            o["reference"]
            for image in answer["images"]
            for o in image["objects"]
            if o["certain"] and o["reference"]
            if o["display"] != f"{o['reference']['make']} {o['reference']['model']}"
        ]
        assert named
        # Then each has its reference in its row, unless it has the same name
        rows = [f"Reference: {r['make']} {r['model']}" for r in named]
        expect(page.locator(".row-of:visible .reference-name")).to_have_text(rows)


def test_without_a_classifier_vehicles_have_no_names(browser: Browser) -> None:
    # Given a deployment that only detects
    with (
        running_server("--workers", "1", env={"CARLENS_CLASSIFIER": "none"}) as alone,
        visit(browser, alone) as page,
    ):
        # When photos are sent
        answer = choose_and_send(page, SKODA)

        # Then each vehicle is shown as its kind, and there are no names to open
        shown = objects_above(answer, 0.4)
        assert shown
        assert all(found["pred"] == [] for found in shown)
        expect(page.locator(".row-of:visible .title")).to_have_text(
            [found["class_name"].capitalize() for found in shown]
        )
        expect(page.locator("details.row-of")).to_have_count(0)
        expect(page.locator("#running")).to_have_text(re.compile(r"^ssdlite\S+ [\d.]+$"))
        expect(page.locator("#knows")).to_be_hidden()
        expect(page.locator("#legend")).to_be_hidden()
        expect(page.locator("#names-cars")).to_be_hidden()
        with page.expect_download() as download:
            save(page, "Download CSV")
        rows = rows_of(download.value)
        assert [(row["display"], row["name"], row["certain"], row["make"]) for row in rows] == [
            (found["class_name"], "", "false", "") for found in shown
        ]


# Deployments -------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_below_a_stage(staged: str, browser: Browser, slash: str) -> None:
    with visit(browser, staged + slash) as page:
        urls: list[str] = []
        page.on("request", lambda request: urls.append(request.url))
        answer = choose_and_send(page, SKODA)
        assert shown_boxes(page) == len(objects_above(answer, 0.4))
        assert f"'{staged}/predict?" in page.locator("#snippet").inner_text()

        # And switching views does not reload the page: the results are still there
        page.get_by_role("link", name="Names", exact=True).click()
        write_name(page, "vw", "golf")
        expect(page.locator("#match")).to_have_text("Volkswagen Golf")
        page.get_by_role("link", name="API", exact=True).click()
        form = page.get_by_role("form", name="Try it: GET /health", exact=True)
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"status": "ok"')
        page.get_by_role("link", name="Photos", exact=True).click()
        expect(page.locator(".card")).to_have_count(1)
        outside = [url for url in urls if not url.startswith((f"{staged}/", "blob:"))]
        assert outside == []


def test_an_api_key_opens_an_api_that_requires_one(api: str, browser: Browser) -> None:
    refusal = {"error": {"code": "forbidden", "message": "Send a key.", "request_id": "id-2"}}
    keys: list[str | None] = []

    # Given the gateway's key check in front of the real API
    def lock(route: Route) -> None:
        keys.append(route.request.headers.get("x-api-key"))
        if keys[-1] == KEY:
            route.continue_()
        else:
            route.fulfill(status=403, json=refusal)

    with visit(browser, api, failing=True) as page:
        page.route("**/predict?*", lock)
        page.route("**/models", lock)
        page.set_input_files("#files", SKODA)
        page.locator("#send").click()
        expect(page.get_by_role("alert")).to_contain_text("enter it under “API key”")

        # When the key is entered where the page points
        page.locator("#key").fill(KEY)
        send(page)

        # Then it is sent, appears in no snippet, and applies to the other view too
        assert keys[-1] == KEY
        assert shown_boxes(page) > 0
        assert KEY not in page.locator("#snippet").inner_text()
        assert "$CARLENS_API_KEY" in page.locator("#snippet").inner_text()
        page.get_by_role("link", name="API", exact=True).click()
        form = page.get_by_role("form", name="Try it: GET /models", exact=True)
        form.get_by_role("button", name="Send").click()
        expect(form.locator("pre")).to_contain_text('"classes"')


# Budgets -----------------------------------------------------------------------------------


def test_it_is_ready_soon_on_a_slow_phone(api: str, browser: Browser, note: Note) -> None:
    sizes: list[int] = []
    with visit(browser, "about:blank") as page:
        # Given a quarter of this processor's speed, and slow 4G
        phone = page.context.new_cdp_session(page)
        phone.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        phone.send("Network.enable")
        phone.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
        phone.send(
            "Network.emulateNetworkConditions",
            {"offline": False, "latency": 150, "downloadThroughput": 200_000,
             "uploadThroughput": 90_000},
        )  # fmt: skip

        page.goto(api)
        page.wait_for_selector("#knows:not([hidden])")

        loaded = page.evaluate(
            """() => {
                const [page] = performance.getEntriesByType('navigation');
                const others = performance.getEntriesByType('resource')
                    .filter(({name}) => !name.startsWith('data:'));
                return {
                    ready: page.domContentLoadedEventEnd,
                    names: others.map(({name}) => name.split('/').at(-1)),
                };
            }"""
        )
    # Then it can be used within three seconds, and has loaded only its first view
    assert loaded["ready"] < 3000
    note(f"The first screen transfers {sum(sizes):,} bytes in {len(sizes)} responses.")
    assert 0 < sum(sizes) <= 60_000
    assert sorted(loaded["names"]) == sorted(
        ["health", "models", "page.css"]
        + [f"{name}.js" for name in ("main", "client", "dom", "i18n")]
        + [f"{name}.js" for name in ("session", "snippets", "status", "storage", "tray")]
    )


def test_the_code_of_the_page_is_loaded_once(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given a visit to all views
        choose_and_send(page, SKODA)
        page.get_by_role("link", name="API", exact=True).click()
        expect(page.locator(".operation").first).to_be_visible()
        page.locator('[data-view="names"]').click()
        page.wait_for_selector("#table option", state="attached")
        loaded = page.evaluate("performance.getEntriesByType('resource').map(({name}) => name)")
        modules = [name for name in loaded if "/assets/" in name]
        assert len(modules) == len(set(modules)) > 15

        # When the page is loaded again
        sizes = """() => performance.getEntriesByType('resource')
            .filter(({name}) => name.includes('/assets/'))
            .map(({transferSize}) => transferSize)"""
        page.goto(f"{api}/#names")
        page.reload()
        page.wait_for_selector("#table option", state="attached")

        # Then the browser has cached its modules and styles
        assert set(page.evaluate(sizes)) == {0}


def test_a_page_whose_code_was_replaced_says_so(api: str, browser: Browser) -> None:
    with visit(browser, api, failing=True) as page:
        # Given a page that was opened before a deployment
        gone = {"error": {"code": "not_found", "message": "Reload.", "request_id": "id-5"}}
        page.route("**/assets/*/queue.js", lambda route: route.fulfill(status=404, json=gone))
        page.route("**/assets/*/api.js", lambda route: route.fulfill(status=404, json=gone))

        # When the user sends a photo, or opens the API
        choose(page, SKODA)
        page.locator("#send").click()

        # Then the page says what to do
        expect(page.get_by_role("alert")).to_contain_text("Reload it and try again.")
        page.get_by_role("link", name="API", exact=True).click()
        expect(page.locator("#contract")).to_contain_text("Reload it and try again.")

        # And its button loads the view from the server that is there now
        page.unroute("**/assets/*/api.js")
        page.locator("#contract").get_by_role("button", name="Reload the page").click()
        expect(page.locator(".operation").first).to_be_visible()
