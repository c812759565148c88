"""Process-wide options of the image libraries."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from carlens.images.process import configure_process, keep_freed_memory

DAMAGED_PNG = "b'\\x89PNG' + bytes(40)"


def test_only_configuring_changes_options_of_the_process() -> None:
    # Given a process of its own that decodes with Pillow and OpenCV
    code = f"""
import logging, cv2
from PIL import Image
before = (cv2.getLogLevel(), logging.getLogger("PIL").level, Image.MAX_IMAGE_PIXELS)
from carlens.errors import PictureError
from carlens.images import decoder, pillow_decoder
from carlens.images.process import configure_process
from carlens.images.types import Limits
try:
    decoder.read_pixels({DAMAGED_PNG}, Limits(10**6, 10**6, 10**6))
except PictureError:
    pass
after = (cv2.getLogLevel(), logging.getLogger("PIL").level, Image.MAX_IMAGE_PIXELS)
assert before == after, (before, after)
configure_process()
print(cv2.getLogLevel())
"""
    source = Path(__file__).parents[3] / "lambda_src"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    # Then importing and decoding change nothing, and configuring silences OpenCV
    assert done.stdout.strip() == "0", done.stderr


def test_pillow_logs_nothing_once_the_process_is_configured() -> None:
    logger = logging.getLogger("PIL")
    level = logger.level
    try:
        configure_process()
        assert not logger.isEnabledFor(logging.ERROR)
    finally:
        logger.setLevel(level)


def test_the_threads_of_opencv_can_be_limited() -> None:
    threads = cv2.getNumThreads()
    try:
        configure_process()
        assert cv2.getNumThreads() == threads
        configure_process(threads=1)
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(threads)


@pytest.mark.parametrize(
    ("most", "kept"),
    [
        (2**31 - 1, {-3: 64 << 20, -1: 128 << 20}),
        (32 << 20, {-3: 32 << 20, -1: 128 << 20}),
        (0, {}),
    ],
)
def test_a_refused_limit_does_not_leave_the_smallest_one_in_place(
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
