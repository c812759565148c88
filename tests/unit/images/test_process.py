"""Process-wide options of the image libraries."""

from __future__ import annotations

import pytest

from carlens.images.process import keep_freed_memory


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (2**31 - 1, {-3: 64 << 20, -1: 128 << 20}),
        (32 << 20, {-3: 32 << 20, -1: 128 << 20}),
        (0, {}),
    ],
)
def test_the_c_library_never_keeps_its_smallest_limit_for_good(
    most: int, kept: dict[int, int]
) -> None:
    # Given a C library that takes blocks up to `most` from its heap (Lambda's: 32 MB), and
    # once anything is set no longer adjusts the rest
    settings: dict[int, int] = {}

    def mallopt(what: int, value: int) -> int:
        if what == -3 and value > most:
            return 0
        settings[what] = value
        return 1

    keep_freed_memory(mallopt)

    assert settings == kept
