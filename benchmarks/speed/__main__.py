"""Measure the speed of Carlens: `python -m benchmarks.speed`.

Prints each result and writes docs/benchmarks.json, the plots docs/benchmarks.svg and
docs/benchmarks-quality.svg, and the tables in README.md.
Run it on an otherwise idle machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import cost, memory
from benchmarks.speed import cold, fair, folder, report, rivals
from benchmarks.speed.duel import Ratio, Times, take_turns
from benchmarks.speed.pictures import Case
from carlens.ranges import Slices
from tests.integration.tools import UnavailableError

CASES = (Case(1, 1), Case(4, 1.5), Case(8, 1), Case(1, 12))
# The photos show one large car each, for which "auto" takes one pass.
STREET = Case(1, 1, grid=3)
PICTURES = (1, 2, 4, 8, 16, 32)
# One pass; where tiles pay, the default; five passes.
SLICES: tuple[Slices, ...] = (1, "auto", 2)
MEGAPIXELS = (0.1, 0.3, 1, 3, 12, 25, 50)
_CLIENTS = 4
_MODULES = 20
# Estimates for two idle CPUs, from the number of requests: by default, and with --short.
_MINUTES = {
    "floor": (4, 1.5), "rivals": (3, 1.5), "cold": (2, 0.5), "profile": (0.2, 0.2),
    "scaling": (1.8, 0.8), "cost": (1, 0.3), "memory": (1, 0), "fair": (6, 3), "folder": (5, 0.5),
}  # fmt: skip


def against_floor(rounds: int) -> list[dict[str, Any]]:
    """Compare the handler with a lower bound and the original on one and two CPUs."""
    # Imported late: so that contestants do not import its libraries before they have their CPUs.
    from benchmarks.speed.contestants import passes

    rows = []
    for cpus in range(1, min(2, os.cpu_count() or 1) + 1):
        for slices in SLICES:
            for case in (*CASES, STREET):
                # The original processes a picture in one pass, and finds other small cars.
                original = slices == 1 and case != STREET
                names = ("floor", "Carlens", *(["original"] if original else []))
                times = take_turns(names, case, slices=slices, cpus=cpus, rounds=rounds)
                row: dict[str, Any] = {"cpus": cpus, "slices": slices, "case": str(case)}
                row["passes"] = passes(case, slices)
                row |= {"ms": _medians(times), "to floor": Ratio.of(times, "Carlens", "floor")}
                if "original" in times:
                    row["original"] = Ratio.of(times, "original", "Carlens")
                rows.append(row)
                report.print_row(row)
    return rows


def against_rivals(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Compare the local server with servers that a user could write instead."""
    rows = []
    names = tuple(rivals.SERVERS)
    for case in CASES:
        with rivals.running(rivals.SERVERS, case) as servers:
            measured = {
                "one at a time": rivals.one_by_one(servers, rounds),
                f"{_CLIENTS} clients": rivals.under_load(servers, _CLIENTS, seconds, 3),
            }
        for how, times in measured.items():
            ratios = {name: Ratio.of(times, name, "Carlens") for name in names[1:]}
            row = {"case": str(case), "how": how, "ms": _medians(times), **ratios}
            rows.append(row)
            report.print_row(row)
    return rows


def cold_starts(rounds: int) -> list[dict[str, Any]]:
    """Compare the init with that of a minimal function, with a warm and an empty page cache."""
    rows = []
    for dropped in (False, True) if cold.can_drop_page_cache() else (False,):
        times = cold.cold_starts(rounds, threads=1, dropped=dropped)
        row = {
            "page cache": "empty" if dropped else "warm",
            "ms": _medians(times),
            "to floor": Ratio.of(times, "Carlens", "floor"),
            "first to warm": Ratio.of(times, "first", "warm"),
        }
        rows.append(row)
        report.print_row(row)
    return rows


def init_profile() -> list[dict[str, Any]]:
    """Return the modules that take most of the init."""
    rows = [{"module": name, "ms": ms} for name, ms in cold.profile(threads=1, most=_MODULES)]
    for row in rows:
        report.print_row(row)
    return rows


def scaling(rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Measure the handler by number and size of the pictures, on all CPUs."""
    cpus = os.cpu_count() or 1

    def median(case: Case, slices: Slices) -> float:
        times = take_turns(("Carlens",), case, slices=slices, cpus=cpus, rounds=rounds)
        return round(statistics.median(times["Carlens"]), 1)

    found: dict[str, list[tuple[float, float]]] = {}
    for slices, name in zip(SLICES, ("one pass", "auto", "five passes"), strict=True):
        found[f"pictures of 0.3 MP, {name}"] = [
            (count, median(Case(count, 0.3), slices)) for count in PICTURES
        ]
        found[f"megapixels, {name}"] = [
            (size, median(Case(1, size), slices)) for size in MEGAPIXELS
        ]
    report.print_row(found)
    return found


def _medians(times: Times) -> dict[str, float]:
    return {name: round(statistics.median(found), 1) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, help="rounds of each comparison (default: 9)")
    parser.add_argument(
        "--short", action="store_true", help="few rounds and no measurement of memory: 9 minutes"
    )
    parser.add_argument("--only", choices=tuple(_MINUTES), help="measure one part, keep the others")
    quality = parser.add_argument_group("the comparison of quality and speed")
    quality.add_argument("--annotations", type=Path, help="a COCO instances file")
    quality.add_argument("--images", type=Path, help="the folder of its pictures")
    quality.add_argument("--classes", type=Path, help="a folder with photos for each name")
    quality.add_argument(
        "--models", action="append", default=[], metavar="NAME=FOLDER",
        help="models that the rivals run, such as float=FOLDER and 8-bit=models; repeatable",
    )  # fmt: skip
    quality.add_argument(
        "--detectors", type=Path, nargs="*", default=[], help="files of NanoDet-Plus and YOLOX"
    )
    options = parser.parse_args()
    short = options.short
    rounds = options.rounds or (3 if short else 9)
    compared = fair.Options(
        dict(_model_folder(each) for each in options.models) or fair.Options().models,
        [file for file in options.detectors if _exists(file)],
        options.annotations,
        options.images,
        options.classes,
    )
    parts: Mapping[str, Any] = {
        "floor": lambda: against_floor(rounds),
        "rivals": lambda: against_rivals(rounds, 1.0 if short else 3.0),
        "cold": lambda: _as_on_lambda(lambda: cold_starts(rounds)),
        "profile": lambda: _as_on_lambda(init_profile),
        "scaling": lambda: scaling(max(2, rounds // 3)),
        "cost": lambda: cost.table(runs=3 if short else cost.RUNS),
        "memory": memory.table,
        "fair": lambda: fair.compare(compared, min(rounds, 5), 1.0 if short else 2.0),
        "folder": lambda: folder.compare(100 if short else 1000, 2, options.images),
    }
    every = [name for name in parts if not (short and name == "memory")]
    wanted: Sequence[str] = [options.only] if options.only else every
    minutes = sum(_MINUTES[name][short] for name in wanted)
    print(f"This takes about {minutes:g} minutes on two idle CPUs.", file=sys.stderr)
    results = report.read()
    machine = {"cpu": _cpu(), "cpus": os.cpu_count(), "python": platform.python_version()}
    for number, name in enumerate(wanted, 1):
        print(f"[{number}/{len(wanted)}] {name}", file=sys.stderr, flush=True)
        results[name] = parts[name]()
        results.setdefault("machines", {})[name] = machine
        report.write(results)


def _as_on_lambda(measure: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]] | str:
    try:
        return measure()
    except UnavailableError as error:
        return f"not measured: {error}"


def _model_folder(given: str) -> tuple[str, Path]:
    name, _, models = given.partition("=")
    if not models or not Path(models).is_dir():
        raise SystemExit(f"--models: {given!r} is not NAME=FOLDER")
    return name, Path(models)


def _exists(file: Path) -> bool:
    if not file.is_file():
        print(f"Skipped: there is no {file}.", file=sys.stderr)
    return file.is_file()


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    main()
