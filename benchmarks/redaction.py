"""Compare the CPU time of /anonymize with that of /predict, and compute its cost.

    python -m benchmarks.redaction [--write]

A picture of one megapixel with three vehicles goes to both routes by turns, in one process and one
thread, so that other programs disturb all alike. `--write` keeps the result in
docs/benchmarks.json, from which `make costs` writes the table in docs/costs.md.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.speed.pictures import NAMES, PHOTOS
from operations import prices

_RESULTS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.json"

ROUNDS = 15
TARGETS = ("plates", "faces", "plates,faces", "plates,faces,people")
_SIZE = (1216, 832)
# Pixels: the width of each car, and the gap before it.
_WIDTH, _GAP = 380, 20
_NOISE, _QUALITY = 3.0, 88


@dataclass(frozen=True)
class Row:
    """What a choice of `redact` takes.

    Attributes
    ----------
    redact : str
    to_predict : float
        The median of its CPU time divided by that of `/predict`.
    answer_bytes : int
        Of the answer with the redacted picture.
    """

    redact: str
    to_predict: float
    answer_bytes: int


@functools.cache
def street() -> bytes:
    """Return a JPEG file of one megapixel that shows a car three times, with camera noise."""
    picture = Image.new("RGB", _SIZE, (128, 132, 136))
    for place in range(3):
        with Image.open(PHOTOS / NAMES[1]) as photo:
            car = photo.convert("RGB").resize((_WIDTH, round(_WIDTH * photo.height / photo.width)))
        picture.paste(car, (_GAP + place * (_WIDTH + _GAP), 300))
    noise = np.random.default_rng(0).normal(0, _NOISE, (_SIZE[1], _SIZE[0], 3))
    noisy = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def measure(rounds: int = ROUNDS) -> list[Row]:
    """Send the picture to both routes by turns, and compare the times of each round."""
    os.environ.setdefault("CARLENS_THREADS", "1")
    os.environ["CARLENS_ANONYMIZE"] = "yes"
    import handler
    from tests.support import event

    def request(path: str, **query: str) -> Callable[[], dict[str, Any]]:
        given = event("POST", path, body=street(), content_type="image/jpeg", query=query)
        return lambda: handler.lambda_handler(given, None)

    ways = {
        "predict": request("/predict"),
        **{each: request("/anonymize", redact=each, format="detailed") for each in TARGETS},
    }
    answers = {name: way() for name, way in ways.items()}
    assert len(json.loads(answers["predict"]["body"])[0]) == 3, "the picture shows three vehicles"
    for target in TARGETS:
        [image] = json.loads(answers[target]["body"])["images"]
        assert image["picture"], image["error"]
    times = [{name: _cpu_ms(way) for name, way in ways.items()} for _ in range(rounds)]
    medians = {name: f"{statistics.median(one[name] for one in times):.0f}" for name in ways}
    print(f"CPU ms: {json.dumps(medians)}")
    return [
        Row(
            target,
            _ratio(one[target] / one["predict"] for one in times),
            len(answers[target]["body"]),
        )
        for target in TARGETS
    ]


def _cpu_ms(way: Callable[[], object]) -> float:
    start = time.process_time()
    way()
    return (time.process_time() - start) * 1000


def _ratio(ratios: Iterable[float]) -> float:
    return round(statistics.median(ratios), 2)


def table(rows: Iterable[Row], memory: int, predict_ms: float) -> str:
    """Return the cost of 1,000 photos in Markdown, one in each request.

    Parameters
    ----------
    rows : iterable of Row
    memory : int
        Memory of the function in MB.
    predict_ms : float
        Milliseconds that `/predict` takes for a photo with that memory.
    """
    lines = [
        "| `redact` | time, of `/predict` | ms | Lambda | API Gateway | answers | 1,000 photos |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        ms = predict_ms * row.to_predict
        # 1,000 photos take as many seconds as one takes milliseconds.
        compute = ms * memory / 1024 * prices.GB_SECOND.each + 1000 * prices.INVOCATION.each
        gateway = 1000 * prices.API_REQUEST.each
        answers = 1000 * row.answer_bytes / 1e9 * prices.GB_OUT.each
        dollars = (compute, gateway, answers, compute + gateway + answers)
        cells = (f"`{row.redact}`", f"{row.to_predict:.2f}", f"{ms:.0f}")
        lines.append(f"| {' | '.join((*cells, *(f'${each:.4f}' for each in dollars)))} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.redaction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", action="store_true", help="keep the result")
    given = parser.parse_args()
    rows = measure(given.rounds)
    for row in rows:
        print(row)
    if given.write:
        kept = json.loads(_RESULTS.read_text("utf-8")) | {"redaction": list(map(asdict, rows))}
        _RESULTS.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
