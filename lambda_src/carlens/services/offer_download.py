"""Keep redacted pictures that do not fit into a response, for clients to fetch."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from carlens.aws.presigned import presigned_url
from carlens.config import Config
from carlens.errors import AnswerTooLarge
from carlens.files import replace_file
from carlens.inputs.upload_keys import new_redacted_key
from carlens.services.offer_uploads import signer
from carlens.services.storage import is_s3
from carlens.storage import StorageError

log = logging.getLogger("carlens")

_LIFETIME = timedelta(minutes=15)
# For each of three attempts to write a picture.
_SECONDS = 5.0


def offer_download(
    file: bytes,
    output: str,
    base: str,
    config: Config,
    now: datetime,
    env: Mapping[str, str] = os.environ,
) -> str:
    """Store a picture next to the uploads, and return the URL to fetch it with.

    Parameters
    ----------
    file : bytes
    output : str
        Its format, such as `jpeg`.
    base : str
        The URL of the store.
    config : Config
        Its `uploads` is set.
    now : datetime
        In UTC.
    env : Mapping
        Has the credentials, which are read here and kept nowhere.

    Raises
    ------
    AnswerTooLarge
        It cannot be stored now.
    CredentialsError
        There are no credentials.
    """
    _, region, credentials = signer(config, env)
    key = new_redacted_key(output)
    try:
        _store(file, key, f"image/{output}", config)
    except StorageError as error:
        log.error("a redacted picture cannot be stored: %s", str(error).replace(key, "redacted/…"))
        raise AnswerTooLarge(
            "The redacted picture does not fit into the response, and cannot be stored now. Try "
            "again, or send fewer or smaller pictures."
        ) from error
    return presigned_url(f"{base.rstrip('/')}/{key}", region, credentials, now, _LIFETIME)


def _store(file: bytes, key: str, content_type: str, config: Config) -> None:
    if is_s3(config.uploads):
        from carlens.aws.s3 import S3Storage  # only large answers of deployments pay for it

        S3Storage(config.uploads, read_timeout=_SECONDS).write(key, file, content_type)
    else:
        try:
            replace_file(Path(config.uploads) / key, file)
        except OSError as error:
            raise StorageError(f"{key}: {error.strerror}") from error
