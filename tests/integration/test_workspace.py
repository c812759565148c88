"""The page as a workspace: a queue of any size, and results that can be scanned and exported."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, FilePayload, Page, Route, expect

from tests.integration.test_page import (
    BUS,
    CLIO,
    SOME_VOLKSWAGEN,
    choose,
    junk,
    rows_of,
    save,
    serious_issues,
    set_slider,
    visit,
)
from tests.support import encode

_TINY = encode(np.full((48, 64, 3), 120, np.uint8), "PNG")


def tiny(count: int, prefix: str = "photo") -> list[FilePayload]:
    """Return photos that a browser can show and that take no time to send."""
    return [
        {"name": f"{prefix}-{i:03}.png", "mimeType": "image/png", "buffer": _TINY}
        for i in range(count)
    ]


def names_in(route: Route) -> list[str]:
    body = route.request.post_data_buffer or b""
    return [name.decode() for name in re.findall(rb'name="image"; filename="([^"]*)"', body)]


def found(name: str) -> list[dict[str, Any]]:
    """Return what a fake server finds in a photo, depending on the number in its name."""
    number = int(re.sub(r"\D", "", name) or 0)
    vehicles = [[CLIO], [SOME_VOLKSWAGEN, BUS], []][number % 3]
    boxes = [{"x1": 4 + 30 * i, "y1": 8, "x2": 30 + 30 * i, "y2": 40} for i in range(2)]
    return [
        {**vehicle, **box, "confidence": round(0.9 - number / 1000, 3), "label": ""}
        for vehicle, box in zip(vehicles, boxes, strict=False)
    ]


def answer(route: Route) -> None:
    """Answer a request as Carlens would, without recognizing anything."""
    images = [
        {"name": name, "width": 64, "height": 48, "objects": found(name), "error": None}
        for name in names_in(route)
    ]
    models = {"detector": {"name": "d"}, "classifier": {"name": "c"}}
    route.fulfill(json={"images": images, "models": models, "timing_ms": {"total": 5}})


class FakeServer:
    """Answers the requests of a page, and keeps the names in each."""

    def __init__(self, page: Page, respond: Callable[[Route], None] = answer) -> None:
        self.requests: list[list[str]] = []
        self.held: list[Route] = []
        self.holding = False
        self._respond = respond
        page.route("**/predict?*", self._handle)

    def _handle(self, route: Route) -> None:
        self.requests.append(names_in(route))
        if self.holding:
            self.held.append(route)
        else:
            self._respond(route)

    def release(self) -> None:
        self.holding = False
        while self.held:
            self._respond(self.held.pop())


# The queue ---------------------------------------------------------------------------------


def test_a_queue_is_sent_in_parts_that_are_retried_and_can_be_paused(
    api: str, browser: Browser
) -> None:
    refusals: list[dict[str, Any]] = [
        {"status": 503, "body": "<html>Service Unavailable</html>"},
        {"status": 429, "json": {"message": "Too Many Requests"}},
    ]

    def busy_at_first(route: Route) -> None:
        if refusals:
            route.fulfill(**refusals.pop(), headers={"Retry-After": "0"})
        else:
            answer(route)

    with visit(browser, api, failing=True) as page:
        # Given more photos than a request takes, and a server that is busy at first
        server = FakeServer(page, busy_at_first)
        choose(page, *tiny(60))
        expect(page.locator("#tray .more")).to_have_text("and 36 more")

        # When they are sent, then at most three requests are under way
        server.holding = True
        page.locator("#send").click()
        expect(page.locator("#clock")).to_contain_text("0 of 60")
        page.wait_for_timeout(200)
        assert [len(names) for names in server.requests] == [8, 8, 8]
        # And a pause finishes them, with their results, and sends no others
        page.get_by_role("button", name="Pause").click()
        server.release()
        expect(page.locator("#results-title")).to_have_text("24 vehicles in 24 photos")
        expect(page.locator("#status")).to_have_text("Paused.")
        assert len(server.requests) == 3 + 2
        page.get_by_role("button", name="Resume").click()

        # Then all are analyzed, none twice
        expect(page.locator("#results-title")).to_have_text("60 vehicles in 60 photos")
        assert len(server.requests) == 8 + 2
        expect(page.locator("#status")).to_have_text("Done.")
        expect(page.locator("#facts")).to_contain_text("8 requests in")
        expect(page.locator("#tray")).to_be_hidden()


def test_a_canceled_queue_keeps_its_results_and_goes_on_with_the_rest(
    api: str, browser: Browser
) -> None:
    with visit(browser, api) as page:
        server = FakeServer(page)
        choose(page, *tiny(2))
        page.locator("#send").click()
        expect(page.locator("#results-title")).to_contain_text("in 2 photos")

        # Given photos added later, and a cancel while they are sent
        choose(page, *tiny(3, "later"))
        server.holding = True
        page.locator("#send").click()
        expect(page.locator("#progress")).to_be_visible()
        expect(page.locator("#send")).to_have_attribute("aria-disabled", "true")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#status")).to_have_text("Canceled.")
        expect(page.locator("#progress")).to_be_hidden()

        # Then only they wait, and one that is removed is not sent
        expect(page.locator("#tray li")).to_have_count(3)
        page.locator(".remove").first.click()
        server.holding = False
        page.get_by_role("button", name="Find the vehicles in 2 photos").click()
        expect(page.locator("#results-title")).to_contain_text("in 4 photos")
        assert server.requests[-1] == ["later-001.png", "later-002.png"]


def test_a_photo_that_breaks_its_request_fails_alone(api: str, browser: Browser) -> None:
    late = {"error": {"code": "deadline_exceeded", "message": "Time ran out."}}
    nothing: dict[str, Any] = {"width": None, "height": None, "objects": []}

    def respond(route: Route) -> None:
        names = names_in(route)
        if "photo-005.png" in names:
            route.fulfill(status=502, json={"message": "Internal server error"})
        elif len(names) == 4:
            # The server had no time for the last photo of a request
            done = {"width": 64, "height": 48, "objects": [], "error": None}
            route.fulfill(json={"images": [done, done, done, {**nothing, **late}]})
        else:
            answer(route)

    with visit(browser, api, failing=True) as page:
        FakeServer(page, respond)
        choose(page, *tiny(8))
        page.locator("#send").click()
        expect(page.locator("#results-title")).to_contain_text("in 7 photos, 1 failed")
        # And it can be sent again
        page.unroute_all()
        FakeServer(page)
        page.get_by_role("button", name="Send the failed ones again").click()
        expect(page.locator("#results-title")).to_contain_text("in 8 photos")


@pytest.mark.parametrize(
    ("status", "body", "english", "french"),
    [
        (429, '{"message":"Limit Exceeded"}', "too many requests", "trop de requêtes"),
        (503, "<html><h1>503</h1></html>", "The server is busy.", "Le serveur est occupé."),
        (200, "<html>Sign in</html>", "could not be understood", "est incompréhensible"),
        (403, '{"message":"Forbidden"}', "refused the request", "a refusé la requête"),
        (0, "", "could not be reached", "est injoignable"),
    ],
)
def test_errors_in_front_of_carlens_are_worded_in_the_language_of_the_page(
    api: str, browser: Browser, status: int, body: str, english: str, french: str
) -> None:
    def respond(route: Route) -> None:
        if status:
            route.fulfill(status=status, body=body, headers={"Retry-After": "0"})
        else:
            route.abort()

    with visit(browser, api, failing=True) as page:
        FakeServer(page, respond)
        choose(page, junk())
        page.locator("#send").click()
        problem = page.get_by_role("alert")
        expect(problem).to_contain_text(english, timeout=15_000)
        page.locator("#language").select_option("fr")
        expect(problem).to_contain_text(french)
        assert body not in problem.inner_text() or not body
        # And the photo waits to be sent again
        expect(page.locator("#tray li")).to_have_count(1)
        page.unroute_all()
        FakeServer(page)
        page.locator("#send").click()
        expect(page.locator("#results-title")).to_be_visible()
        expect(problem).to_be_hidden()


# The results -------------------------------------------------------------------------------


def analyze(page: Page, *photos: FilePayload) -> None:
    FakeServer(page)
    choose(page, *photos)
    page.locator("#send").click()
    expect(page.locator("#status")).to_have_text("Done.", timeout=60_000)


def titles(page: Page) -> list[str]:
    page.wait_for_timeout(100)  # a frame, in which the grid is drawn
    return page.locator(".tile-name").all_inner_texts()


def test_results_are_filtered_sorted_viewed_exported_and_kept(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        # Given twelve photos: a third with a name, a third with a doubt, a third with nothing
        analyze(page, *tiny(12))
        expect(page.locator(".tile")).to_have_count(12)
        expect(page.locator("#states label:visible")).to_have_text(
            ["All 12", "With results 8", "Named 8", "Uncertain 4"]
        )
        expect(page.locator("#makes label")).to_have_text(["Renault 4", "Volkswagen 4"])
        expect(page.locator("#kinds label")).to_have_text(["car 8", "bus 4"])
        expect(page.locator(".tile").first.locator(".shape")).to_have_count(1)

        assert serious_issues(page) == []

        # When they are filtered and sorted
        page.locator("#states").get_by_text("Uncertain").click()
        expect(page.locator(".tile")).to_have_count(4)
        page.locator("#states").get_by_text("All").click()
        page.locator("#makes label", has_text="Renault").click()
        assert titles(page) == [f"photo-{i:03}.png" for i in (0, 3, 6, 9)]
        expect(page.locator("#states label").first).to_have_text("All 4")
        page.locator("#makes label", has_text="Renault").click()
        page.locator("#sort").select_option("count")
        expect(page.locator(".tile").first).to_have_attribute("aria-setsize", "12")
        page.locator("#kinds label", has_text="bus").click()
        expect(page.locator(".tile-title")).to_have_text(["Bus"] * 4)

        # Then the exports have what is shown
        with page.expect_download() as download:
            save(page, "Download CSV")
        assert [row["class"] for row in rows_of(download.value)] == ["bus"] * 4
        with page.expect_download() as download:
            page.get_by_role("button", name="Download pictures (ZIP)").click()
        with zipfile.ZipFile(download.value.path()) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == [f"photo-{i:03}.jpg" for i in (1, 4, 7, 10)]
        # Or everything
        page.locator("#scope").select_option("all")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download COCO").click()
        coco = json.loads(download.value.path().read_text("utf-8"))
        assert len(coco["images"]) == 12
        assert [category["name"] for category in coco["categories"]] == ["bus", "car"]
        first = coco["annotations"][0]
        assert (first["image_id"], first["bbox"]) == (1, [4, 8, 26, 32])
        assert first["attributes"] == {"name": "Renault Clio", "certain": True}
        with page.expect_download() as download:
            page.get_by_role("button", name="Download JSON").click()
        images = json.loads(download.value.path().read_text("utf-8"))["images"]
        assert [len(image["objects"]) for image in images] == [1, 2, 0] * 4

        # And a reload keeps the session, which can be cleared
        page.reload()
        expect(page.locator("#results-title")).to_have_text("12 vehicles in 12 photos")
        expect(page.locator(".tile img")).to_have_count(12)
        page.get_by_role("button", name="Clear photos and results").click()
        expect(page.locator("#results")).to_be_hidden()
        page.reload()
        expect(page.locator("#examples")).to_be_visible()
        expect(page.locator("#results")).to_be_hidden()


def test_photos_that_wait_are_kept_and_stay_what_they_are(api: str, browser: Browser) -> None:
    first, second = tiny(2)
    with visit(browser, api) as page:
        # Given a photo of an earlier visit, and one that is chosen before that one is back
        page.set_input_files("#files", [first])
        expect(page.locator("#kept")).to_be_visible()
        late: list[Route] = []
        page.route("**/assets/*/storage.js", lambda route: late.append(route))
        page.reload(wait_until="domcontentloaded")
        page.set_input_files("#files", [second])
        expect(page.locator(".tray-name")).to_have_text([second["name"]])
        late[0].continue_()
        expect(page.locator(".tray-name")).to_have_text([first["name"], second["name"]])

        # When the first is removed, and the page is loaded again
        page.locator("#tray .remove").first.click()
        expect(page.locator(".tray-name")).to_have_text([second["name"]])
        page.unroute("**/assets/*/storage.js")
        page.reload()

        # Then the other one waits
        expect(page.locator(".tray-name")).to_have_text([second["name"]])


def test_the_viewer_zooms_and_moves_between_photos(api: str, browser: Browser) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
    }  # fmt: skip
    with visit(browser, api, **phone) as page:
        # Given a phone without the Fullscreen API
        page.evaluate("delete Element.prototype.requestFullscreen")
        analyze(page, *tiny(6))
        page.locator(".tile-button").first.tap()
        viewer = page.get_by_role("dialog", name="photo-000.png")
        expect(viewer).to_be_visible()
        # Then the named box has its name, and the list is below the photo
        expect(viewer.locator(".tag span")).to_have_text("Renault Clio")
        expect(viewer.locator(".tag span")).to_be_visible()
        expect(viewer.locator(".row-of")).to_have_count(1)
        assert serious_issues(page) == []

        # When it is enlarged by key, wheel and pinch, then the photo grows about that point
        small = viewer.locator(".stage").bounding_box()
        assert small
        page.keyboard.press("+")
        page.keyboard.press("+")
        expect(viewer.locator(".viewer-level")).to_have_text("225%")
        large = viewer.locator(".stage").bounding_box()
        assert large
        assert large["width"] == pytest.approx(2.25 * small["width"], rel=0.01)
        # And it can be dragged
        page.mouse.move(200, 250)
        page.mouse.down()
        page.mouse.move(260, 250, steps=4)
        page.mouse.up()
        dragged = viewer.locator(".stage").bounding_box()
        assert dragged
        assert dragged["x"] > large["x"] + 30
        page.keyboard.press("0")
        expect(viewer.locator(".viewer-level")).to_have_text("100%")

        # And the keys move between the photos
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("dialog", name="photo-001.png")).to_contain_text("Photo 2 of 6")
        page.get_by_role("button", name="Previous photo").tap()
        expect(page.get_by_role("dialog", name="photo-000.png")).to_be_visible()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        # And the photo that was seen last has the focus
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator(".tile-button").nth(1)).to_be_focused()


def test_five_hundred_photos_stay_smooth(api: str, browser: Browser) -> None:
    with visit(browser, api) as page:
        analyze(page, *tiny(500))
        expect(page.locator("#results-title")).to_have_text("501 vehicles in 500 photos")

        # When the whole grid is scrolled through
        most = page.evaluate(
            """async () => {
                let most = 0;
                for (let y = 0; y < document.body.scrollHeight; y += 900) {
                    scrollTo({ top: y, behavior: "instant" });
                    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                    most = Math.max(most, document.querySelectorAll("*").length);
                }
                return most;
            }"""
        )
        # Then only what is near the screen is in the document, and the last photo is there
        assert most < 1500
        expect(page.locator(".tile[aria-posinset='500']")).to_be_attached()
        # And the filters cover all of them
        set_slider(page, 90)
        expect(page.locator("#states label").nth(1)).to_contain_text("With results 1")
