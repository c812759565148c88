"""Redaction, with real decoders and encoders and a fake model that finds a magenta patch."""

from __future__ import annotations

import base64
import io
import json
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from carlens.config import UPLOADS_SECRET
from carlens.http import anonymize as route
from carlens.http.image_routes import respond
from carlens.images.types import Pixels
from carlens.services import anonymize as service
from tests.fakes import FakeApp
from tests.hostile import png_chunk
from tests.support import encode, event, multipart_event

WIDTH, HEIGHT = 160, 96
# Where the patch is in the upright picture: x1, y1, x2, y2. A multiple of 16, as JPEG's blocks.
PATCH = (96, 32, 128, 64)
SECRET = b"SECRET 48.85 N 2.35 E"
OUTPUTS = ("jpeg", "png", "webp")
ON = {"anonymize": True}


def scene(patch: tuple[int, int, int] = (255, 0, 255)) -> Pixels:
    """Draw a gradient that shows turns and flips, with a patch off its center."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([x, y * 2, 255 - x], axis=-1).astype(np.uint8)
    x1, y1, x2, y2 = PATCH
    pixels[y1:y2, x1:x2] = patch
    return pixels


def send(app: FakeApp, data: bytes, accept: str = "", **query: str) -> tuple[dict[str, Any], Any]:
    """Send a picture as a body; return the proxy response, and its JSON if it has any."""
    given = event(
        "POST", "/anonymize", body=data, content_type="application/octet-stream", query=query,
        headers={"Accept": accept} if accept else {},
    )  # fmt: skip
    answer = respond(given, None, app.app)
    return answer, None if answer["isBase64Encoded"] else json.loads(answer["body"])


def redacted(data: bytes, **query: str) -> bytes:
    """Return the redacted file."""
    answer, document = send(FakeApp(**ON), data, format="detailed", **query)
    assert answer["statusCode"] == 200
    [entry] = document["images"]
    assert entry["error"] is None
    return base64.b64decode(entry["picture"], validate=True)


def opened(file: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(file)))


def outside(pixels: Pixels, box: tuple[int, int, int, int] = PATCH) -> Pixels:
    """Return the pixels outside of a box."""
    mask = np.ones(pixels.shape[:2], bool)
    mask[box[1] : box[3], box[0] : box[2]] = False
    found: Pixels = pixels[mask]
    return found


# --- answers ----------------------------------------------------------------------------------


def test_the_list_form_has_the_regions_and_tells_a_failed_picture_from_an_empty_one() -> None:
    pictures = [encode(scene(), "PNG"), encode(scene((9, 9, 9)), "PNG"), b"junk"]
    form = [("image", (f"{n}.png", data, "image/png")) for n, data in enumerate(pictures)]

    status, answer = FakeApp(**ON).send(
        multipart_event("/anonymize", form, query={"redact": "faces", "margin": "0"})
    )

    assert status == 200
    face = {"x1": 96, "y1": 32, "x2": 128, "y2": 64, "kind": "face", "confidence": 0.8765}
    assert answer == [[face], [], None]


def test_the_detailed_form_has_the_picture_in_its_upright_size() -> None:
    # Given a photo that is stored on its side
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(scene(), "JPEG", exif=exif)

    answer, document = send(FakeApp(**ON), data, format="detailed", redact="faces,people")

    [entry] = document["images"]
    assert answer["headers"]["X-Carlens-Pictures"] == "1"
    assert {name: entry[name] for name in ("width", "height", "media_type", "picture_url")} == {
        "width": HEIGHT, "height": WIDTH, "media_type": "image/jpeg", "picture_url": None
    }  # fmt: skip
    assert opened(base64.b64decode(entry["picture"])).shape == (WIDTH, HEIGHT, 3)
    assert [region["kind"] for region in entry["regions"]] == ["face", "person"]
    assert document["models"].keys() == {"faces", "detector"}
    assert document["timing_ms"].keys() == {"read", "decode", "detect", "redact", "total"}


def test_people_are_refused_where_the_detector_cannot_find_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "PERSON", "somebody")

    answer, document = send(FakeApp(**ON), encode(scene(), "PNG"), redact="people")

    assert (answer["statusCode"], document["error"]["code"]) == (400, "invalid_parameter")


def test_a_picture_that_fails_is_an_error_without_a_picture() -> None:
    data = encode(scene(), "JPEG")
    broken = data[: len(data) // 3]

    answer, document = send(FakeApp(**ON), broken, format="detailed")

    [entry] = document["images"]
    assert entry["error"]["code"] == "not_an_image"
    assert {entry[each] for each in ("regions", "picture", "picture_url", "width")} == {None}
    for accept, status in (("image/jpeg", 400), ("", 200)):
        answer, document = send(FakeApp(**ON), broken, accept)
        assert (answer["statusCode"], answer["isBase64Encoded"]) == (status, False)


@pytest.mark.parametrize(
    ("accept", "query", "expected"),
    [
        ("image/png", {}, "PNG"),
        ("image/webp;q=0.9, */*", {}, "WEBP"),
        # What Chromium sends for <img>, and a type that is not written.
        ("image/avif,image/webp,image/apng,*/*;q=0.8", {}, "WEBP"),
        ("image/*", {}, "JPEG"),
        ("image/png", {"output": "jpeg"}, "JPEG"),
    ],
)
def test_an_accept_header_of_a_picture_gets_the_picture(
    accept: str, query: dict[str, str], expected: str
) -> None:
    answer, _ = send(FakeApp(**ON), encode(scene(), "BMP"), accept, **query)

    assert answer["isBase64Encoded"]
    image = Image.open(io.BytesIO(base64.b64decode(answer["body"], validate=True)))
    assert (image.format, image.size) == (expected, (WIDTH, HEIGHT))
    assert answer["headers"]["Content-Type"] == f"image/{expected.lower()}"
    # Then the gateway does not compress it
    assert answer["headers"]["Content-Encoding"] == "identity"
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("JPEG", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP"), ("TIFF", "PNG"), ("GIF", "PNG")],
)
def test_the_same_format_is_png_for_formats_that_are_only_read(kind: str, expected: str) -> None:
    file = redacted(encode(Image.fromarray(scene()), kind), output="same")

    assert Image.open(io.BytesIO(file)).format == expected


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("redact", "cars", "plates, faces, people"),
        ("redact", "", "plates, faces, people"),
        ("style", "swirl", "fill, pixelate, blur"),
        ("output", "gif", "jpeg, png, webp, same"),
        ("margin", "2", "from 0 to 1"),
        ("confidence", "-1", "from 0 to 1"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(name: str, value: str, allowed: str) -> None:
    status, answer = FakeApp(**ON).send(
        event("POST", "/anonymize", body=b"x", content_type="image/png", query={name: value})
    )

    assert (status, answer["error"]["code"]) == (400, "invalid_parameter")
    assert name in answer["error"]["message"]
    assert allowed in answer["error"]["message"]


def test_the_route_exists_only_where_it_is_switched_on() -> None:
    status, answer = FakeApp().send(event("POST", "/anonymize", body=b"x"))

    assert (status, answer["error"]["code"]) == (404, "not_found")


def test_models_that_are_not_needed_are_not_loaded() -> None:
    # Given models that are loaded when they are used
    fake = FakeApp(**ON)
    assert fake.regions == {}

    send(fake, encode(scene(), "PNG"), redact="faces", confidence="0.7")

    # Then only that of the target is, and the detector is not asked for objects
    assert fake.regions.keys() == {"faces"}
    assert fake.regions["faces"].asked == [0.7]
    assert fake.detector.asked == []


def test_a_start_without_redaction_loads_nothing_of_it() -> None:
    # Given a process of its own that imports what the function imports
    program = "import sys; from carlens.http import image_routes; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()

    assert "carlens.images.decoder" in loaded
    assert not {
        "carlens.http.anonymize", "carlens.images.color", "carlens.images.encode",
        "carlens.vision.regions", "PIL",
    } & set(loaded)  # fmt: skip


# --- safety -----------------------------------------------------------------------------------


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_byte_of_the_file_depends_on_what_was_filled(output: str) -> None:
    # Given pictures that differ only inside of the region
    noise = scene()
    x1, y1, x2, y2 = PATCH
    random = np.random.default_rng(5)
    noise[y1:y2, x1:x2] = random.integers(170, 256, (y2 - y1, x2 - x1, 3)) * (1, 0, 1)

    files = [redacted(encode(picture, "PNG"), output=output) for picture in (scene(), noise)]

    assert files[0] == files[1]


def test_pixels_outside_of_the_regions_are_identical_and_those_inside_are_black() -> None:
    pixels = opened(redacted(encode(scene(), "PNG"), output="png", margin="0"))

    assert np.array_equal(outside(pixels), outside(scene()))
    assert not pixels[PATCH[1] : PATCH[3], PATCH[0] : PATCH[2]].any()


def test_regions_grow_by_the_margin_and_end_at_the_edges() -> None:
    # Given a patch in the lower right corner
    corner = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    corner[60:, 120:] = (255, 0, 255)
    query = {"redact": "faces", "margin": "0.25", "output": "png", "format": "detailed"}

    _, document = send(FakeApp(**ON), encode(corner, "PNG"), **query)

    [entry] = document["images"]
    [region] = entry["regions"]
    box = (region["x1"], region["y1"], region["x2"], region["y2"])
    assert box == (110, 51, 160, 96)
    pixels = opened(base64.b64decode(entry["picture"]))
    assert not pixels[51:, 110:].any()
    assert np.array_equal(outside(pixels, box), outside(corner, box))


def turned(orientation: int) -> bytes:
    """Store the scene so that this EXIF orientation makes it upright."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(scene()).transpose(back)
    return encode(stored, "JPEG", exif=exif, quality=95, subsampling=0)


def deep() -> bytes:
    """Return the scene as a PNG of 16 bits."""
    rows = (scene().astype(np.uint16) * 257).astype(">u2").view(np.uint8).reshape(HEIGHT, -1)
    import zlib

    packed = np.hstack([np.zeros((HEIGHT, 1), np.uint8), rows]).tobytes()
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", zlib.compress(packed)) + png_chunk(b"IEND", b"")
    )  # fmt: skip


def animated() -> bytes:
    """Return an animation whose later frames show the patch elsewhere."""
    later = Image.fromarray(np.roll(scene(), 40, axis=1))
    return encode(
        Image.fromarray(scene()), "WEBP", save_all=True, append_images=[later], lossless=True
    )


@pytest.mark.parametrize(
    "make",
    [
        *(lambda n=n: turned(n) for n in range(2, 9)),
        lambda: encode(Image.fromarray(scene()).convert("CMYK"), "JPEG", quality=95, subsampling=0),
        deep,
        animated,
    ],
    ids=[*(f"orientation {n}" for n in range(2, 9)), "CMYK", "16 bits", "animated"],
)
def test_unusual_pictures_are_redacted_in_the_right_place(make: Callable[[], bytes]) -> None:
    file = redacted(make(), output="png", margin="0.1")

    pixels = opened(file)
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert not pixels[PATCH[1] : PATCH[3], PATCH[0] : PATCH[2]].any()
    grown = (PATCH[0] - 4, PATCH[1] - 4, PATCH[2] + 4, PATCH[3] + 4)
    difference = np.abs(outside(pixels, grown).astype(int) - outside(scene(), grown))
    assert difference.mean() < 3


def test_a_gray_picture_is_redacted_where_the_model_says() -> None:
    # Given a gray picture, in which the fake finds nothing, and a person that the detector finds
    gray = Image.fromarray(scene()).convert("L")

    pixels = opened(redacted(encode(gray, "PNG"), output="png", margin="0", redact="people"))

    assert not pixels[:9, :9].any()
    expected = np.repeat(np.asarray(gray)[..., None], 3, axis=2)
    assert np.array_equal(outside(pixels, (0, 0, 9, 9)), outside(expected, (0, 0, 9, 9)))


# --- metadata ---------------------------------------------------------------------------------


def with_metadata(kind: str) -> bytes:
    """Return the scene with EXIF, a place, a thumbnail, XMP, comments and a trailer."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8769)[0x9286] = SECRET
    more: dict[str, Any] = {"exif": exif, "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"}
    if kind == "PNG":
        texts = PngInfo()
        texts.add_text("Comment", SECRET.decode())
        texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        more = {"exif": exif, "pnginfo": texts}
    if kind == "JPEG":
        more["comment"] = SECRET
    more["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encode(Image.fromarray(scene()), kind, **more) + b"SEFT" + SECRET


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_files_contain_nothing_but_pixels(kind: str, output: str) -> None:
    data = with_metadata(kind)
    assert data.count(SECRET) >= 3

    file = redacted(data, output=output)

    assert b"SECRET" not in file
    assert list(parts(file, output)) == {
        "jpeg": ["JFIF", "DQT", "DQT", "SOF", "DHT", "DHT", "DHT", "DHT", "SOS", "EOI"],
        "png": ["IHDR", "IDAT", "IEND"],
        "webp": ["VP8 "],
    }[output]  # fmt: skip


def parts(file: bytes, output: str) -> Iterator[str]:
    """Yield what a file consists of, up to its last byte."""
    if output == "png":
        at, before = 8, ""
        while at < len(file):
            kind = file[at + 4 : at + 8].decode()
            if kind != before:
                yield kind
            at, before = at + 12 + int.from_bytes(file[at : at + 4], "big"), kind
        return
    if output == "webp":
        assert int.from_bytes(file[4:8], "little") + 8 == len(file)
        at = 12
        while at < len(file):
            yield file[at : at + 4].decode()
            size = int.from_bytes(file[at + 4 : at + 8], "little")
            at += 8 + size + size % 2
        return
    names = {0xDB: "DQT", 0xC0: "SOF", 0xC4: "DHT", 0xDA: "SOS", 0xE0: "APP0"}
    at = 2
    while (marker := file[at + 1]) != 0xDA:
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        is_jfif = marker == 0xE0 and file[at + 4 : at + 9] == b"JFIF\0" and end - at == 18
        yield "JFIF" if is_jfif else names.get(marker, hex(marker))
        at = end
    yield "SOS"
    assert file.index(b"\xff\xd9", at) == len(file) - 2
    yield "EOI"


def test_the_answer_never_holds_the_bytes_of_the_original() -> None:
    # Given a picture whose bytes are unlike those of any other file
    noise = np.random.default_rng(7).integers(0, 150, (HEIGHT, WIDTH, 3), np.uint8)
    x1, y1, x2, y2 = PATCH
    noise[y1:y2, x1:x2] = (255, 0, 255)
    for kind in ("JPEG", "PNG", "WEBP"):
        data = encode(noise, kind)
        pieces = [data[at : at + 12] for at in range(700, len(data) - 12, 12)]

        for query in ({}, {"format": "detailed", "output": "same"}):
            answer, document = send(FakeApp(**ON), data, **query)
            texts = [answer["body"].encode()]
            if query:
                texts.append(base64.b64decode(document["images"][0]["picture"]))

            assert not any(piece in text for piece in pieces for text in texts)
            assert base64.b64encode(data)[40:120].decode() not in answer["body"]


# --- colors -----------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """Return a profile of sRGB whose red and green are swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, green = tags[b"rXYZ"], tags[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    name = profile.find("sRGB".encode("utf-16-be"))
    profile[name : name + 8] = "swap".encode("utf-16-be")
    return bytes(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_colors_are_converted_to_srgb(kind: str) -> None:
    # Given a green picture, by a profile in which green is red
    flat = np.full((32, 48, 3), (20, 200, 20), np.uint8)
    data = encode(Image.fromarray(flat), kind, icc_profile=swapped_profile())

    pixels = opened(redacted(data, output="png"))

    assert np.abs(pixels.reshape(-1, 3).mean(axis=0) - (200, 20, 20)).max() < 5


LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


@pytest.mark.parametrize("profile", [b"junk", swapped_profile()[:200], LAB])
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes) -> None:
    data = encode(Image.fromarray(scene()), "PNG", icc_profile=profile)

    pixels = opened(redacted(data, output="png", margin="0"))

    assert np.array_equal(outside(pixels), outside(scene()))


# --- large answers ----------------------------------------------------------------------------


def test_a_picture_without_room_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encode(scene(), "PNG")
    room = len(base64.b64encode(redacted(data))) + 1000  # for its regions
    monkeypatch.setattr(route, "_MAX_CHARACTERS", room)
    form = [("image", (f"{n}.png", data, "image/png")) for n in range(2)]

    _, document = FakeApp(**ON).send(
        multipart_event("/anonymize", form, query={"format": "detailed"})
    )

    first, second = document["images"]
    assert first["error"] is None
    assert second["error"]["code"] == "answer_too_large"
    assert "fewer" in second["error"]["message"]
    assert second["picture"] is second["regions"] is None
    monkeypatch.setattr(route, "_MAX_CHARACTERS", 0)
    answer, document = send(FakeApp(**ON), data, "image/png")
    assert (answer["statusCode"], document["error"]["code"]) == (413, "answer_too_large")


def test_a_picture_without_room_is_stored_where_there_are_uploads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Given the store of the local server, and a response with room for regions only
    monkeypatch.setattr(route, "_MAX_CHARACTERS", 1000)
    monkeypatch.setenv(UPLOADS_SECRET, "secret")
    (tmp_path / "redacted").mkdir()
    fake = FakeApp(**ON, uploads=str(tmp_path), uploads_url="/uploads/store")
    data = encode(scene(), "PNG")

    _, document = send(fake, data, format="detailed", output="png")

    [entry] = document["images"]
    assert entry["picture"] is None
    [stored] = (tmp_path / "redacted").iterdir()
    assert f"/prod/uploads/store/redacted/{stored.name}?X-Amz-" in entry["picture_url"]
    pixels = opened(stored.read_bytes())
    assert stored.suffix == ".png"
    assert not pixels[PATCH[1] : PATCH[3], PATCH[0] : PATCH[2]].any()
