"""The keys of uploaded pictures, and of redacted ones that wait to be fetched.

A key is a capability: whoever knows it may have the picture analyzed. So no client chooses one,
and only keys of exactly this form are ever read.
"""

from __future__ import annotations

import re

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_KEY = re.compile(f"uploads/{_UUID}")


def new_key() -> str:
    """Return a key with 122 random bits."""
    from uuid import uuid4  # only uploads pay for the import

    return f"uploads/{uuid4()}"


def is_key(text: str) -> bool:
    """Return whether a text has the form of a key."""
    return _KEY.fullmatch(text) is not None


def new_redacted_key(output: str) -> str:
    """Return a key for a redacted picture, which ends in its format, such as `.jpeg`."""
    from uuid import uuid4  # only large answers pay for the import

    return f"redacted/{uuid4()}.{output}"


def is_redacted_key(text: str) -> bool:
    """Return whether a text has the form of a key of a redacted picture."""
    # Only the local server asks, so that functions do not compile it.
    return re.fullmatch(rf"redacted/{_UUID}\.(?:jpeg|png|webp)", text) is not None
