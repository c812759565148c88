"""A photo that is too large for a request, uploaded to a bucket and recognized, by each client.

The bucket is on LocalStack, where everything is deployed, and on SeaweedFS, which checks signatures
and permissions.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser, expect

from carlens.inputs.upload_keys import new_key
from carlens_client import Client, Forbidden
from tests.integration.clients import TIMEOUT, run_node
from tests.integration.localstack import Project
from tests.integration.s3_server import UPLOADS, credentials, running_s3_server
from tests.integration.serving import ROOT, running_server
from tests.integration.test_answers import SKODA_CAR, assert_near, nearest
from tests.integration.tools import Tools
from tests.support import PASSAT, SKODA

pytestmark = pytest.mark.slow

JAVASCRIPT = ROOT / "clients" / "javascript" / "carlens.js"


@dataclass(frozen=True)
class Service:
    """An API whose uploads are in a bucket.

    Attributes
    ----------
    url : str
    page : str
        The address of the page, on another origin than the bucket.
    key : str
        The API key; empty for none.
    """

    url: str
    page: str
    key: str


@pytest.fixture(scope="module")
def deployed(project: Project) -> Service:
    gateway, api = project.cloud.client("apigateway"), project.api()
    key = gateway.get_api_key(apiKey=project.outputs()["ApiKeyId"], includeValue=True)
    return Service(api.url, api.page, key["value"])


@pytest.fixture(scope="module")
def beside_seaweedfs(tools: Tools) -> Iterator[Service]:
    """The local server with a bucket in place of its own store."""
    with running_s3_server(tools.weed) as weed:
        endpoint = f"http://127.0.0.1:{weed.port}"
        weed.client().create_bucket(Bucket=UPLOADS)
        weed.client().put_bucket_cors(
            Bucket=UPLOADS,
            CORSConfiguration={
                "CORSRules": [
                    {
                        "AllowedMethods": ["POST"],
                        "AllowedOrigins": ["*"],
                        "AllowedHeaders": ["Content-Type"],
                    }
                ]
            },
        )
        env = {
            **credentials("uploader"),
            "AWS_REGION": credentials("uploader")["AWS_DEFAULT_REGION"],
            "AWS_ENDPOINT_URL_S3": endpoint,
            "CARLENS_UPLOADS": f"s3://{UPLOADS}",
            "CARLENS_UPLOADS_URL": f"{endpoint}/{UPLOADS}",
        }
        with running_server("--workers", "1", env=env) as url:
            yield Service(url, f"{url}/", "")


@pytest.fixture(scope="module", params=["deployed", "beside_seaweedfs"])
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = request.getfixturevalue(request.param)
    return found


def curl(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code}", *arguments],
        capture_output=True, text=True, timeout=TIMEOUT, check=True,
    )  # fmt: skip
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def ask(service: Service, **body: Any) -> dict[str, Any]:
    """Return a form."""
    headers = ("-H", "Content-Type: application/json", "-H", f"x-api-key: {service.key}")
    status, text = curl(*headers, "-d", json.dumps({"count": 1, **body}), f"{service.url}/uploads")
    assert status == 200, text
    [form] = json.loads(text)["uploads"]
    return dict(form)


def send(form: dict[str, Any], file: Path, **changes: str) -> tuple[int, str]:
    fields = {**form["fields"], **changes}
    options = [part for item in fields.items() for part in ("--form-string", "=".join(item))]
    return curl(*options, "-F", f"file=@{file}", form["url"])


def predict(service: Service, *images: dict[str, str]) -> list[dict[str, Any]]:
    status, text = curl(
        *("-H", "Content-Type: application/json", "-d", json.dumps({"images": images})),
        f"{service.url}/predict?format=detailed",
    )
    assert status == 200, text
    return list(json.loads(text)["images"])


def assert_recognized(image: Mapping[str, Any]) -> None:
    """Check that the Škoda was found in the photo of 15 MB."""
    assert (image["field"], image["name"], image["error"]) == ("key", "large.bmp", None)
    assert (image["width"], image["height"]) == (2850, 1821)
    assert_near(tuple(round(edge * 518 / 2850) for edge in nearest(image["objects"])), SKODA_CAR)


def test_a_photo_of_15_mb_with_curl(service: Service, large_photo: Path) -> None:
    form = ask(service, content_type="image/bmp")

    assert send(form, large_photo) == (204, "")

    [image] = predict(service, {"key": form["key"], "name": "large.bmp"})
    assert_recognized(image)


def test_a_photo_of_15_mb_with_the_python_client(service: Service, large_photo: Path) -> None:
    with Client(service.url, api_key=service.key or None) as client:
        large, small = client.predict([large_photo, PASSAT])

    assert_recognized(large.raw)
    assert (small.field, small.error) == ("image", None)


def test_a_photo_of_15_mb_with_the_javascript_client(service: Service, large_photo: Path) -> None:
    script = f"""(async () => {{
        const {{ Carlens }} = await import({str(JAVASCRIPT)!r});
        const blob = await require("node:fs").openAsBlob({str(large_photo)!r});
        const client = new Carlens({service.url!r}, {{ apiKey: {service.key!r} }});
        return client.predict(new File([blob], "large.bmp"));
    }})().then((answer) => console.log(JSON.stringify(answer)));"""

    [image] = json.loads(run_node(script, ""))

    assert_recognized(image)


def test_a_photo_of_15_mb_with_the_page(
    service: Service, browser: Browser, large_photo: Path
) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    page.goto(service.page)
    if service.key:
        page.locator("#key-panel summary").click()
        page.locator("#key").fill(service.key)
    page.set_input_files("#files", [large_photo, SKODA])
    expect(page.locator("#size")).to_contain_text("will be uploaded first")

    with page.expect_response(lambda r: "/predict" in r.url) as response:
        page.locator("#send").click()
    large, small = response.value.json()["images"]
    expect(page.locator(".card")).to_have_count(2)
    page.close()

    assert errors == []
    assert_recognized(large)
    assert_near(nearest(small["objects"]), SKODA_CAR)


def test_forms_need_the_key_of_the_stage(deployed: Service, large_photo: Path) -> None:
    with Client(deployed.url) as client, pytest.raises(Forbidden):
        client.predict(large_photo)


@pytest.mark.parametrize(
    ("size", "changes", "expected"),
    [
        (20 * 1024 * 1024 + 1, {}, (400, "EntityTooLarge")),
        (0, {}, (400, "EntityTooSmall")),
        (10, {"Content-Type": "text/html"}, (403, "AccessDenied")),
        (10, {"key": new_key()}, (403, "AccessDenied")),
    ],
)
def test_what_a_form_of_the_deployed_api_does_not_allow_is_refused(
    deployed: Service, tmp_path: Path, size: int, changes: dict[str, str], expected: tuple[int, str]
) -> None:
    form, file = ask(deployed), tmp_path / "photo"
    file.write_bytes(bytes(size))

    status, text = send(form, file, **{"Content-Type": "image/png", **changes})

    document = ElementTree.fromstring(text)  # noqa: S314 - of LocalStack
    assert (status, document.findtext("Code")) == expected
    keys = [form["key"], changes.get("key", form["key"])]
    codes = [image["error"]["code"] for image in predict(deployed, *({"key": k} for k in keys))]
    assert codes == ["key_not_found"] * 2
