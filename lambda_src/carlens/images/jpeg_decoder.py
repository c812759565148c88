"""Decode JPEG, and judge by the decoded pixels whether a file is complete.

libjpeg fills with gray what a file lacks, and only warns. simplejpeg decodes as fast as OpenCV and
reports the warnings as errors; OpenCV writes them to stderr, and Pillow ignores most of them.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import simplejpeg

from carlens.errors import NotAnImage
from carlens.images import jpeg
from carlens.images.jpeg import END_MARKER, JpegHeader
from carlens.images.types import DAMAGED, Pixels, as_pixels

# A picture may lack its last row of blocks, up to a tenth of its pixels: browsers show it.
_ROW_OF_BLOCKS = 16
_MAX_LOST_SHARE = 0.1
# Encoders pad to a multiple of a few bytes, or with equal bytes; webcams leave a few behind.
_MAX_SURPLUS = 64
# Files with more scans are not decoded again to find out where they end.
_MAX_SCANS_TO_SEARCH = 24
_STRIP_ROWS = 256

# Texts of libjpeg and TurboJPEG.
_UNUSUAL = "subsampling"
_CORRUPT = "Corrupt JPEG data"
_ENDS_EARLY = "premature end of data segment"
_SURPLUS = re.compile(r"(\d+) extraneous bytes before marker 0x(?!d[0-7])")

# Scan data that changes every block that is decoded from it.
_NOISE = hashlib.shake_128(b"noise").digest(4096).replace(b"\xff", b"\0")


def decode(data: bytes, header: JpegHeader) -> Pixels:
    """Decode a JPEG to RGB, not rotated.

    Returns
    -------
    uint8 array of shape (height, width, 3)

    Raises
    ------
    NotAnImage
        The JPEG is damaged, or lacks more than its last row of blocks. The message names the row.
    BrokenHeader
        The JPEG has too many scans.
    Exception
        Whatever Pillow raises for a damaged file of an unusual kind.
    """
    jpeg.check_scans(data, header.first_scan)
    try:
        return _decode(data, header)
    except ValueError:
        return _decode_imperfect(data, header)


def _decode(data: bytes, header: JpegHeader, *, strict: bool = True) -> Pixels:
    """Decode; raise ValueError for anything that libjpeg warns about, if strict."""
    if header.channels != 4:
        return as_pixels(simplejpeg.decode_jpeg(data, "RGB", strict=strict))
    from carlens.images import pillow_decoder  # only CMYK pays for its import

    cmyk = as_pixels(simplejpeg.decode_jpeg(data, "CMYK", strict=strict))
    return pillow_decoder.inverted_cmyk_to_rgb(cmyk)


def _decode_imperfect(data: bytes, header: JpegHeader) -> Pixels:
    """Decode a JPEG that libjpeg warns about or refuses."""
    scans = jpeg.find_scans(data, header)
    complete = scans.ended or scans.complete

    def rebuilt(end: int, noise: bytes = b"") -> bytes:
        pixels = (data[header.first_scan : end], noise, END_MARKER)
        return jpeg.rebuild(data, header, b"".join(pixels))

    bare, warning = rebuilt(scans.end), ""
    try:
        pixels = _decode(bare, header)
        if complete:
            return pixels  # only the metadata or the end was unusual
    except ValueError as error:
        warning = str(error)
    decode = _decode_with_pillow if _UNUSUAL in warning else _decode_leniently
    if bare.count(b"\xff\xda") > _MAX_SCANS_TO_SEARCH:
        if _CORRUPT in warning or not complete:
            raise NotAnImage(DAMAGED)
        return decode(bare, header)
    damage = jpeg.find_damage(data, header, scans)
    stop = scans.end if damage < 0 else damage
    pixels = decode(rebuilt(stop), header)
    # The rows that change with what follows the scans are not in the scans.
    row, lost = _find_difference(pixels, decode(rebuilt(stop, _NOISE), header))
    if _ENDS_EARLY in warning:  # the noise may happen to agree with the last block
        lost = max(lost, _ROW_OF_BLOCKS**2 / header.width)
    few = lost <= min(_ROW_OF_BLOCKS, _MAX_LOST_SHARE * header.height)
    # Without an end marker, the warning is about what follows the pixels.
    damaged = scans.ended and _is_damage(warning, data, scans.end, header)
    if few and complete and (damage < 0 or not lost) and not damaged:
        return pixels
    where = f"row {min(row + 1, header.height):,} of {header.height:,}"
    if scans.ended:
        raise NotAnImage(f"The JPEG is damaged; decoding stopped at {where}. Send the original.")
    raise NotAnImage(f"The JPEG ends at {where}; send the complete file.")


def _decode_leniently(data: bytes, header: JpegHeader) -> Pixels:
    return _decode(data, header, strict=False)


def _decode_with_pillow(data: bytes, _: JpegHeader) -> Pixels:
    from carlens.images import pillow_decoder

    return pillow_decoder.decode(pillow_decoder.open_bare_jpeg(data))


def _is_damage(warning: str, data: bytes, end: int, header: JpegHeader) -> bool:
    """Return whether libjpeg's warning about a file with nearly all rows means that some are wrong.

    The file has an end marker, at the offset `end`.
    """
    if surplus := _SURPLUS.search(warning):
        count = int(surplus[1])
        return count > _MAX_SURPLUS and len(set(data[end - count : end])) > 1
    # In one scan, data that ends early is that of the last rows, which are known to be few.
    return _CORRUPT in warning and not (header.one_scan and _ENDS_EARLY in warning)


def _find_difference(one: Pixels, other: Pixels) -> tuple[int, float]:
    """Return the first row that differs, and how many rows of pixels follow the first difference.

    The height and 0 if nothing differs.
    """
    height, width = one.shape[:2]
    for top in range(0, height, _STRIP_ROWS):
        strip = slice(top, top + _STRIP_ROWS)
        if not np.array_equal(one[strip], other[strip]):
            rows = (one[strip] != other[strip]).any(axis=(1, 2))
            first = _block(top + int(rows.argmax()))
            band = slice(first, first + _ROW_OF_BLOCKS)
            column = _block(int((one[band] != other[band]).any(axis=(0, 2)).argmax()))
            return first, height - first - one[band].shape[0] * column / width
    return height, 0


def _block(pixel: int) -> int:
    """Return where the block of a pixel begins; smooth colors reach one pixel out of it."""
    return (pixel + 1) // 8 * 8
