"""Send random bytes to the parsers of pictures, bodies, events, names and servers' answers.

    python -m benchmarks.fuzz pictures --seconds 300

Inputs are seeds that are cut, spliced and flipped at random. With `--atheris`, which needs
`pip install atheris`, code coverage guides the choice of inputs. Any exception other than a
`CarlensError` ends the run and prints the input.
"""

from __future__ import annotations

import argparse
import base64
import csv
import gzip
import io
import json
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

from PIL import Image

from carlens.compression import decompress
from carlens.config import Config
from carlens.errors import CarlensError
from carlens.http import catalog_routes
from carlens.http.catalog_bodies import Rows, read_rows
from carlens.http.events import Request, read_request
from carlens.http.image_routes import respond
from carlens.http.pictures import read_pictures
from carlens.images.decoder import read_pixels, read_shape
from carlens.images.process import configure_process
from carlens.images.types import Limits
from carlens.services.catalog_app import CatalogApp
from tests import heif_files, hostile
from tests.fakes import FakeApp
from tests.forms import BODIES, captured
from tests.generated_pictures import generate, generate_avif
from tests.other_parsers import ODDITIES, make_form
from tests.support import encode, golden
from tests.unit.inputs.net import PUBLIC, Net, answer, redirect

_LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_side=4096)
_SLOW_SECONDS = 2.0

Target = Callable[[bytes], str]


def _golden_events() -> list[str]:
    given = golden("get_health")
    posted = given | {"httpMethod": "POST", "path": "/shape", "body": "QUJD"}
    raw = posted | {"isBase64Encoded": True, "headers": {"Content-Type": "image/png"}}
    text = posted | {
        "body": '{"images": [{"data": "QUJD", "name": "c"}]}',
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": {"format": "detailed", "confidence": "0.5"},
    }
    asked = given | {
        "path": "/norm/europe",
        "pathParameters": {"table": "europe"},
        "queryStringParameters": {"make": "reneau", "model": "clioRT", "top_k": "3"},
    }
    listed = asked | {
        "httpMethod": "POST",
        "body": '[["vw", "golf"], ["", ""]]',
        "multiValueHeaders": {"Content-Type": ["application/json"]},
    }
    return [json.dumps(each) for each in (given, raw, text, asked, listed)]


_EVENTS = _golden_events()


def picture(data: bytes) -> str:
    """Read a picture; the shape of its pixels must match its header."""
    try:
        pixels = read_pixels(data, _LIMITS)
    except CarlensError as error:
        return error.code
    shape = read_shape(data, _LIMITS)
    assert pixels.shape == (shape.height, shape.width, 3), (pixels.shape, shape)
    return "read"


def body(data: bytes) -> str:
    """Read a body; the first line of the data is its Content-Type."""
    content_type, _, content = data.partition(b"\r\n\r\n")
    headers = {"content-type": content_type.decode("latin-1")}
    try:
        uploads = read_pictures(Request("POST", "/", headers=headers, body=content), max_pictures=8)
    except CarlensError as error:
        return error.code
    for upload in uploads:
        json.dumps(upload.name, ensure_ascii=False).encode()
    return "read"


def compressed(data: bytes) -> str:
    """Decompress the data, in each way."""
    found = []
    for encoding in ("gzip", "deflate", "gzip, deflate"):
        try:
            assert len(decompress(data, encoding, _LIMITS.max_bytes)) <= _LIMITS.max_bytes
            found.append("read")
        except ValueError as error:
            found.append(type(error).__name__)
    return "/".join(found)


def url(data: bytes) -> str:
    """Fetch a picture from servers that answer with the data."""
    net = Net()
    net.names = {"photos.example": [PUBLIC]}
    net.answers = [data] * 6
    try:
        assert 1 <= len(net.fetch("http://photos.example/", max_bytes=4096)) <= 4096
    except CarlensError as error:
        return error.code
    finally:
        net.close()
    return "read"


def names(data: bytes) -> str:
    """Match the names in a body; the first line of the data is its Content-Type."""
    content_type, _, content = data.partition(b"\r\n\r\n")
    headers = {"content-type": content_type.decode("latin-1")}
    encoded = base64.b64encode(content).decode()
    given = {"httpMethod": "POST", "path": "/norm/europe", "headers": headers}
    with redirect_stdout(io.StringIO()):
        answer = catalog_routes.respond(
            {**given, "body": encoded, "isBase64Encoded": True}, None, _CATALOG
        )
    json.dumps(answer, ensure_ascii=False).encode()
    if answer["statusCode"] != 200:
        assert answer["statusCode"] in (400, 413, 415), answer["body"]
        return str(json.loads(answer["body"])["error"]["code"])
    rows = read_rows(Request("POST", "/", headers=headers, body=content))
    assert _rows_of(answer["body"], rows) == len(rows.pairs), answer["body"]
    return "csv" if rows.file else "json"


def _rows_of(body: str, rows: Rows) -> int:
    if rows.file is None:
        return len(json.loads(body))
    text = io.StringIO(body, newline="")
    read = list(csv.reader(text, delimiter=rows.file.delimiter, strict=True))
    assert len(set(map(len, read))) == 1, "the rows have different lengths"
    assert not any(cell[:1] in "=+@\t\r\n" for row in read for cell in row if cell)
    return len(read) - bool(rows.file.header)


_FAKE = FakeApp(metrics="Carlens")
_CATALOG = CatalogApp(Config(metrics="Carlens"))
_JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, "", "\ud800", "\0", "a" * 9000, "/shape",
    "/predict", "image/png", "QUJD",
    "multipart/form-data; boundary=x", "--x", "application/json", [], {}, [None], {"a": None},
    [[]], {"": [1]}, "HEAD", "OPTIONS",
)  # fmt: skip


def event(data: bytes) -> str:
    """Handle an event with corrupted members; the data is the random seed."""
    chance = random.Random(data)
    given = _corrupt(json.loads(chance.choice(_EVENTS)), chance)
    with suppress(CarlensError):
        read_request(given)
    with redirect_stdout(io.StringIO()):
        answers = (respond(given, None, _FAKE.app), catalog_routes.respond(given, None, _CATALOG))
    for each in answers:
        assert each["statusCode"] != 500, (each["body"], given)
        assert each["headers"]["Access-Control-Allow-Origin"] == "*"
        json.dumps(each, ensure_ascii=False).encode()
    return "/".join(str(each["statusCode"]) for each in answers)


def _corrupt(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.02:
        return chance.choice(_JUNK)
    if isinstance(value, dict):
        return {key: _corrupt(member, chance) for key, member in value.items()}
    if isinstance(value, list):
        return [_corrupt(member, chance) for member in value]
    return value


def _pictures() -> list[bytes]:
    blocks, turned = hostile.BLOCKS, hostile.exif([(0x0112, "short", 1, 6)])
    formats: list[tuple[str, dict[str, Any]]] = [
        ("JPEG", {}), ("JPEG", {"progressive": True, "exif": turned}),
        ("PNG", {}), ("PNG", {"interlace": 1}), ("WEBP", {}), ("WEBP", {"lossless": True}),
        ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}), ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ]  # fmt: skip
    return [
        *(encode(blocks, kind, **options) for kind, options in formats),
        hostile.png(9, 9, hostile.PngType(16, 6)), hostile.png(9, 9, hostile.PngType(8, 3)),
        hostile.jpeg_with_scans(16, 16, 12), *_bitmaps()[::20], *_heifs()[::3],
    ]  # fmt: skip


def _jpegs() -> list[bytes]:
    kinds: list[dict[str, Any]] = [
        {}, {"progressive": True}, {"optimize": True},
        {"subsampling": "4:4:4"}, {"restart_marker_blocks": 1},
    ]  # fmt: skip
    image = Image.fromarray(hostile.BLOCKS)
    files = [
        encode(image.convert(mode), "JPEG", **o) for mode in ("RGB", "L", "CMYK") for o in kinds
    ]
    return files + [file[:-2] for file in files] + [files[0][:-2] + files[1]]


def _bitmaps() -> list[bytes]:
    return [each.data for each in generate(seed=3, count=400) if each.group.startswith("bmp")]


def _heifs() -> list[bytes]:
    heics = [
        heif_files.heic(),
        heif_files.heic(heif_files.box(b"irot", b"\1")),
        heif_files.heic(heif_files.box(b"imir", b"\1"), brand=b"mif1"),
        heif_files.heic(more=heif_files.tiles(4)),
        heif_files.grid(2, 2),
        heif_files.heic(coded=heif_files.hevc_sps(64, 64) + heif_files.CODED),
    ]
    return heics + [each.data for each in generate_avif(seed=3, count=12)]


def _bodies() -> list[bytes]:
    found = [captured(path.name) for path in BODIES.iterdir()]
    items = '{"images": [{"url": "http://a/b"}, {"data": "QUJD", "name": "c"}]}'
    for seed, change in enumerate(ODDITIES.values()):
        chance = random.Random(seed)
        form = make_form(chance)
        change(form, chance)
        content, kind = form.write()
        found.append((kind, content))
    return [kind.encode() + b"\r\n\r\n" + content for kind, content in found] + [
        b"application/json\r\n\r\n"
        + items.replace("http:", "data:image/png;base64,QU%4aD#").encode(),
        b"application/json\r\n\r\n" + items.encode(),
        b"image/png\r\n\r\nQUJD",
    ]


def _compressed() -> list[bytes]:
    plain = bytes(range(256)) * 9
    gzipped, deflated = gzip.compress(plain), zlib.compress(plain)
    return [gzipped, gzipped * 3, deflated, deflated[2:-4], zlib.compress(gzipped)]


def _answers() -> list[bytes]:
    packed = gzip.compress(b"picture" * 99)
    part = f"Content-Range: bytes 0-{len(packed) - 1}/{len(packed)}"
    return [
        answer(), answer(203), answer(206, part, body=packed), redirect("/b"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(),
        answer(200, "Content-Encoding: gzip", body=packed),
        answer(200, "Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\n\r\n", length=False),
    ]  # fmt: skip


def _names() -> list[bytes]:
    table = "marque;modele;année\r\nCITROËN;C3 Picasso 1.6 HDI;2010\r\nB.M.W.;320d;\r\n;;\r\n"
    titled = "Fleet 2024;;\r\n;;\r\nN°;carMake;D.3\r\r\n1;VW;09-Mar\r\r\n\x1a"
    quoted = '"Renault","Clio, 5p"\n\n"vw","up! ""beats"""\n=1+1,2O6\n'
    form = (
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        f"{quoted}\r\n--x--\r\n"
    )
    csvs = [table.encode(code) for code in ("utf-8", "utf-8-sig", "latin-1", "utf-16")]
    bodies = [(b"text/csv", body) for body in (*csvs, quoted.encode(), b"make\tmodel\nvw\tgolf")]
    bodies.append((b"application/vnd.ms-excel", titled.encode("cp1252")))
    lists = ('[{"make": "vw", "model": 9.3}, 5]', '[{"marque": "a", "modele": "b"}]', '[["a", ""]]')
    bodies += [(b"application/json", text.encode()) for text in lists]
    bodies.append((b"multipart/form-data; boundary=x", form.encode()))
    return [kind + b"\r\n\r\n" + body for kind, body in bodies]


def _numbers() -> list[bytes]:
    return [index.to_bytes(4, "big") for index in range(64)]


TARGETS: dict[str, tuple[Target, Callable[[], list[bytes]]]] = {
    "pictures": (picture, _pictures),
    "jpeg": (picture, _jpegs),
    "bmp": (picture, _bitmaps),
    "heif": (picture, _heifs),
    "bodies": (body, _bodies),
    "compressed": (compressed, _compressed),
    "urls": (url, _answers),
    "events": (event, _numbers),
    "names": (names, _names),
}


def mutate(seeds: list[bytes], chance: random.Random) -> bytes:
    """Choose a seed and change it at random: flip, delete, splice or repeat bytes."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        how = chance.randrange(6)
        if how == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1 and at < len(data):
            data[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif how == 2:
            del data[at : at + chance.randint(1, 64)]
        elif how == 3:
            part = chance.choice(seeds)
            start = chance.randrange(len(part))
            data[at:at] = part[start : start + chance.randint(1, 256)]
        elif how == 4:
            data[at:at] = data[at : at + chance.randint(1, 64)] * chance.randint(1, 20)
        else:
            data[at : at + 4] = chance.choice(
                (b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\r\n--")
            )
    return bytes(data)


def run(name: str, seconds: float, seed: int) -> None:
    """Fuzz one target and print a summary."""
    target, make_seeds = TARGETS[name]
    seeds, chance = make_seeds(), random.Random(seed)
    outcomes: Counter[str] = Counter(map(target, seeds))
    slowest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        data = mutate(seeds, chance)
        start = time.process_time()  # what other programs do does not count
        try:
            outcomes[target(data)] += 1
        except BaseException:
            print(f"{name} failed on {data.hex()}", file=sys.stderr)
            raise
        slowest = max(slowest, time.process_time() - start)
        if slowest > _SLOW_SECONDS:
            sys.exit(f"{name} took {slowest:.1f} s on {data.hex()}")
    print(f"{name}: {outcomes.total():,} inputs, slowest {slowest * 1000:.0f} ms")
    print("  " + ", ".join(f"{outcome} {count:,}" for outcome, count in outcomes.most_common()))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=60, help="duration (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--atheris", action="store_true", help="choose inputs by code coverage")
    options = parser.parse_args()
    configure_process()
    if options.atheris:
        _by_coverage(options.target, options.seconds, options.seed)
    for name in TARGETS if options.target == "all" else [options.target]:
        run(name, options.seconds, options.seed)


def _by_coverage(name: str, seconds: float, seed: int) -> None:
    import tempfile

    import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]

    target, make_seeds = TARGETS[name]
    atheris.instrument_all()
    corpus = Path(tempfile.mkdtemp(prefix="carlens-fuzz-"))
    for index, data in enumerate(make_seeds()):
        (corpus / str(index)).write_bytes(data)
    limits = [f"-max_total_time={seconds:.0f}", f"-seed={seed}", "-timeout=10", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
