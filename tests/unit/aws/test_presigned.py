"""Presigned URLs are those that the AWS SDK makes, and the local store checks them as S3 does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SdkCredentials

from carlens.aws.credentials import Credentials
from carlens.aws.presigned import presigned_url
from carlens.local.download_links import check_link
from carlens.local.upload_forms import StoreError
from carlens.services.offer_uploads import LOCAL

NOW = datetime(2026, 11, 29, 3, 4, 5, tzinfo=UTC)
KEY = "redacted/0b6ae6cb-5c1f-4d55-9d5d-6d7f0f8c1d0e.jpeg"
BASE = "http://127.0.0.1:8000/uploads/store"
LIFETIME = timedelta(minutes=15)


@pytest.mark.parametrize("token", ["", "a token+/="])
def test_a_url_is_the_one_that_the_sdk_makes(token: str) -> None:
    url = f"https://bucket.s3.eu-west-3.amazonaws.com/{KEY}"

    ours = presigned_url(url, "eu-west-3", Credentials("AKID", "secret", token), NOW, LIFETIME)

    request = AWSRequest("GET", url)
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        keys = SdkCredentials("AKID", "secret", token or None)
        S3SigV4QueryAuth(keys, "s3", "eu-west-3", expires=900).add_auth(request)
    assert sorted(ours.partition("?")[2].split("&")) == sorted(
        request.url.partition("?")[2].split("&")
    )


def query(key: str = KEY) -> str:
    url = presigned_url(f"{BASE}/{key}", LOCAL, Credentials(LOCAL, "secret"), NOW, LIFETIME)
    return url.partition("?")[2]


def test_the_store_accepts_a_url_until_it_expires() -> None:
    check_link(BASE, KEY, query(), "secret", NOW + timedelta(minutes=14))

    with pytest.raises(StoreError, match="expired"):
        check_link(BASE, KEY, query(), "secret", NOW + timedelta(minutes=15))


@pytest.mark.parametrize(
    ("key", "given"),
    [
        (KEY, ""),
        (KEY, query()[:-1] + "0"),
        (KEY, query().replace("Expires=900", "Expires=9000")),
        (KEY.replace("0b", "0c"), query()),
        # Signed, but not the key of a redacted picture.
        ("uploads/x", query("uploads/x")),
        ("redacted/../uploads/x", query("redacted/../uploads/x")),
    ],
)
def test_the_store_refuses_other_urls(key: str, given: str) -> None:
    with pytest.raises(StoreError) as found:
        check_link(BASE, key, given, "secret", NOW)
    assert found.value.status == 403
