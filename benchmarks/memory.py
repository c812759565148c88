"""Measure the peak memory of single requests, each in a new process.

    python -m benchmarks.memory

The pictures have the largest allowed number of pixels and compress well, so that each fits into a
request or into the limit for URLs; those of /anonymize are like photos of cameras. Needs Linux; the
uploads are in SeaweedFS, which `python -m tests.integration.tools` installs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.pictures import Case
from carlens.config import UPLOADS_SECRET
from carlens.inputs.upload_keys import new_key
from tests import heif_files, hostile
from tests.support import event, real_app, serving_folder

# 50 megapixels, the default limit.
_WIDTH, _HEIGHT = 8000, 6250
_ROW_OF_RUNS = b"\xfa\x40" * 32 + b"\0\0"
_QUERY = {"confidence": "0", "max_objects": "300", "top_k": "20", "slices": "3"}


def _saved(mode: str, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (_WIDTH, _HEIGHT)).save(buffer, kind, **options)
    return buffer.getvalue()


def _rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _png(kind: hostile.PngType) -> bytes:
    return hostile.png(_WIDTH, _HEIGHT, kind)


CASES: dict[str, Callable[[], bytes]] = {
    "only the models": lambda: hostile.JPEG,
    "JPEG": lambda: _saved("RGB", "JPEG", subsampling=0),
    "JPEG, progressive, rotated": lambda: _saved(
        "RGB", "JPEG", subsampling=0, progressive=True, exif=_rotated()
    ),
    "JPEG, CMYK, progressive, rotated": lambda: _saved(
        "CMYK", "JPEG", subsampling=0, progressive=True, exif=_rotated()
    ),
    "PNG, 16 bits, transparent, interlaced": lambda: _png(hostile.PngType(16, 6, interlaced=True)),
    "PNG, rotated": lambda: hostile.png(
        _WIDTH, _HEIGHT,
        before=hostile.png_chunk(b"eXIf", hostile.tiff([(0x0112, "short", 1, 6)])),
    ),
    "PNG, 16 bits, gray": lambda: _png(hostile.PngType(16, 0)),
    "WebP, lossless": lambda: _saved("RGB", "WEBP", lossless=True, method=0),
    "WebP, transparent, rotated": lambda: _saved(
        "RGBA", "WEBP", quality=10, method=0, exif=_rotated()
    ),
    "GIF": lambda: _saved("P", "GIF"),
    "TIFF, LZW, transparent": lambda: _saved("RGBA", "TIFF", compression="tiff_lzw"),
    "TIFF, CMYK, rotated": lambda: _saved(
        "CMYK", "TIFF", compression="tiff_adobe_deflate", exif=_rotated()
    ),
    "JPEG, last bytes lost": lambda: _saved("RGB", "JPEG", subsampling=0)[:-6],
    "BMP, run-length encoded": lambda: hostile.bmp_of_runs(_WIDTH, _HEIGHT, _ROW_OF_RUNS * _HEIGHT),
    "HEIC, tiles": lambda: heif_files.grid(4, 3, heif_files.LARGE),
    "AVIF": lambda: _saved("RGB", "AVIF", speed=10),
    "AVIF, transparent, rotated": lambda: _saved("RGBA", "AVIF", speed=10, exif=_rotated()),
    "TIFF, JPEG": lambda: _saved("RGB", "TIFF", compression="jpeg"),
}  # fmt: skip
URLS = "32 pictures of 20 MB behind URLs"
UPLOADS = "32 uploads of 20 MB"
# By name, pictures in a request to /anonymize, whose answer has the redacted pictures.
REDACTED = {
    "/anonymize, 1 MP": Case(1, 1),
    "/anonymize, 12 MP": Case(1, 12),
    "/anonymize, 32 pictures of 1 MP": Case(32, 1),
}
ALL = (*CASES, URLS, UPLOADS, *REDACTED)


def measure(name: str) -> tuple[int, float, str]:
    """Return the peak memory of a case in MB, its time in seconds, and its outcome."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture")
        if name in REDACTED:
            path.write_text(json.dumps(_redaction(REDACTED[name])))
            return _run_in_process(path, "--redact")
        if name in CASES:
            path.write_bytes(CASES[name]())
            return _run_in_process(path)
        noise = np.random.default_rng(0).integers(0, 255, (2600, 2600, 3), np.uint8)
        path.write_bytes(hostile.png(2600, 2600, rows=_unfiltered(noise)))
        if name == UPLOADS:
            with _uploaded(path) as (key, env):
                return _run_in_process(path, "--key", key, env=env)
        with serving_folder(path.parent) as host:
            return _run_in_process(path, "--url", f"http://{host}/picture")


@contextmanager
def _uploaded(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Upload a picture; give its key and the variables with which it is read."""
    from tests.integration import s3_server
    from tests.integration.tools import find_tools

    with s3_server.running_s3_server(find_tools().weed) as server:
        key = new_key()
        server.client().create_bucket(Bucket=s3_server.UPLOADS)
        server.client().upload_file(str(path), s3_server.UPLOADS, key)
        endpoint = f"http://127.0.0.1:{server.port}"
        yield (
            key,
            {
                **s3_server.credentials("uploader"),
                "AWS_ENDPOINT_URL_S3": endpoint,
                "CARLENS_UPLOADS": f"s3://{s3_server.UPLOADS}",
            },
        )


def _unfiltered(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    rows = pixels.reshape(len(pixels), -1)
    return np.hstack([np.zeros((len(rows), 1), np.uint8), rows]).tobytes()


def _run_in_process(
    path: Path, *options: str, env: Mapping[str, str] | None = None
) -> tuple[int, float, str]:
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--one", str(path), *options],
        capture_output=True, check=True, text=True, env={**os.environ, **(env or {})},
    )  # fmt: skip
    peak, seconds, what = json.loads(found.stdout.splitlines()[-1])
    return peak, seconds, what


def _redaction(case: Case) -> dict[str, Any]:
    """Return the event of a request to /anonymize."""
    body, kind = case.form()
    query = {"format": "detailed"}
    return event("POST", "/anonymize", body=body, content_type=kind, query=query)


def _run_request(path: Path, url: str, key: str, *, redact: bool) -> None:
    from types import SimpleNamespace

    from carlens.http.image_routes import respond

    query = {**_QUERY, "format": "detailed"}
    if redact:
        # Redacted pictures that do not fit into the answer are stored here.
        os.environ[UPLOADS_SECRET] = "secret"
        app = real_app(anonymize=True, uploads=str(path.parent), uploads_url="/files")
        path.with_name("redacted").mkdir()
        given = json.loads(path.read_text())
    elif url or key:
        query.update(max_objects="5", top_k="5")
        hosts = frozenset({url.split("/")[2]} if url else ())
        app = real_app(allowed_hosts=hosts, uploads=os.environ.get("CARLENS_UPLOADS", ""))
        body = json.dumps({"images": [{"url": url} if url else {"key": key}] * 32})
        given = event("POST", "/predict", body=body, content_type="application/json", query=query)
    else:
        app = real_app()
        kind = "application/octet-stream"
        given = event("POST", "/predict", body=path.read_bytes(), content_type=kind, query=query)
    app.warm_up()
    # Far in the future, so that all pictures are processed.
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 600_000, aws_request_id="id")
    start = time.perf_counter()
    answer = json.loads(respond(given, context, app)["body"])
    seconds = time.perf_counter() - start
    processed = sum(image["error"] is None for image in answer["images"])
    first = answer["images"][0]["error"]
    what = f"{processed} of {len(answer['images'])} processed" + (
        f", {first['code']}" if first else ""
    )
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
    print(json.dumps((peak, round(seconds, 2), what)))


def table(names: Sequence[str] = ALL) -> list[dict[str, object]]:
    """Measure the named cases and print a row for each."""
    print("| case | peak MB | seconds | outcome |\n|---|---|---|---|")
    rows: list[dict[str, object]] = []
    for name in names:
        peak, seconds, what = measure(name)
        rows.append({"case": name, "peak MB": peak, "seconds": seconds, "what": what})
        print(f"| {name} | {peak:,} | {seconds:.1f} | {what} |", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measure only these cases")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    parser.add_argument("--key", default="", help=argparse.SUPPRESS)
    parser.add_argument("--redact", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _run_request(options.one, options.url, options.key, redact=options.redact)
        return
    table(options.only or ALL)


if __name__ == "__main__":
    main()
