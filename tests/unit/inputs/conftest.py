"""Fixtures for the tests of URLs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.inputs.net import PUBLIC, Net


@pytest.fixture
def net() -> Iterator[Net]:
    made = Net()
    made.names["photos.example"] = [PUBLIC]
    yield made
    made.close()
