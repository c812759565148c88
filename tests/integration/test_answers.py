"""Real photos sent to the running API in every supported way."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import requests
import yaml
from PIL import Image
from playwright.sync_api import Browser
from requests_toolbelt import MultipartEncoder

from tests.support import PASSAT, PHOTOS, SKODA, encode, photo

CONTRACT = yaml.safe_load(
    (Path(__file__).parents[2] / "lambda_src/openapi.yaml").read_text("utf-8")
)

# The nearest car in each photo, labeled by hand, and the tolerance of a box, in pixels.
SKODA_CAR = (55, 45, 447, 275)
PASSAT_CAR = (0, 63, 512, 440)
TOLERANCE = 25


def predict(api: str, fields: list[tuple[str, Any]], path: str = "/predict", **query: str) -> Any:
    encoder = MultipartEncoder(fields)
    answer = requests.post(
        api + path,
        encoder,
        params=query,
        headers={"Content-Type": encoder.content_type},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def nearest(objects: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    """Return the largest box."""
    boxes = [(o["x1"], o["y1"], o["x2"], o["y2"]) for o in objects]
    return max(boxes, key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))


def assert_near(box: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert np.abs(np.subtract(box, expected)).max() <= TOLERANCE, box


def test_several_photos_in_one_request_are_answered_in_order(api: str, photo_host: str) -> None:
    # Given files with a URL in between
    fields = [
        ("image", photo(SKODA)),
        ("url", f"http://{photo_host}/{PASSAT.name}"),
        ("image", photo(SKODA)),
    ]

    first, second, third = predict(api, fields)

    assert_near(nearest(first), SKODA_CAR)
    assert_near(nearest(second), PASSAT_CAR)
    assert first == third
    for named in first + second:
        assert named["class_name"] in ("car", "truck")
        assert len(named["pred"]) == len(named["prob"]) == 5
        assert named["label"] == f"{named['pred'][0]}: {named['prob'][0]:.2f}"
        assert named["prob"] == sorted(named["prob"], reverse=True)


def test_a_picture_gets_the_same_answer_in_every_kind_of_body(api: str, photo_host: str) -> None:
    data = SKODA.read_bytes()
    as_data = {"data": base64.b64encode(data).decode()}
    as_url = {"url": f"http://{photo_host}/{SKODA.name}"}
    url = f"{api}/predict"

    by_form = predict(api, [("image", photo(SKODA))])
    answers = [
        predict(api, [("url", as_url["url"])]),
        requests.post(url, data, headers={"Content-Type": "image/png"}, timeout=30).json(),
        requests.post(
            url, data, headers={"content-type": "application/octet-stream"}, timeout=30
        ).json(),
        requests.post(url, json={"images": [as_data]}, timeout=30).json(),
        requests.post(url, json={"images": [as_url]}, timeout=30).json(),
        requests.post(url, files={"image": data}, timeout=30).json(),
    ]

    assert len(by_form[0]) >= 1
    assert all(answer == by_form for answer in answers)


def test_a_rotated_photo_is_read_upright(api: str) -> None:
    # Given the photo stored on its side with an EXIF orientation
    image = Image.open(SKODA).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    upright = encode(image, "PNG")

    found, expected = predict(
        api, [("image", ("a.png", turned, "image/png")), ("image", ("b.png", upright, "image/png"))]
    )

    assert found == expected


def test_a_picture_that_fails_does_not_affect_the_others(api: str) -> None:
    fields = [
        ("image", ("notes.txt", b"hello", "text/plain")),
        ("url", "http://169.254.169.254/latest/meta-data/"),
        ("url", "file:///etc/passwd"),
        ("image", photo(PASSAT)),
    ]

    plain = predict(api, fields)
    detailed = predict(api, fields, format="detailed")

    assert plain[:3] == [[], [], []]
    assert_near(nearest(plain[3]), PASSAT_CAR)
    codes = [image["error"] and image["error"]["code"] for image in detailed["images"]]
    assert codes == ["not_an_image", "url_refused", "url_refused", None]


@pytest.mark.parametrize("path", ["/predict", "/object_detection", "/shape", "/size"])
@pytest.mark.parametrize("form", ["list", "detailed"])
def test_answers_match_the_schema_of_the_contract(api: str, path: str, form: str) -> None:
    fields = [("image", photo(SKODA)), ("image", ("x", b"junk", "image/png"))]

    answer = predict(api, fields, path, format=form)

    response = CONTRACT["paths"][path]["post"]["responses"]["200"]
    validate(answer, response["content"]["application/json"]["schema"])


def validate(answer: object, schema: dict[str, Any]) -> None:
    """Validate an answer against a schema of the contract."""
    jsonschema.validate(
        answer, {**_as_json_schema(schema), "components": _as_json_schema(CONTRACT["components"])}
    )


def _as_json_schema(value: Any) -> Any:
    """Convert `nullable` of OpenAPI 3.0 to the null type of JSON Schema."""
    if isinstance(value, list):
        return [_as_json_schema(v) for v in value]
    if not isinstance(value, dict):
        return value
    turned = {key: _as_json_schema(v) for key, v in value.items()}
    if turned.pop("nullable", False):
        return {"anyOf": [turned, {"type": "null"}]}
    return turned


def test_the_car_is_found_in_an_enlarged_photo(api: str) -> None:
    # Given the photo enlarged four times, to 5.6 megapixels
    image = Image.open(SKODA).convert("RGB")
    large = encode(image.resize((image.width * 4, image.height * 4)), "JPEG", quality=90)

    answer = predict(api, [("image", ("large.jpg", large, "image/jpeg"))])

    assert_near(tuple(round(side / 4) for side in nearest(answer[0])), SKODA_CAR)


@pytest.mark.parametrize("path", ["/predict", "/object_detection"])
def test_a_close_up_takes_one_pass_and_a_street_more(api: str, path: str) -> None:
    # Given a photo cropped to its car, nine small photos side by side, and nothing
    car = np.asarray(Image.open(SKODA).convert("RGB"))
    pictures = (car[45:275, 55:447], np.tile(car, (3, 3, 1)), np.zeros_like(car))
    files = [("image", (f"{i}.png", encode(each, "PNG"))) for i, each in enumerate(pictures)]

    answer = predict(api, files, path, format="detailed")

    close_up, street, nothing = (image["passes"] for image in answer["images"])
    assert close_up == nothing == 1
    assert 1 < street <= 5


def test_the_curl_command_of_the_readme_works(api: str, photo_host: str) -> None:
    command = [
        "curl", "-sS", "-F", f"image=@{SKODA}", "-F", f"image=@{PASSAT}",
        "-F", f"url=http://{photo_host}/{SKODA.name}", f"{api}/predict",
    ]  # fmt: skip

    answer = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    assert len(answer) == 3
    assert answer[0] == answer[2]
    assert_near(nearest(answer[1]), PASSAT_CAR)


def test_a_browser_can_send_form_data_from_another_origin(
    api: str, photo_host: str, browser: Browser
) -> None:
    # Given a page of another origin, such as a web front end
    page = browser.new_page()
    page.goto(f"http://{photo_host}/")
    photos = [base64.b64encode(path.read_bytes()).decode() for path in (SKODA, PASSAT)]

    # When a script on it posts two files and a URL
    answer = page.evaluate(
        """async ([api, photos]) => {
            const form = new FormData();
            for (const [i, text] of photos.entries()) {
                const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
                form.append('image', new File([bytes], `photo "${i}" é🚗.png`));
                if (i === 0) form.append('url', 'http://10.0.0.1/a.jpg');
            }
            const answer = await fetch(api + '/predict?format=detailed', {method: 'POST', body: form});
            return {status: answer.status, id: answer.headers.get('X-Request-Id'), body: await answer.json()};
        }""",
        [api, photos],
    )
    page.close()

    # Then the browser can read the answer, which is in the order sent
    assert answer["status"] == 200
    assert answer["id"] == answer["body"]["request_id"]
    first, url, second = answer["body"]["images"]
    assert_near(nearest(first["objects"]), SKODA_CAR)
    assert first["name"] == 'photo "0" é🚗.png'
    assert url["error"]["code"] == "url_refused"
    assert_near(nearest(second["objects"]), PASSAT_CAR)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"junk", "multipart/form-data; boundary=x", 400, "malformed_body"),
        (b"", "multipart/form-data; boundary=x", 400, "no_pictures"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"{", "application/json", 400, "malformed_body"),
    ],
)
def test_a_bad_body_is_refused(
    api: str, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = requests.post(
        f"{api}/predict", body, headers={"Content-Type": content_type}, timeout=30
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_health_models_and_contract_are_served(api: str) -> None:
    assert requests.get(f"{api}/health", timeout=30).json()["status"] == "ok"
    assert requests.get(f"{api}/openapi.json", timeout=30).json()["openapi"] == "3.0.1"
    assert len(requests.get(f"{api}/models", timeout=30).json()["classifier"]["classes"]) == 217


def test_the_page_draws_boxes_on_photos(api: str, browser: Browser) -> None:
    # Given the page
    problems: list[str] = []
    page = browser.new_page()
    page.on(
        "console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(api)

    # When a user selects two photos and sends them
    page.set_input_files("input[type=file] >> nth=0", [PHOTOS / SKODA.name, PHOTOS / PASSAT.name])
    page.click("#send")

    # Then boxes are drawn on both, without messages in the console
    page.wait_for_selector("svg rect", timeout=30_000)
    assert page.locator("svg:has(rect)").count() == 2
    assert problems == []
    page.close()


def test_a_script_can_send_a_picture_from_memory(api: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), "gray").save(buffer, "PNG")

    answer = requests.post(
        f"{api}/object_detection", files=[("image", buffer.getvalue())], timeout=30
    )

    assert answer.json() == [[]]
