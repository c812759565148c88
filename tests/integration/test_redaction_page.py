"""The mode Anonymize of the page: redacted photos, beside their originals and saved."""

from __future__ import annotations

import io
import zipfile
from base64 import b64decode, b64encode
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, Response, Route, expect

from tests.integration.test_page import choose, junk, serious_issues, visit
from tests.integration.test_workspace import names_in, tiny
from tests.support import SKODA, encode

_BLACK = 40  # of the mean of a region that is covered; JPEG and scaling blur its edges


def rotated() -> FilePayload:
    """Return the Skoda as phones save it: lying on its side, with an orientation to undo that."""
    with PIL.Image.open(SKODA) as photo:
        lying = photo.convert("RGB").transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    lying.save(file, "JPEG", quality=95, exif=exif)
    return {"name": "../tourné.jpeg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def redact(page: Page, *photos: Any) -> None:
    page.get_by_text("Anonymize", exact=True).click()
    choose(page, *photos)
    page.get_by_role("button", name="Redact").click()
    expect(page.locator("#status")).to_have_text("Done.", timeout=60_000)


def look(stage: Locator, slider: Locator, share: int) -> npt.NDArray[np.uint8]:
    """Return what the screen shows with a share of the original, without the divider."""
    slider.fill(str(share))
    with PIL.Image.open(io.BytesIO(stage.screenshot())) as shown:
        pixels = np.asarray(shown.convert("RGB"))
    middle = pixels.shape[1] * share // 100
    pixels = pixels.copy()
    pixels[:, max(0, middle - 30) : middle + 30] = 127
    return pixels


def inside(pixels: npt.NDArray[np.uint8], image: Any, region: Any) -> float:
    """Return the mean of a region, as the screen shows it."""
    scale = pixels.shape[1] / image["width"]
    x1, y1, x2, y2 = (round(region[side] * scale) for side in ("x1", "y1", "x2", "y2"))
    return float(pixels[y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].mean())


def check_the_viewer(page: Page) -> None:
    """Enlarge the first photo, and move its slider by keys and by dragging."""
    page.get_by_role("button", name="Enlarge").first.click()
    viewer = page.get_by_role("dialog")
    slider = viewer.get_by_role("slider")
    slider.fill("10")
    # What the mouse points at, and would save, is never the original
    assert (
        viewer.locator(".stage").evaluate(
            "(stage) => { const { left, top } = stage.getBoundingClientRect();"
            " return document.elementFromPoint(left + 5, top + 5).alt; }"
        )
        == f"{SKODA.name}, redacted"
    )
    slider.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", "9% original")
    page.keyboard.press("+")
    expect(viewer).to_contain_text("Photo 1 of 3")
    view = viewer.locator(".view").bounding_box()
    divider = viewer.locator(".divider").bounding_box()
    clip = viewer.locator(".original").evaluate(
        "(image) => { const { left, width } = image.getBoundingClientRect();"
        " return left + width * (1 - parseFloat(getComputedStyle(image).clipPath"
        ".split(' ')[1].replace('calc(', '')) / 100); }"
    )
    assert view
    assert divider
    middle = divider["x"] + divider["width"] / 2
    assert abs(middle - (view["x"] + 0.09 * view["width"])) < 1.5
    assert abs(middle - clip) < 1.5
    page.mouse.move(middle, divider["y"] + 40)
    page.mouse.down()
    page.mouse.move(middle + 300, divider["y"] + 40, steps=3)
    page.mouse.up()
    assert float(slider.input_value()) > 20
    page.keyboard.press("Escape")


def answered(response: Response) -> bool:
    """Return whether a response has the photos; what the browser cannot read is sent alone."""
    return "/anonymize?" in response.url and len(response.json()["images"]) == 2


def test_photos_are_redacted_compared_saved_and_kept(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given two real photos, one of them rotated by its EXIF data, and a file that is no photo
        with page.expect_response(answered) as response:
            redact(page, SKODA, rotated(), junk())
        images = response.value.json()["images"]
        plates = sum(len(image["regions"]) for image in images[:2])
        assert plates >= 2
        expect(page.locator("#results-title")).to_have_text(
            f"{plates} plates in 2 photos, 1 failed"
        )
        expect(page.locator("#redacted")).to_contain_text("This is help, not a guarantee")
        expect(page.locator(".failed")).to_have_count(1)
        expect(page.locator("#export")).to_be_hidden()
        assert serious_issues(page) == []

        # Then original and redacted photo lie on each other, and only the regions differ
        for number, image in enumerate(images[:2]):
            card = page.locator("#redacted .card").nth(number)
            stage, slider = card.locator(".stage"), card.get_by_role("slider")
            before, after = look(stage, slider, 100), look(stage, slider, 0)
            for region in image["regions"]:
                assert inside(after, image, region) < _BLACK < inside(before, image, region)
            assert np.abs(before.astype(int) - after)[:, 40:-40].mean() < 6

        # And one has its own name and the bytes that were answered
        with page.expect_download() as download:
            page.get_by_role("button", name="Download", exact=True).nth(1).click()
        assert download.value.suggested_filename == "_tourné-redacted.jpg"
        assert download.value.path().read_bytes() == b64decode(images[1]["picture"])
        with page.expect_download() as download:
            page.get_by_role("button", name="Download 2 redacted photos (ZIP)").click()
        with zipfile.ZipFile(download.value.path()) as archive:
            assert archive.namelist() == [f"{SKODA.stem}-redacted.jpg", "_tourné-redacted.jpg"]
            assert archive.read(archive.namelist()[0]) == b64decode(images[0]["picture"])

        check_the_viewer(page)

        # And a reload keeps them, other options need another request, and clearing removes all
        page.reload()
        expect(page.locator("#redacted .original")).to_have_count(2)
        page.get_by_text("Blurred", exact=True).click()
        expect(page.locator("#redaction")).to_contain_text("Where something must not be known")
        expect(page.get_by_role("button", name="Redact 3 photos")).to_be_visible()
        expect(page.locator("#results")).to_be_hidden()
        page.get_by_text("Black", exact=True).click()
        expect(page.locator("#redacted .original")).to_have_count(2)
        page.get_by_role("button", name="Clear photos and results").click()
        expect(page.locator("#results")).to_be_hidden()
        page.reload()
        expect(page.locator("#tray")).to_be_hidden()
        expect(page.locator("#results")).to_be_hidden()


_JPEG = encode(np.full((48, 64, 3), 60, np.uint8), "JPEG")


def _answer(**fields: Any) -> dict[str, Any]:
    region = {"x1": 4, "y1": 4, "x2": 20, "y2": 9, "kind": "face", "confidence": 0.9}
    picture = {"width": 64, "height": 48, "regions": [region], "media_type": "image/jpeg"}
    nothing = {"picture": None, "picture_url": None, "error": None}
    return {**picture, **nothing, **fields}


def test_pictures_that_have_no_room_are_fetched_sent_alone_or_smaller(
    api: str, browser: Browser
) -> None:
    refused = {"code": "answer_too_large", "message": "It does not fit into the response."}
    requests: list[list[str]] = []
    fetched: list[dict[str, str]] = []

    def one(route: Route, name: str) -> dict[str, Any]:
        if name == "photo-000.png":
            return _answer(picture_url=f"{api}/uploads/store/redacted/a.jpg?signed")
        if len(requests[-1]) > 1 or (
            name == "large.png" and b"PNG" in (route.request.post_data_buffer or b"")
        ):
            nothing = dict.fromkeys(("width", "height", "regions", "media_type"))
            return _answer(**nothing, error=refused)
        return _answer(picture=b64encode(_JPEG).decode())

    def respond(route: Route) -> None:
        requests.append(names_in(route))
        images = [one(route, name) for name in requests[-1]]
        route.fulfill(json={"images": images, "models": {}, "timing_ms": {"total": 5}})

    def store(route: Route) -> None:
        fetched.append(route.request.headers)
        route.fulfill(status=200 if len(fetched) > 1 else 403, body=_JPEG)

    large = encode(np.random.default_rng(3).integers(0, 9, (700, 1200, 3), np.uint8), "PNG")
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
    }  # fmt: skip
    with visit(browser, api, failing=True, locale="fr-FR", **phone) as page:
        page.route("**/anonymize?*", respond)
        page.route("**/uploads/store/**", store)
        # Given a picture behind a URL, one that fits alone, and one that fits nowhere
        page.locator("#key-panel > summary").click()
        page.locator("#key").fill("secret")
        page.get_by_text("Anonymiser", exact=True).tap()
        payload: FilePayload = {"name": "large.png", "mimeType": "image/png", "buffer": large}
        choose(page, *tiny(3), payload)
        page.locator("#send").tap()
        # Then all of them are redacted, except the one that could not be fetched
        expect(page.locator("#results-title")).to_have_text("3 visages dans 3 photos, 1 en échec")
        assert [names for names in requests if len(names) == 4] == [requests[0]]
        assert requests[1:] == [["photo-001.png"], ["photo-002.png"], ["large.png"], ["large.png"]]
        assert "x-api-key" not in fetched[0]
        # And it can be sent again
        page.get_by_role("button", name="Renvoyer").tap()
        expect(page.locator("#results-title")).to_have_text("4 visages dans 4 photos")
        expect(page.locator("#redacted .tile img")).to_have_count(4)
        page.locator(".tile[aria-posinset='4'] button").tap()
        viewer = page.get_by_role("dialog")
        expect(viewer).to_contain_text("Réduite de 1200 × 700 à 1024 × 597")
        # And an original of another shape is not laid over its redacted photo
        expect(viewer).to_contain_text("ne peut pas afficher l’original")
        expect(viewer.get_by_role("slider")).to_have_count(0)
        assert serious_issues(page) == []


def test_the_mode_is_hidden_where_nothing_is_redacted(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        expect(page.locator("#anonymize")).to_be_visible()
        # Given a deployment without redaction
        page.route("**/health", lambda route: route.fulfill(json={"features": {"urls": False}}))
        page.reload()
        # Then the page does not offer it
        expect(page.locator("#urls-field")).to_be_hidden()
        expect(page.locator("#anonymize")).to_be_hidden()
