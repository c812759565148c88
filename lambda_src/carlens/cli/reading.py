"""Read the pictures that a command line names, from this computer or from S3."""

from __future__ import annotations

import os

from carlens.cli.errors import Problem, unreadable
from carlens.errors import PictureTooLarge
from carlens.services.storage import is_s3


def read_picture(path: str, max_bytes: int) -> bytes | Problem:
    """Read a picture, or return why it cannot be read; one that is too large is not read.

    Raises
    ------
    Stopped
        S3 cannot be read for a reason that has nothing to do with the picture.
    """
    if is_s3(path):
        from carlens.cli.s3 import read_object  # only runs over S3 pay for it

        return read_object(path, max_bytes)
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a name may be of bytes that are not UTF-8
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                message = f"The image has {size:,} bytes; the limit is {max_bytes:,}."
                return Problem(PictureTooLarge.code, message)
            return file.read()
    except OSError as error:
        return unreadable(error.strerror)
