"""HEIC and AVIF: decoded by pi-heif and Pillow, within the limits of all formats."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carlens.errors import NotAnImage, PictureTooLarge, UnsupportedImage
from carlens.images import heif
from carlens.images.decoder import read_pixels, read_shape
from carlens.images.header import BrokenHeader
from carlens.images.types import ImageShape, Limits, Pixels
from tests.heif_files import CODED, LARGE, box, full_box, grid, heic, hevc_sps, tiles
from tests.support import color_blocks, encode

pytest.importorskip("pi_heif", reason="pi-heif has no wheel for this platform")

LIMITS = Limits(max_bytes=20 << 20, max_pixels=50_000_000, max_side=20_000)
BLOCKS = color_blocks(64, 64)


def close(found: Pixels, expected: Pixels) -> bool:
    """Compare the middle of each color, because the codecs blur edges."""
    middle = [8, 24, 40, 56] if found.shape[0] == 64 else [8, 24]
    columns = [8, 24, 40, 56] if found.shape[1] == 64 else [8, 24]
    one, other = found[np.ix_(middle, columns)], expected[np.ix_(middle, columns)]
    return found.shape == expected.shape and bool(np.abs(one.astype(int) - other).max() < 16)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_a_heic_is_read(brand: bytes) -> None:
    data = heic(brand=brand)

    assert read_shape(data, LIMITS) == ImageShape(64, 64, 3)
    assert close(read_pixels(data, LIMITS), BLOCKS)


@pytest.mark.parametrize(
    ("transform", "turn"),
    [
        (box(b"irot", b"\1"), lambda p: np.rot90(p)),
        (box(b"irot", b"\3"), lambda p: np.rot90(p, -1)),
        (box(b"imir", b"\1"), lambda p: p[:, ::-1]),
        (box(b"imir", b"\0"), lambda p: p[::-1]),
    ],
)
def test_the_transformation_of_a_heic_is_applied(
    transform: bytes, turn: Callable[[Pixels], Pixels]
) -> None:
    assert close(read_pixels(heic(transform), LIMITS), turn(BLOCKS))


def test_a_grid_of_tiles_is_read() -> None:
    data = grid(3, 2)

    assert read_shape(data, LIMITS) == ImageShape(128, 192, 3)
    pixels = read_pixels(data, LIMITS)
    for top in (0, 64):
        for left in (0, 64, 128):
            assert close(pixels[top : top + 64, left : left + 64], BLOCKS)


def test_the_pixels_outlive_the_file() -> None:
    # Given a picture of several megabytes, whose memory libheif returns to the system
    pixels = read_pixels(grid(2, 1, LARGE), LIMITS)

    assert pixels.flags.owndata
    assert pixels.flags.c_contiguous
    assert pixels.reshape(-1, 3).mean(axis=0).round().tolist() == [120, 130, 140]


def avif(image: Image.Image | Pixels = BLOCKS, **options: Any) -> bytes:
    return encode(image, "AVIF", quality=90, **options)


@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"range": "limited"}])
def test_an_avif_is_read(options: dict[str, Any]) -> None:
    data = avif(**options)

    assert read_shape(data, LIMITS) == ImageShape(64, 64, 3)
    assert close(read_pixels(data, LIMITS), BLOCKS)


def test_a_gray_and_a_transparent_avif_are_read() -> None:
    image = Image.fromarray(BLOCKS).convert("RGBA")
    image.paste((9, 9, 9, 0), (0, 0, 32, 32))
    expected = BLOCKS.copy()
    expected[:32, :32] = 255

    assert close(read_pixels(avif(image), LIMITS), expected)
    gray = np.repeat(np.asarray(Image.fromarray(BLOCKS).convert("L"))[..., None], 3, axis=2)
    assert close(read_pixels(avif(Image.fromarray(BLOCKS).convert("L")), LIMITS), gray)


def test_the_orientation_of_an_avif_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = avif(BLOCKS[:32], exif=exif)

    assert read_shape(data, LIMITS) == ImageShape(64, 32, 3)
    assert close(read_pixels(data, LIMITS), np.rot90(BLOCKS[:32], -1))


def test_the_still_picture_of_an_animated_avif_is_read() -> None:
    frames = [Image.new("RGB", (64, 64), "black")] * 2
    data = avif(Image.fromarray(BLOCKS), save_all=True, append_images=frames)

    assert data[8:12] == b"avis"
    assert close(read_pixels(data, LIMITS), BLOCKS)


@pytest.mark.parametrize("make", [heic, avif])
def test_a_truncated_file_is_refused_or_complete(make: Callable[[], bytes]) -> None:
    data = make()
    whole = read_pixels(data, LIMITS)

    for length in range(12, len(data), 3):
        try:
            found = read_pixels(data[:length], LIMITS)
        except (NotAnImage, UnsupportedImage):
            continue
        assert np.array_equal(found, whole), length


def test_the_limits_are_checked_against_the_header() -> None:
    tiny = Limits(max_bytes=20 << 20, max_pixels=4095, max_side=20_000)

    for data in (heic(), avif()):
        with pytest.raises(PictureTooLarge, match="64 x 64"):
            read_pixels(data, tiny)


@pytest.mark.parametrize(("width", "height"), [(20_000, 20_000), (64, 1 << 21)])
def test_a_coded_picture_that_is_larger_than_declared_is_refused(width: int, height: int) -> None:
    # Given a small image that is cut out of a giant one
    data = heic(coded=hevc_sps(width, height) + CODED)

    with pytest.raises(BrokenHeader, match="larger than the image that it declares"):
        heif.check(data)
    with pytest.raises(NotAnImage):
        read_pixels(data, LIMITS)


def test_a_giant_sequence_in_an_avif_is_refused() -> None:
    # Given a flat picture of 16,384 x 8,192 pixels in a file that declares less
    flat = encode(Image.new("L", (16_384, 8_192)), "AVIF", speed=10)
    at = flat.index(b"ispe") + 8
    lying = flat[:at] + (64).to_bytes(4, "big") * 2 + flat[at + 8 :]

    start = time.process_time()
    with pytest.raises(NotAnImage, match="larger than the image that it declares"):
        read_pixels(lying, LIMITS)
    assert time.process_time() - start < 1


def test_a_picture_of_very_many_tiles_is_refused() -> None:
    heif.check(heic(more=tiles(1000)))
    # 4,096 pixels, 65,535 times
    heif.check(heic(more=tiles(65_535)))
    with pytest.raises(BrokenHeader, match="larger than the image that it declares"):
        heif.check(heic(more=tiles(65_535) + full_box(b"iref", box(b"dimg", bytes(9999)))))


def test_a_file_of_tiny_boxes_takes_little_time() -> None:
    with pytest.raises(BrokenHeader, match="more than 5,000 boxes"):
        heif.check(heic() + box(b"free") * 500_000)


def test_empty_containers_count_as_boxes() -> None:
    with pytest.raises(BrokenHeader, match="more than 5,000 boxes"):
        heif.check(heic() + box(b"iprp") * 5000)


def test_a_list_that_declares_very_many_items_takes_little_time() -> None:
    # Given a list of 4 billion items that has none of them
    items = full_box(b"iloc", b"\x44\0\xff\xff\xff\xff", version=2)

    with pytest.raises(BrokenHeader, match="more than 5,000 items"):
        heif.check(items)


@pytest.mark.parametrize("kind", [b"iloc", b"idat"])
def test_a_second_list_of_items_does_not_hide_the_first(kind: bytes) -> None:
    # Given a coded picture that is too large, in the first list
    data = heic(coded=hevc_sps(20_000, 20_000) + CODED, more=box(b"idat"))

    with pytest.raises(BrokenHeader, match=f"more than one {kind.decode()} box"):
        heif.check(data + full_box(kind, bytes(8)))


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", heic()[:50], b"\0\0\0\0ftyp", bytes(64)])
def test_incomplete_boxes_are_left_to_the_decoder(data: bytes) -> None:
    heif.check(data)


def test_only_such_pictures_import_their_decoders() -> None:
    # Given a process that decodes a JPEG
    code = f"""
import sys
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits
read_pixels({encode(BLOCKS, "JPEG")!r}, Limits(10**6, 10**6, 10**6))
assert "pi_heif" not in sys.modules
assert "PIL" not in sys.modules
"""
    source = Path(__file__).parents[3] / "lambda_src"
    subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(source)}, check=True, timeout=60
    )


def test_a_machine_without_pi_heif_says_what_to_send(monkeypatch: pytest.MonkeyPatch) -> None:
    from carlens.images import heif_decoder

    monkeypatch.setattr(heif_decoder, "pi_heif", None)

    with pytest.raises(UnsupportedImage, match=r"HEIC .* install pi-heif, or send JPEG"):
        read_pixels(heic(), LIMITS)


def test_a_heif_of_another_kind_is_refused_by_name() -> None:
    data = box(b"ftyp", b"mif1", bytes(4), b"mif1", b"jpeg") + bytes(99)

    with pytest.raises(UnsupportedImage, match="HEIF image of another kind"):
        read_pixels(data, LIMITS)
