"""Compares a folder of photos through `carlens predict --local` with what one would write instead.

python -m benchmarks.speed.folder loop FOLDER      a plain loop over the photos
python -m benchmarks.speed.folder pool FOLDER      a pool of one process for each CPU
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.speed.baseline import Baseline, load_served
from benchmarks.speed.duel import Ratio, rest
from benchmarks.speed.pictures import NAMES, jpeg

_ROOT = Path(__file__).resolve().parents[2]
_PATH = [str(_ROOT / path) for path in ("lambda_src", "clients/python", "")]
_SELF = "benchmarks.speed.folder"
# One pass, as the others do.
WAYS: Mapping[str, Sequence[str]] = {
    "Carlens": ("-m", "carlens.cli", "predict", "--local", "--quiet", "--slices", "1"),
    "loop": ("-m", _SELF, "loop"),
    "pool": ("-m", _SELF, "pool"),
}


def compare(photos: int, rounds: int, images: Path | None) -> list[dict[str, Any]]:
    """Process a folder in each way, in turns, in new processes.

    Parameters
    ----------
    photos : int
        In the folder; some repeat.
    images : Path or None
        A folder of JPEG files; None for the photos of the other benchmarks.
    """
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    with _folder(photos, images) as folder:
        for _ in range(rounds):
            for name, command in WAYS.items():
                start = time.perf_counter()
                _run([*command, str(folder)])
                times[name].append((time.perf_counter() - start) * 1000 / photos)
                rest()
    return [
        {
            "way": name,
            "photos": photos,
            "ms": round(sorted(found)[len(found) // 2], 1),
            "to Carlens": Ratio.of(times, name, "Carlens"),
        }
        for name, found in times.items()
    ]


def _run(command: Sequence[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(_PATH)}
    subprocess.run(
        [sys.executable, *command], env=environment, cwd=_ROOT, check=True, capture_output=True
    )


@contextmanager
def _folder(photos: int, images: Path | None) -> Iterator[Path]:
    """Provide a folder of photos, deleted afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if images:
            sources = itertools.cycle(sorted(images.glob("*.jpg")))
            for number, source in zip(range(photos), sources, strict=False):
                shutil.copy(source, folder / f"{number}.jpg")
        else:
            for number in range(photos):
                (folder / f"{number}.jpg").write_bytes(jpeg(NAMES[number % len(NAMES)], 1))
        yield folder


_model: Baseline | None = None


def _predict(path: Path) -> str:
    global _model
    if _model is None:
        _model = load_served()
    return json.dumps(_model.predict(path.read_bytes()))


def main() -> None:
    how, folder = sys.argv[1:]
    paths = sorted(Path(folder).iterdir())
    if how == "loop":
        lines = [_predict(path) for path in paths]
    else:
        with multiprocessing.Pool(len(os.sched_getaffinity(0))) as pool:
            lines = list(pool.imap(_predict, paths))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
