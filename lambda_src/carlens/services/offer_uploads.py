"""Make the forms with which clients upload pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from carlens.aws.credentials import Credentials, read_credentials
from carlens.aws.post_forms import Upload, iso_time, signed_fields
from carlens.config import UPLOADS_SECRET, Config
from carlens.inputs.upload_keys import new_key
from carlens.services.storage import is_s3

_LIFETIME = timedelta(minutes=5)

# The local server, which verifies the forms, is a bucket of this name, with one user.
LOCAL = "local"


@dataclass(frozen=True)
class OfferedUpload:
    """A form for one picture.

    Attributes
    ----------
    fields : Mapping
        The fields that precede the file.
    key : str
        Names the picture once it is uploaded.
    expires : str
        When the form can no longer be used.
    """

    fields: Mapping[str, str]
    key: str
    expires: str


def offer_uploads(
    count: int,
    content_type: str,
    config: Config,
    now: datetime,
    env: Mapping[str, str] = os.environ,
) -> list[OfferedUpload]:
    """Make forms, each with a key of its own.

    Parameters
    ----------
    count : int
    content_type : str
        The type of all pictures; empty for any type of image.
    config : Config
        Its `uploads` is set.
    now : datetime
        In UTC.
    env : Mapping
        Has the credentials, which are read here and kept nowhere.

    Raises
    ------
    CredentialsError
        There are no credentials.
    """
    bucket, region, credentials = signer(config, env)

    def offer(key: str) -> OfferedUpload:
        upload = Upload(bucket, region, key, config.max_bytes, content_type, _LIFETIME)
        fields = signed_fields(upload, credentials, now)
        return OfferedUpload(fields, key, iso_time(now + _LIFETIME))

    return [offer(new_key()) for _ in range(count)]


def signer(config: Config, env: Mapping[str, str]) -> tuple[str, str, Credentials]:
    """Return the bucket of the uploads, its region, and the credentials that sign for it.

    Raises
    ------
    CredentialsError
        There are no credentials.
    """
    if is_s3(config.uploads):
        bucket = config.uploads.removeprefix("s3://").rstrip("/")
        return bucket, env["AWS_REGION"], read_credentials(env)
    return LOCAL, LOCAL, Credentials(LOCAL, env[UPLOADS_SECRET])
