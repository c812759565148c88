"""Presigned POST forms, with which a browser uploads a file to S3.

Signed here because importing boto3 takes 230 ms. The form is described in "Browser-based uploads
using POST (AWS Signature Version 4)" of the Amazon S3 API reference.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta

from carlens.aws.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Upload:
    """What a form allows.

    Attributes
    ----------
    bucket, region, key : str
    max_bytes : int
        The file has 1 to this many bytes.
    content_type : str
        The type of the file; empty for any type that starts with `image/`.
    lifetime : timedelta
        How long the form can be used.
    """

    bucket: str
    region: str
    key: str
    max_bytes: int
    content_type: str
    lifetime: timedelta


def signed_fields(upload: Upload, credentials: Credentials, now: datetime) -> dict[str, str]:
    """Return the fields of a form, to which the client adds `file`.

    Parameters
    ----------
    upload : Upload
        What the form allows.
    credentials : Credentials
        Whose permissions the form has.
    now : datetime
        In UTC.
    """
    scope = credential_scope(now, upload.region)
    exact = {
        "key": upload.key,
        **({"Content-Type": upload.content_type} if upload.content_type else {}),
        "x-amz-algorithm": _ALGORITHM,
        "x-amz-credential": f"{credentials.access_key}/{scope}",
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    if credentials.session_token:
        exact["x-amz-security-token"] = credentials.session_token
    conditions: list[object] = [
        {"bucket": upload.bucket},
        *({name: value} for name, value in exact.items()),
        ["content-length-range", 1, upload.max_bytes],
    ]
    if not upload.content_type:
        conditions.append(["starts-with", "$Content-Type", "image/"])
    policy = {"expiration": iso_time(now + upload.lifetime), "conditions": conditions}
    encoded = b64encode(json.dumps(policy, separators=(",", ":")).encode()).decode()
    signature = sign(encoded, credentials.secret_key, scope)
    return {**exact, "policy": encoded, "x-amz-signature": signature}


def credential_scope(now: datetime, region: str) -> str:
    """Return what a signature is limited to: a day in UTC, a region and S3."""
    return f"{now.strftime('%Y%m%d')}/{region}/s3/aws4_request"


def sign(policy: str, secret_key: str, scope: str) -> str:
    """Return the signature of a policy, in hexadecimal.

    Parameters
    ----------
    policy : str
        In base64.
    secret_key : str
    scope : str
        Day, region, service and `aws4_request`, separated by slashes.
    """
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, policy.encode(), "sha256").hex()


def iso_time(moment: datetime) -> str:
    """Return a time in UTC as S3 and the contract write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
