"""The keys of uploaded pictures.

A key is a capability: whoever knows it may have the picture analyzed. So no client chooses one,
and only keys of exactly this form are ever read.
"""

from __future__ import annotations

import re

_KEY = re.compile(r"uploads/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new_key() -> str:
    """Return a key with 122 random bits."""
    from uuid import uuid4  # only uploads pay for the import

    return f"uploads/{uuid4()}"


def is_key(text: str) -> bool:
    """Return whether a text has the form of a key."""
    return _KEY.fullmatch(text) is not None
