"""Forms of uploads are checked as S3 checks them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from carlens.config import UPLOADS_SECRET, Config
from carlens.local.upload_forms import AllowedFile, StoreError, check_form, check_size
from carlens.services.offer_uploads import offer_uploads

NOW = datetime(2026, 11, 28, 17, 55, tzinfo=UTC)
SECRET = "a secret"  # noqa: S105 - of the test
CONFIG = Config(uploads="/folder", max_bytes=1000)


def fields(
    content_type: str = "image/png", changes: Mapping[str, str | None] | None = None
) -> dict[str, str]:
    """Return the fields of a form as a client sends them, with changes; None leaves one out."""
    [offer] = offer_uploads(1, content_type, CONFIG, NOW, {UPLOADS_SECRET: SECRET})
    form = {"Content-Type": "image/webp", **offer.fields}
    changed = {**form, **(changes or {})}
    return {name: value for name, value in changed.items() if value is not None}


def refused(form: dict[str, str], now: datetime = NOW) -> tuple[int, str]:
    with pytest.raises(StoreError) as found:
        check_form(form, SECRET, now)
    return found.value.status, found.value.code


@pytest.mark.parametrize("content_type", ["image/png", ""])
def test_a_form_that_was_given_out_is_accepted(content_type: str) -> None:
    form = fields(content_type)

    assert check_form(form, SECRET, NOW) == AllowedFile(form["key"], 1, 1000)


def test_names_of_fields_may_have_any_case() -> None:
    form = {name.upper(): value for name, value in fields().items()}

    assert check_form(form, SECRET, NOW).max_bytes == 1000


def test_a_form_expires_after_five_minutes() -> None:
    check_form(fields(), SECRET, NOW + timedelta(seconds=299))

    assert refused(fields(), NOW + timedelta(minutes=5)) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": ""}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": "é"}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": None}, "SignatureDoesNotMatch"),
        ({"policy": "e30="}, "SignatureDoesNotMatch"),
        ({"policy": None}, "AccessDenied"),
        ({"x-amz-credential": None}, "AccessDenied"),
        ({"x-amz-credential": "other/20261128/local/s3/aws4_request"}, "InvalidAccessKeyId"),
        ({"key": "uploads/another"}, "AccessDenied"),
        ({"key": None}, "AccessDenied"),
        ({"Content-Type": "text/html"}, "AccessDenied"),
        ({"x-amz-date": "20261128T175501Z"}, "AccessDenied"),
        ({"acl": "public-read"}, "AccessDenied"),
        ({"bucket": "other", "x": "y"}, "AccessDenied"),
    ],
)
def test_a_form_that_was_changed_is_refused(changes: dict[str, str | None], code: str) -> None:
    assert refused(fields(changes=changes)) == (403, code)


def test_without_a_type_only_images_are_accepted() -> None:
    form = fields("")

    assert refused({**form, "Content-Type": "text/html"}) == (403, "AccessDenied")
    assert refused({k: v for k, v in form.items() if k != "Content-Type"}) == (403, "AccessDenied")


def test_another_policy_needs_another_signature() -> None:
    form = fields()
    policy = json.loads(base64.b64decode(form["policy"]))
    policy["conditions"][-1] = ["content-length-range", 1, 10**9]

    form["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()

    assert refused(form) == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(("size", "code"), [(0, "EntityTooSmall"), (1001, "EntityTooLarge")])
def test_the_size_has_a_range(size: int, code: str) -> None:
    allowed = AllowedFile("uploads/x", 1, 1000)
    check_size(1, allowed)
    check_size(1000, allowed)

    with pytest.raises(StoreError) as found:
        check_size(size, allowed)

    assert (found.value.status, found.value.code) == (400, code)


def test_an_error_is_xml() -> None:
    error = StoreError(403, "AccessDenied", 'failed: ["<&>"]')

    document = ElementTree.fromstring(error.xml)  # noqa: S314 - our own

    assert (document.tag, document.findtext("Code")) == ("Error", "AccessDenied")
    assert document.findtext("Message") == 'failed: ["<&>"]'
