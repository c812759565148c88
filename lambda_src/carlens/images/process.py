"""Process-wide options of the image libraries."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from contextlib import suppress

import cv2

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MIB = 1 << 20


def configure_process(*, threads: int | None = None) -> None:
    """Set the options of OpenCV, Pillow and glibc; entry points call it once at start.

    Parameters
    ----------
    threads : int or None
        Threads that OpenCV may use; None for one for each CPU.
    """
    if threads is not None:
        cv2.setNumThreads(threads)
    # What decoders report about a client's file goes to the client, not into the log.
    cv2.setLogLevel(0)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    with suppress(AttributeError):  # another C library
        keep_freed_memory(ctypes.CDLL(None).mallopt)


def keep_freed_memory(mallopt: Callable[[int, int], int]) -> None:
    """Let glibc keep up to 128 MiB of freed memory.

    By default it returns the memory of a large image at once and gets it back page by page for
    the next one, which takes a fifth of the decoding time of 12 megapixels.

    Parameters
    ----------
    mallopt : callable
        The function of the C library; returns 0 for a value that it does not accept.
    """
    # Lambda's glibc 2.34 accepts at most 32 MiB. Without this setting, the other one would fix
    # the threshold at 128 KiB and slow down even small images.
    if mallopt(_M_MMAP_THRESHOLD, 64 * _MIB) or mallopt(_M_MMAP_THRESHOLD, 32 * _MIB):
        mallopt(_M_TRIM_THRESHOLD, 128 * _MIB)
