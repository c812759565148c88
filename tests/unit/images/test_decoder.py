"""Decode images to upright RGB pixels, within limits."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carlens.errors import NotAnImage, PictureTooLarge, UnsupportedImage
from carlens.images.decoder import read_pixels, read_shape
from carlens.images.types import ImageShape, Limits, Pixels
from tests.support import PASSAT, SKODA, color_blocks, encode

LIMITS = Limits(max_bytes=10_000_000, max_pixels=1_000_000, max_side=2_000)
BLOCKS = color_blocks()
GRAY = np.asarray(Image.fromarray(BLOCKS).convert("L"))

# How to store an upright image so that each EXIF orientation makes it upright again.
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def difference(found: Pixels, expected: Pixels) -> float:
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    return float(np.abs(found.astype(int) - expected).mean())


def as_rgb(gray: Any) -> Pixels:
    return np.repeat(np.asarray(gray, np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("file_format", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}, 3),
        ("JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 3),
        ("PNG", {}, 0),
        ("PNG", {"interlace": 1}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("GIF", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("TIFF", {"compression": "jpeg"}, 4),
    ],
)
def test_every_format_keeps_its_colors(
    file_format: str, options: dict[str, Any], tolerance: float
) -> None:
    data = encode(BLOCKS, file_format, **options)

    assert difference(read_pixels(data, LIMITS), BLOCKS) <= tolerance


def sixteen_bit() -> Image.Image:
    return Image.fromarray(GRAY.astype(np.uint16) * 257)


def transparent(mode: str) -> Image.Image:
    image = Image.fromarray(BLOCKS).convert("RGBA")
    image.paste((9, 9, 9, 0), (0, 0, 32, 16))
    return image.convert(mode)


def palette_with_transparency() -> bytes:
    image = Image.fromarray(BLOCKS).convert("P", palette=Image.Palette.ADAPTIVE)
    return encode(image, "PNG", transparency=image.getpixel((0, 0)))


WHITE_CORNER = BLOCKS.copy()
WHITE_CORNER[:16, :32] = 255
GRAY_WHITE_CORNER = as_rgb(GRAY)
GRAY_WHITE_CORNER[:16, :32] = 255


@pytest.mark.parametrize(
    ("make", "expected", "tolerance"),
    [
        (lambda: encode(Image.fromarray(BLOCKS).convert("P"), "PNG"), BLOCKS, 1),
        (palette_with_transparency, WHITE_CORNER, 1),
        (lambda: encode(Image.fromarray(GRAY), "PNG"), as_rgb(GRAY), 0),
        (lambda: encode(Image.fromarray(GRAY), "JPEG", quality=95), as_rgb(GRAY), 2),
        (lambda: encode(transparent("LA"), "PNG"), GRAY_WHITE_CORNER, 0),
        (lambda: encode(transparent("RGBA"), "PNG"), WHITE_CORNER, 0),
        (lambda: encode(transparent("RGBA"), "WEBP", lossless=True), WHITE_CORNER, 0),
        (lambda: encode(transparent("RGBA"), "TIFF"), WHITE_CORNER, 0),
        (lambda: encode(Image.fromarray(BLOCKS).convert("CMYK"), "JPEG", quality=95), BLOCKS, 3),
        (lambda: encode(Image.fromarray(BLOCKS).convert("CMYK"), "TIFF"), BLOCKS, 0),
        (lambda: encode(sixteen_bit(), "PNG"), as_rgb(GRAY), 0),
        (lambda: encode(sixteen_bit(), "TIFF"), as_rgb(GRAY), 0),
        (
            lambda: encode(Image.fromarray(GRAY > 100), "PNG"),
            as_rgb((GRAY > 100) * 255),
            0,
        ),
    ],
    ids=[
        "palette", "palette with transparency", "gray", "gray jpeg", "gray and alpha", "rgba",
        "rgba webp", "rgba tiff", "cmyk jpeg", "cmyk tiff", "16-bit png", "16-bit tiff", "1-bit",
    ],
)  # fmt: skip
def test_every_pixel_type_is_converted_to_rgb(
    make: Callable[[], bytes], expected: Pixels, tolerance: float
) -> None:
    assert difference(read_pixels(make(), LIMITS), expected) <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_rotated_image_is_made_upright(file_format: str, orientation: int) -> None:
    # Given a rotated image with the matching EXIF orientation
    turn = STORED_AS[orientation]
    stored = Image.fromarray(BLOCKS)
    stored = stored if turn is None else stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    data = encode(stored, file_format, exif=exif, **options.get(file_format, {}))

    # Then
    assert difference(read_pixels(data, LIMITS), BLOCKS) <= 3
    assert read_shape(data, LIMITS) == ImageShape(32, 64, 3)


def test_an_invalid_exif_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77

    assert difference(read_pixels(encode(BLOCKS, "PNG", exif=exif), LIMITS), BLOCKS) == 0


def test_invalid_exif_is_ignored() -> None:
    data = encode(BLOCKS, "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", quality=95)

    assert read_pixels(data, LIMITS).shape == BLOCKS.shape


def test_the_first_frame_of_an_animation_is_read() -> None:
    frames = [Image.fromarray(BLOCKS), Image.new("RGB", (64, 32), "black")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])

    assert difference(read_pixels(data, LIMITS), BLOCKS) == 0


@pytest.mark.parametrize(
    ("make", "channels"),
    [
        (lambda: encode(BLOCKS, "JPEG"), 3),
        (lambda: encode(GRAY, "PNG"), 1),
        (lambda: encode(transparent("RGBA"), "PNG"), 4),
        (lambda: encode(transparent("LA"), "PNG"), 2),
    ],
)
def test_the_shape_is_read_from_the_header_alone(make: Callable[[], bytes], channels: int) -> None:
    # Given a file without all of its pixels
    head = make()[:-20]

    assert read_shape(head, LIMITS) == ImageShape(32, 64, channels)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_truncated_image_is_refused(file_format: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encode(noise, file_format)

    with pytest.raises(NotAnImage):
        read_pixels(data[: int(len(data) * share)], LIMITS)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"<html>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a"],
)
def test_data_that_is_not_an_image_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage, match="send"):
        read_pixels(data, LIMITS)
    with pytest.raises(NotAnImage, match="send"):
        read_shape(data, LIMITS)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\0\0\0\x20ftypisom", "a video"),
        (b"\0\0\0\x0cJXL \r\n", "a JPEG XL image"),
        (b"\0\0\0\x0cjP  \r\n", "a JPEG 2000 image"),
        (b"%PDF-1.7", "a PDF file"),
        (b"<svg/>", "an SVG drawing"),
        (b"\0\0\1\0\1\0", "an icon"),
    ],
)
def test_an_unsupported_file_is_refused_by_name(data: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedImage, match=f"^This is {kind}, .* send JPEG, PNG"):
        read_pixels(data + bytes(99), LIMITS)


def test_a_jpeg_with_bytes_after_its_end_is_read() -> None:
    data = encode(BLOCKS, "JPEG", quality=95, subsampling=0)

    assert difference(read_pixels(data + b"trailer" * 100, LIMITS), BLOCKS) <= 3


def test_a_truncated_jpeg_with_a_thumbnail_is_refused() -> None:
    # Given an end-of-image marker in the EXIF, before the first scan
    thumbnail = encode(Image.new("RGB", (8, 8)), "JPEG")
    data = encode(BLOCKS, "JPEG", exif=b"Exif\x00\x00" + thumbnail)

    with pytest.raises(NotAnImage):
        read_pixels(data[:-200], LIMITS)


@pytest.mark.parametrize("padding", [bytes(4000), b"\xff\xe0\0\4ab", b"\xff\xd0"])
def test_a_truncated_jpeg_with_padding_is_refused(padding: bytes) -> None:
    # Given an interrupted download to a preallocated file
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    data = encode(noise, "JPEG")

    with pytest.raises(NotAnImage, match=r"JPEG ends at row \d+ of 64; send the complete file"):
        read_pixels(data[: len(data) // 2] + padding, LIMITS)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_an_image_exactly_at_the_limits_is_read(file_format: str) -> None:
    data = encode(BLOCKS, file_format)

    assert read_pixels(data, Limits(len(data), 2048, 64)).shape == (32, 64, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "The image is empty; send the contents of the file."),
        (
            b"hello",
            "Not an image that Carlens can decode; send JPEG, PNG, WebP, GIF, "
            "BMP, TIFF, HEIC or AVIF.",
        ),
        (
            encode(BLOCKS, "PNG")[:-60],
            "The image is damaged or incomplete; send the complete file.",
        ),
        (
            b"\xff\xd8\xff\xe0\0\4",
            "The image cannot be read: a JPEG segment is cut off; "
            "re-save the image and send the complete file.",
        ),
    ],
)
def test_a_refusal_says_what_to_do(data: bytes, message: str) -> None:
    with pytest.raises(NotAnImage) as caught:
        read_pixels(data, LIMITS)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(100, 10**6, 10**4), "100"),
        (Limits(10**6, 2047, 10**4), "2,047"),
        (Limits(10**6, 10**6, 63), "63"),
    ],
)
def test_an_image_over_a_limit_is_refused_with_the_limit(limits: Limits, named: str) -> None:
    data = encode(BLOCKS, "BMP")

    with pytest.raises(PictureTooLarge, match=named):
        read_pixels(data, limits)


def test_a_bomb_is_refused_from_its_header() -> None:
    # Given a small file that declares 400 million pixels
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")

    with pytest.raises(PictureTooLarge, match="20000 x 20000"):
        read_pixels(buffer.getvalue(), LIMITS)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(np.full((4, 4), 0.5, np.float32)),
        Image.fromarray(np.full((4, 4), 1 << 20, np.int32)),
        Image.fromarray(np.full((4, 4), -1, np.int32)),
    ],
)
def test_floating_point_and_deep_integers_are_refused(image: Image.Image) -> None:
    with pytest.raises(UnsupportedImage, match="8 or 16"):
        read_pixels(encode(image, "TIFF"), LIMITS)


@pytest.mark.parametrize("path", [SKODA, PASSAT])
def test_real_photos_are_read_as_pillow_reads_them(path: Any) -> None:
    data = path.read_bytes()
    pillow = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    assert difference(read_pixels(data, LIMITS), pillow) <= 0.5
