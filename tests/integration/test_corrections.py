"""Names that the user corrects on the page: shown, kept, exported, and read by `make teach`."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from carlens.config import Config
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits
from carlens.teach.photos import Photo, read_photos
from tests.integration.test_answers import SKODA_CAR, assert_near
from tests.integration.test_page import choose, rows_of, save, serious_issues, visit
from tests.integration.test_workspace import FakeServer, analyze, tiny
from tests.support import SKODA

TURNED = 6  # EXIF: the picture is stored a quarter turn counterclockwise


def payload(name: str, *, turned: bool = False) -> FilePayload:
    """Return the photo of the Skoda, upright or turned by its EXIF orientation."""
    photo = Image.open(SKODA).convert("RGB")
    exif = Image.Exif()
    if turned:
        photo = photo.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = TURNED
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=95, exif=exif)
    return {"name": name, "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def correct(row: Locator, make: str, model: str) -> None:
    """Name a vehicle with the keyboard alone."""
    page = row.page
    if not row.locator(".row-of").evaluate("row => row.open"):
        row.locator("summary").focus()
        page.keyboard.press("Enter")
    row.get_by_role("button", name="Correct the name").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_label("Make")).to_be_focused()
    for text in (make, model):
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row.get_by_role("button", name="Change")).to_be_focused()


def largest(image: dict[str, Any]) -> int:
    areas = [(o["x2"] - o["x1"]) * (o["y2"] - o["y1"]) for o in image["objects"]]
    return int(np.argmax(areas))


def unpack(page: Page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download for teaching (ZIP)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder / "photos.csv"


def test_photos_are_analyzed_corrected_exported_and_read_by_teach(
    api: str, browser: Browser, tmp_path: Path
) -> None:
    with visit(browser, api) as page:
        # Given a photo that is upright, and one that its EXIF orientation turns
        choose(page, payload("CON.jpg"), payload('a, "b";é.jpg', turned=True))
        with page.expect_response("**/predict?*") as response:
            page.locator("#send").click()
        images = response.value.json()["images"]
        cards = page.locator(".card")
        expect(cards).to_have_count(2)

        # When the car in each is named
        rows = [
            cards.nth(i).locator(".found > li").nth(largest(image))
            for i, image in enumerate(images)
        ]
        correct(rows[0], " Peugeot ", "peugeot   108")
        correct(rows[1], "Skoda", "Citigo")
        expect(page.locator("#corrections-count")).to_have_text("You named 2 vehicles.")
        photos = read_photos(unpack(page, tmp_path), [])

    # Then the reader of `make teach` finds the pictures, their names and the boxes
    peugeot, skoda = photos
    assert (peugeot.path.name, peugeot.name) == ("_CON.jpg", "Peugeot 108")
    assert (skoda.path.name, skoda.name) == ("a, _b_;é.jpg", "Skoda Citigo")
    for photo in photos:
        assert photo.box is not None
        assert_near(tuple(map(round, photo.box)), SKODA_CAR)
    # And its decoder turns both upright, so that the boxes hold the same car
    assert np.abs(pixels_of(peugeot) - pixels_of(skoda)).mean() < 8


def pixels_of(photo: Photo) -> NDArray[np.int16]:
    """Read a photo as `make teach` does."""
    config = Config()
    limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
    return read_pixels(photo.path.read_bytes(), limits).astype(np.int16)


def test_a_correction_is_shown_counted_kept_and_exported(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given a Clio, a Volkswagen of unknown model, a bus, and a photo with nothing, twice
        analyze(page, *tiny(6))
        page.locator("[aria-posinset='1'] .tile-button").click()
        viewer = page.get_by_role("dialog")

        # When a name is corrected in the viewer, where no key moves on while it is written
        correct(viewer.locator(".found > li"), "Dacia", "Sandero-0")
        expect(page.get_by_role("dialog", name="photo-000.png")).to_be_visible()
        expect(viewer.locator(".tag.own span")).to_have_text("Dacia Sandero-0")
        expect(viewer.locator(".subtitle").first).to_have_text(
            "Corrected by you; Carlens says: Renault Clio"
        )
        assert serious_issues(page) == []
        # And another is confirmed, and a third is not a vehicle
        page.keyboard.press("Escape")
        page.locator("[aria-posinset='2'] .tile-button").click()
        viewer.get_by_role("button", name="Confirm Volkswagen Polo").click()
        viewer.get_by_role("button", name="Not a vehicle").click()
        expect(viewer.locator(".title")).to_have_text(["Volkswagen Polo", "Not a vehicle"])
        # And Escape leaves a form, then the viewer
        viewer.get_by_role("button", name="Change").first.click()
        page.keyboard.press("Escape")
        expect(viewer.get_by_role("button", name="Change").first).to_be_focused()
        page.keyboard.press("Escape")

        # Then filters, counts and tiles follow, also after a reload
        for _ in range(2):
            expect(page.locator("#results-title")).to_have_text("5 vehicles in 6 photos")
            expect(page.locator("#makes label")).to_have_text(
                ["Volkswagen 2", "Dacia 1", "Renault 1"]
            )
            expect(page.locator("#states label:visible")).to_have_text(
                ["All 6", "With results 4", "Named 4", "Uncertain 1", "Corrected 2"]
            )
            own = page.locator(".tile-title.own")
            expect(own).to_have_count(2)
            assert {*own.all_inner_texts()} == {"Dacia Sandero-0", "Volkswagen Polo"}
            page.reload()

        # And the exports have what Carlens said and what the user says
        with page.expect_download() as download:
            save(page, "Download CSV")
        said = ("display", "verdict", "correct_make", "correct_model")
        rows = [tuple(row[column] for column in said) for row in rows_of(download.value)]
        assert rows[:4] == [
            ("Renault Clio", "corrected", "Dacia", "Sandero-0"),
            ("Volkswagen", "confirmed", "Volkswagen", "Polo"),
            ("bus", "not_a_vehicle", "", ""),
            ("Renault Clio", "", "", ""),
        ]
        with page.expect_download() as download:
            page.get_by_role("button", name="Download COCO").click()
        coco = json.loads(download.value.path().read_text("utf-8"))
        assert coco["annotations"][0]["attributes"] == {
            "name": "Renault Clio",
            "certain": True,
            "verdict": "corrected",
            "correct_make": "Dacia",
            "correct_model": "Sandero-0",
        }
        with page.expect_download() as download:
            page.get_by_role("button", name="Download JSON").click()
        first = json.loads(download.value.path().read_text("utf-8"))["images"][0]["objects"][0]
        assert first["display"] == "Renault Clio"
        assert first["correction"] == {
            "verdict": "corrected", "make": "Dacia", "model": "Sandero-0",
        }  # fmt: skip

        # And a correction can be taken back, and is cleared with the session
        page.keyboard.press("Escape")
        page.locator("[aria-posinset='1'] .tile-button").click()
        viewer.get_by_role("button", name="Undo").click()
        expect(viewer.locator(".tag span")).to_have_text("Renault Clio")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Clear photos and results").click()
        page.reload()
        expect(page.locator("#results")).to_be_hidden()


def test_a_photo_at_a_url_is_exported_if_its_site_allows_it(
    api: str, photo_host: str, browser: Browser, tmp_path: Path
) -> None:
    with visit(browser, api, failing=True) as page:
        # Given a photo at a site that does not let other pages read it, and one at a site that does
        cors = {"Content-Type": "image/png", "Access-Control-Allow-Origin": "*"}
        page.route("**/open.png", lambda route: route.fulfill(path=SKODA, headers=cors))
        FakeServer(page, answer_urls)
        page.locator("#urls").fill(f"http://{photo_host}/{SKODA.name}\nhttp://cars.test/open.png")
        page.locator("#send").click()
        rows = page.locator(".found > li")
        correct(rows.nth(0), "Fiat", "Panda")
        correct(rows.nth(1), "Fiat", "500")

        # When they are exported
        table = unpack(page, tmp_path)

        # Then one is in the archive, and the page names the other
        report = page.locator("#corrections-report")
        expect(report).to_contain_text("1 vehicle of 1 model")
        expect(report).to_contain_text("at least two models")
        expect(report.locator(".left-out")).to_contain_text(f"to copy them: {SKODA.name}.")
        assert table.read_text("utf-8-sig").splitlines() == [
            "file,make,model,x1,y1,x2,y2",
            "photos/open.jpg,FIAT,500,40,80,300,240",
        ]
        with Image.open(tmp_path / "photos" / "open.jpg") as picture:
            assert picture.size == (518, 331)


def answer_urls(route: Route) -> None:
    found = {"class_name": "car", "confidence": 0.9, "pred": [], "x1": 40, "y1": 80}
    image: dict[str, Any] = {"width": 518, "height": 331, "error": None}
    image["objects"] = [{**found, "x2": 300, "y2": 240}]
    route.fulfill(json={"images": [image] * 2, "models": {"classifier": {"name": "c"}}})


def test_a_file_in_an_archive_has_a_safe_name(api: str, browser: Browser) -> None:
    safe = {
        "..": ["photo", ""],
        "../../etc/passwd": ["_.._etc_passwd", ""],
        "C:\\cars\\a.jpg": ["C__cars_a", ".jpg"],
        "nul.jpg": ["_nul", ".jpg"],
        "COM1": ["_COM1", ""],
        ".hidden.png": ["hidden", ".png"],
        "a\u2028b\n.jpg ": ["a_b_", ".jpg"],
        "e\u0301.jpg": ["\u00e9", ".jpg"],
        "x" * 300 + ".jpg": ["x" * 80, ".jpg"],
    }
    with visit(browser, api) as page:
        found = page.evaluate(
            """async (names) => {
                const main = document.querySelector("script[src]").src;
                const { safeName } = await import(new URL("zip.js", main).href);
                return names.map(safeName);
            }""",
            list(safe),
        )
    assert found == list(safe.values())
