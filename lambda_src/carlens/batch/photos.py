"""The photos in a bucket."""

from __future__ import annotations

from carlens.errors import KeyNotFound, PictureTooLarge
from carlens.storage import FileArchived, FileMissing, FileTooLarge, Storage


def read_photo(photos: Storage, key: str, max_bytes: int) -> bytes:
    """Read a photo.

    Raises
    ------
    KeyNotFound, PictureTooLarge
        The photo fails.
    StorageError
        It cannot be read for a reason that has nothing to do with it.
    """
    try:
        return photos.read(key, max_bytes=max_bytes)
    except FileMissing as error:
        raise KeyNotFound("The photo is no longer in the bucket.") from error
    except FileArchived as error:
        raise KeyNotFound("The photo is archived; restore it first.") from error
    except FileTooLarge as error:
        raise PictureTooLarge(f"The photo has more bytes than the limit, {max_bytes:,}.") from error
