"""Keep redacted pictures that do not fit into a response, for clients to fetch."""

from __future__ import annotations

import logging
import os
from datetime import datetime, timedelta

from carlens.aws.presigned import presigned_url
from carlens.config import Config
from carlens.errors import AnswerTooLarge
from carlens.inputs.upload_keys import new_redacted_key
from carlens.services.offer_uploads import signer
from carlens.storage import StorageError, WritableStorage

log = logging.getLogger("carlens")

_LIFETIME = timedelta(minutes=15)


def offer_download(
    file: bytes,
    output: str,
    base: str,
    store: WritableStorage,
    config: Config,
    now: datetime,
) -> str:
    """Store a picture next to the uploads, and return the URL to fetch it with.

    Parameters
    ----------
    file : bytes
    output : str
        Its format, such as `jpeg`.
    base : str
        The URL of the store.
    store : WritableStorage
    config : Config
        Its `uploads` is set.
    now : datetime
        In UTC.

    Raises
    ------
    AnswerTooLarge
        It cannot be stored now.
    CredentialsError
        There are no credentials.
    """
    # Credentials are read here and kept nowhere.
    _, region, credentials = signer(config, os.environ)
    key = new_redacted_key(output)
    try:
        store.write(key, file, f"image/{output}")
    except StorageError as error:
        log.error("a redacted picture cannot be stored: %s", str(error).replace(key, "redacted/…"))
        raise AnswerTooLarge(
            "The redacted picture does not fit into the response, and cannot be stored now. Try "
            "again, or send fewer or smaller pictures."
        ) from error
    return presigned_url(f"{base.rstrip('/')}/{key}", region, credentials, now, _LIFETIME)
