"""Forms for uploads against servers that speak S3: LocalStack and SeaweedFS.

LocalStack accepts a forged signature, so only SeaweedFS is asked about that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import boto3
import httpx
import pytest

from carlens.inputs.upload_keys import new_key
from carlens.services.offer_uploads import OfferedUpload, offer_uploads
from tests.fakes import FakeApp
from tests.integration.localstack import ACCOUNT, LocalStack
from tests.integration.s3_server import REGION, UPLOADS, S3Server, credentials, running_s3_server
from tests.integration.tools import Tools
from tests.support import color_blocks, encode, event

pytestmark = pytest.mark.slow

PICTURE = encode(color_blocks(), "PNG")


@dataclass(frozen=True)
class Bucket:
    """A bucket for uploads.

    Attributes
    ----------
    app : FakeApp
        Gives out forms for it and reads from it, with the permissions of the function.
    client : boto3 S3 client
        Has all permissions.
    env : dict
        The credentials of the function.
    """

    app: FakeApp
    client: Any
    env: dict[str, str]

    def offer(self, content_type: str = "image/png", age: timedelta = timedelta()) -> OfferedUpload:
        config, now = self.app.app.config, datetime.now(UTC) - age
        [offer] = offer_uploads(1, content_type, config, now, self.env)
        return offer

    def send(self, fields: dict[str, str], content: bytes = PICTURE) -> httpx.Response:
        url = self.app.app.config.uploads_url
        return httpx.post(url, data=fields, files={"file": ("photo", content)}, timeout=30)

    @property
    def keys(self) -> set[str]:
        """Every key in the bucket."""
        return {
            each["Key"] for each in self.client.list_objects_v2(Bucket=UPLOADS).get("Contents", ())
        }

    def predict(self, *keys: str) -> list[Any]:
        body = json.dumps({"images": [{"key": key} for key in keys]})
        given = event(
            "POST",
            "/predict",
            body=body,
            content_type="application/json",
            query={"format": "detailed"},
        )
        status, answer = self.app.send(given)
        assert status == 200, answer
        images: list[Any] = answer["images"]
        return images


@pytest.fixture(scope="module")
def weed(tools: Tools) -> Iterator[S3Server]:
    with running_s3_server(tools.weed) as running:
        yield running


@pytest.fixture(scope="module", params=["localstack", "seaweedfs"])
def endpoint(request: pytest.FixtureRequest) -> tuple[str, Any, dict[str, str]]:
    """The URL of a server, a client with all permissions, and the function's credentials."""
    if request.param == "localstack":
        cloud: LocalStack = request.getfixturevalue("cloud")
        keys = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "none"}
        found = cloud.url, cloud.client("s3"), keys
    else:
        weed: S3Server = request.getfixturevalue("weed")
        found = f"http://127.0.0.1:{weed.port}", weed.client(), credentials("uploader")
    found[1].create_bucket(Bucket=UPLOADS, CreateBucketConfiguration={"LocationConstraint": REGION})
    return found


@pytest.fixture
def bucket(endpoint: tuple[str, Any, dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Bucket:
    url, client, keys = endpoint
    env = {**keys, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL_S3": url}
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    app = FakeApp(uploads=f"s3://{UPLOADS}", uploads_url=f"{url}/{UPLOADS}", max_bytes=1000)
    return Bucket(app, client, env)


def code_of(response: httpx.Response) -> tuple[int, str | None]:
    document = ElementTree.fromstring(response.text)  # noqa: S314 - a local server's
    return response.status_code, document.findtext("Code")


@pytest.mark.parametrize("content_type", ["image/png", ""])
def test_an_upload_is_read_by_its_key(bucket: Bucket, content_type: str) -> None:
    # Given a picture of the largest size that is allowed
    picture = PICTURE + b"\0" * (1000 - len(PICTURE))
    offer = bucket.offer(content_type)
    fields = {"Content-Type": "image/png", **offer.fields}

    # When
    sent = bucket.send(fields, picture)

    # Then
    assert (sent.status_code, sent.content) == (204, b"")
    [image] = bucket.predict(offer.key)
    assert (image["error"], image["width"], image["height"]) == (None, 64, 32)


def test_pictures_that_are_not_there_fail_alone(bucket: Bucket) -> None:
    offer = bucket.offer()
    assert bucket.send(dict(offer.fields)).status_code == 204

    keys = [new_key(), *[offer.key] * 10, new_key(), f"{offer.key}/../../models/x"]
    images = bucket.predict(*keys)

    codes = [image["error"] and image["error"]["code"] for image in images]
    assert codes == ["key_not_found", *[None] * 10, "key_not_found", "key_refused"]


def test_an_object_above_the_limit_is_not_read(bucket: Bucket) -> None:
    key = new_key()
    bucket.client.put_object(Bucket=UPLOADS, Key=key, Body=bytes(1001))

    [image] = bucket.predict(key)

    assert image["error"]["code"] == "picture_too_large"


@pytest.mark.parametrize(
    ("what", "content", "changes", "expected"),
    [
        ("too large", bytes(1001), {}, (400, "EntityTooLarge")),
        ("empty", b"", {}, (400, "EntityTooSmall")),
        ("wrong type", PICTURE, {"Content-Type": "text/html"}, (403, "AccessDenied")),
        ("wrong key", PICTURE, {"key": new_key()}, (403, "AccessDenied")),
        ("another folder", PICTURE, {"key": "models/x"}, (403, "AccessDenied")),
    ],
)
def test_what_a_form_does_not_allow_is_refused(
    bucket: Bucket,
    what: str,
    content: bytes,
    changes: dict[str, str],
    expected: tuple[int, str],
) -> None:
    before, offer = bucket.keys, bucket.offer()

    sent = bucket.send({**offer.fields, **changes}, content)

    assert code_of(sent) == expected, what
    assert bucket.keys == before


def test_a_form_that_expired_is_refused(bucket: Bucket) -> None:
    before, offer = bucket.keys, bucket.offer(age=timedelta(minutes=5, seconds=1))

    assert code_of(bucket.send(dict(offer.fields))) == (403, "AccessDenied")
    assert bucket.keys == before


@pytest.mark.parametrize("endpoint", ["seaweedfs"], indirect=True)
def test_a_forged_signature_is_refused(bucket: Bucket) -> None:
    # Given a form that is good but for its signature
    before, offer = bucket.keys, bucket.offer()
    last = offer.fields["x-amz-signature"][-1]
    forged = offer.fields["x-amz-signature"][:-1] + ("0" if last != "0" else "1")

    # Then it is refused, and the form itself is not
    assert bucket.send({**offer.fields, "x-amz-signature": forged}).status_code == 403
    assert bucket.keys == before
    assert bucket.send(dict(offer.fields)).status_code == 204


@pytest.mark.parametrize("endpoint", ["seaweedfs"], indirect=True)
def test_a_form_has_only_the_permissions_of_its_signer(bucket: Bucket) -> None:
    # Given a form signed by someone who may not write to the bucket
    stranger = Bucket(bucket.app, bucket.client, {**bucket.env, **credentials("stranger")})
    before, offer = bucket.keys, stranger.offer()

    assert bucket.send(dict(offer.fields)).status_code == 403
    assert bucket.keys == before
