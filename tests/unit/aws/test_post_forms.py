"""Presigned forms are those that botocore makes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config

from carlens.aws.credentials import Credentials
from carlens.aws.post_forms import Upload, signed_fields

NOW = datetime(2026, 11, 28, 17, 55, tzinfo=UTC)
KEY = "uploads/0b6ae6cb-5c1f-4d55-9d5d-6d7f0f8c1d0e"


def upload(content_type: str = "image/jpeg") -> Upload:
    return Upload("bucket", "eu-west-3", KEY, 1000, content_type, timedelta(minutes=5))


def policy_of(fields: dict[str, str]) -> Any:
    return json.loads(base64.b64decode(fields["policy"]))


@pytest.mark.parametrize("token", ["", "a-token"])
def test_a_form_is_the_one_that_botocore_makes(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given botocore's signer at the same moment, with the conditions of our form
    ours = signed_fields(upload(), Credentials("AKID", "secret", token), NOW)
    policy = policy_of(ours)
    client = boto3.client(
        "s3",
        region_name="eu-west-3",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        aws_session_token=token or None,
        config=Config(signature_version="s3v4"),
    )
    import botocore.auth

    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))

    # When it signs the same policy
    request = botocore.awsrequest.AWSRequest(method="POST", url="https://bucket")
    # botocore adds the conditions of its own fields
    own = {"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token"}
    rest = [c for c in policy["conditions"] if isinstance(c, list) or not own & c.keys()]
    request.context["s3-presign-post-policy"] = {**policy, "conditions": rest}
    request.context["s3-presign-post-fields"] = {}
    signer = botocore.auth.S3SigV4PostAuth(client._request_signer._credentials, "s3", "eu-west-3")
    signer.add_auth(request)
    theirs = request.context["s3-presign-post-fields"]

    # Then credential, date and token are the same, and so are the conditions
    for name in own & theirs.keys():
        assert ours[name] == theirs[name]
    assert ("x-amz-security-token" in ours) == bool(token)
    conditions = policy_of(theirs)["conditions"]
    assert sorted(map(json.dumps, conditions)) == sorted(map(json.dumps, policy["conditions"]))
    # And its signature of our policy is ours
    assert signer.signature(ours["policy"], request) == ours["x-amz-signature"]


def test_every_field_is_bound_by_the_policy() -> None:
    fields = signed_fields(upload(), Credentials("AKID", "secret", "token"), NOW)
    policy = policy_of(fields)

    exact: dict[str, str] = {}
    for condition in policy["conditions"]:
        exact.update(condition if isinstance(condition, dict) else {})
    bound = {
        name: value for name, value in fields.items() if name not in ("policy", "x-amz-signature")
    }
    assert exact == {"bucket": "bucket", **bound}
    assert policy["expiration"] == "2026-11-28T18:00:00Z"
    assert ["content-length-range", 1, 1000] in policy["conditions"]


def test_without_a_type_any_image_is_taken() -> None:
    fields = signed_fields(upload(""), Credentials("AKID", "secret"), NOW)

    assert "Content-Type" not in fields
    assert ["starts-with", "$Content-Type", "image/"] in policy_of(fields)["conditions"]


def test_signing_imports_neither_boto3_nor_botocore() -> None:
    code = (
        "import sys, carlens.services.offer_uploads;"
        "sys.exit(bool({'boto3', 'botocore', 'http.client'} & set(sys.modules)))"
    )

    assert (
        subprocess.run(
            [sys.executable, "-c", code], check=False, env={"PYTHONPATH": "lambda_src"}
        ).returncode
        == 0
    )
