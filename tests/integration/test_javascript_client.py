"""The JavaScript client in Node and in a browser, against the local server with the real models."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

import carlens
from tests.integration.clients import run_node
from tests.integration.test_answers import PASSAT_CAR, SKODA_CAR, assert_near, nearest
from tests.support import PASSAT, PHOTOS, SKODA, serving_folder

FOLDER = Path(__file__).resolve().parents[2] / "clients" / "javascript"

Run = Callable[..., Any]


@pytest.fixture
def run(api: str) -> Run:
    """Run JavaScript with a `client` and a function `photo`, which opens a photo by its name."""

    def running(code: str) -> Any:
        script = f"""
            const {{ openAsBlob }} = require("node:fs");
            const photo = async (name) => new File([await openAsBlob({str(PHOTOS)!r} + "/" + name)], name);
            (async () => {{
                const {{ Carlens }} = await import({str(FOLDER / "carlens.js")!r});
                const client = new Carlens({api!r});
                {code}
            }})().then((answer) => console.log(JSON.stringify(answer)));
        """
        return json.loads(run_node(script, ""))

    return running


def test_pictures_are_recognized_in_order(run: Run) -> None:
    skoda, passat, notes = run(f"""
        const pictures = [await photo({SKODA.name!r}), await photo({PASSAT.name!r}), new Blob(["x"])];
        return client.predict(pictures, {{ top_k: 2 }});
    """)

    for answer, car in ((skoda, SKODA_CAR), (passat, PASSAT_CAR)):
        assert_near(nearest(answer["objects"]), car)
    assert [skoda["name"], passat["name"]] == [SKODA.name, PASSAT.name]
    assert notes["error"]["code"] == "not_an_image"
    assert len(skoda["objects"][0]["pred"]) == 2


def test_a_url_is_fetched_by_the_server(run: Run, photo_host: str) -> None:
    [answer] = run(f"""
        const answers = [];
        for await (const answer of client.iterPredict("http://{photo_host}/{SKODA.name}?token=1"))
            answers.push(answer);
        return answers;
    """)

    assert (answer["field"], answer["name"]) == ("url", f"http://{photo_host}/{SKODA.name}")
    assert_near(nearest(answer["objects"]), SKODA_CAR)


def test_more_pictures_than_a_request_takes(run: Run) -> None:
    # Given 40 pictures of 350 kB: more in number and in bytes than a request takes
    answers = run(f"return client.size(Array(40).fill(await photo({SKODA.name!r})));")

    assert [answer["bytes"] for answer in answers] == [SKODA.stat().st_size] * 40
    assert [answer["index"] for answer in answers] == list(range(40))


def test_large_pictures_are_uploaded(run: Run, large_photo: Path) -> None:
    large, small = run(f"""
        const large = new File([await openAsBlob({str(large_photo)!r})], "large.bmp");
        return client.predict([large, await photo({SKODA.name!r})]);
    """)

    assert (large["name"], large["field"], large["width"]) == ("large.bmp", "key", 2850)
    assert_near(scaled(nearest(large["objects"])), SKODA_CAR)
    assert_near(nearest(small["objects"]), SKODA_CAR)


def scaled(box: tuple[int, ...]) -> tuple[int, ...]:
    """Return a box of the large photo as one of the small photo."""
    return tuple(round(edge * 518 / 2850) for edge in box)


def test_a_page_uploads_large_pictures(
    api: str, client_host: str, browser: Browser, large_photo: Path
) -> None:
    page = browser.new_page()
    page.goto(f"http://{client_host}/")
    page.evaluate("document.body.innerHTML = '<input type=file>'")
    page.set_input_files("input", large_photo)

    [answer] = page.evaluate(
        """async (api) => {
            const { Carlens } = await import("/carlens.js");
            return new Carlens(api).predict(document.querySelector("input").files);
        }""",
        api,
    )
    page.close()

    assert (answer["name"], answer["field"]) == ("large.bmp", "key")
    assert_near(scaled(nearest(answer["objects"])), SKODA_CAR)


def test_the_other_operations(run: Run) -> None:
    answer = run(f"""return {{
        shape: await client.shape(await photo({SKODA.name!r})),
        detected: await client.objectDetection(await photo({SKODA.name!r}), {{ classes: ["car"] }}),
        norm: await client.norm("reneau", "clioRT"),
        rows: await client.normRows([["vw", "golf"], ["", ""]]),
        csv: await client.normCsv("make,model\\nvw,golf\\n"),
        clean: await client.clean("vw"),
        tables: await client.tables(),
        health: await client.health(),
        models: await client.models(),
        contract: await client.contract(),
        error: await client.predict(new Blob(["x"]), {{ top_k: 99 }}).catch((error) =>
            [error.name, error.status, error.code, error.requestId.length > 0]),
    }};""")

    [shape], [detected] = answer["shape"], answer["detected"]
    assert (shape["width"], shape["height"], shape["channels"]) == (518, 331, 4)
    assert {found["class_name"] for found in detected["objects"]} == {"car"}
    assert answer["norm"]["model"] == "Clio"
    assert [match["make"] for match in answer["rows"]] == ["Volkswagen", ""]
    assert "Volkswagen,Golf,100" in answer["csv"]
    assert answer["clean"]["make"] == "VOLKSWAGEN"
    assert "europe" in answer["tables"]
    assert (answer["health"]["status"], answer["health"]["limits"]["pictures"]) == ("ok", 32)
    assert "car" in answer["models"]["detector"]["classes"]
    assert answer["contract"]["info"]["version"] == carlens.__version__
    assert answer["error"] == ["ApiError", 400, "invalid_parameter", True]


@pytest.fixture(scope="module")
def client_host() -> Iterator[str]:
    """Serve the client over HTTP, on another origin than that of the API."""
    with serving_folder(FOLDER) as host:
        yield host


def test_a_page_of_another_origin_can_use_it(api: str, client_host: str, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(f"http://{client_host}/")

    answers = page.evaluate(
        """async ([api, base64]) => {
            const { Carlens } = await import("/carlens.js");
            const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
            const photo = new File([bytes], "größe.png");
            const client = new Carlens(api);
            const failed = client.predict(photo, { slices: 9 }).catch(({ code }) => code);
            return [await client.predict([photo, new Blob(["x"])]), await failed];
        }""",
        [api, base64.b64encode(SKODA.read_bytes()).decode()],
    )
    page.close()

    [(skoda, notes), failed] = answers
    assert_near(nearest(skoda["objects"]), SKODA_CAR)
    assert (skoda["name"], notes["error"]["code"]) == ("größe.png", "not_an_image")
    assert failed == "invalid_parameter"
