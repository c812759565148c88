"""Accuracy of catalog matching on makes and models as people write them.

    python -m benchmarks.catalog
    python -m benchmarks.catalog --wrong     list the wrong rows of the tuned half

Each row of catalog_rows.csv belongs to one half: the matcher is tuned on `tuned`, and the figures
to report are those of `unseen`. A wrong row that someone has looked at moves to the tuned half.
The original project's method and plain rapidfuzz are measured for comparison.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import fuzz, process

from carlens.catalog.matcher import Matcher
from carlens.catalog.tables import Entry, parse_table, shipped_tables
from carlens.catalog.vocabulary import read_vocabulary

ROWS = Path(__file__).with_name("catalog_rows.csv")

Name = tuple[str, str]
Method = Callable[[str, str], Name]


@dataclass(frozen=True)
class Row:
    """A written make and model, and the expected entry; empty if the table has none."""

    written: Name
    expected: Name
    tuned_on: bool


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Recall of the expected names and precision of the returned names, in percent."""

    rows: int
    make_recall: float
    make_precision: float
    model_recall: float
    model_precision: float
    junk_matched: float

    @classmethod
    def of(cls, pairs: list[tuple[Name, Name]]) -> Figures:
        """Compare (expected, returned) pairs; a model is right only with its make."""
        junk = [given for expected, given in pairs if expected == ("", "")]
        make_recall, make_precision = _recall_precision([(e[0], g[0]) for e, g in pairs])
        model_recall, model_precision = _recall_precision(
            [(_full_name(e), _full_name(g)) for e, g in pairs]
        )
        return cls(
            rows=len(pairs),
            make_recall=make_recall,
            make_precision=make_precision,
            model_recall=model_recall,
            model_precision=model_precision,
            junk_matched=_percent(sum(given != ("", "") for given in junk), len(junk)),
        )


def read_rows() -> list[Row]:
    """Read the labeled rows."""
    with ROWS.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                written=(r["make"], r["model"]),
                expected=(r["expected_make"], r["expected_model"]),
                tuned_on=r["half"] == "tuned",
            )
            for r in csv.DictReader(file)
        ]


def carlens_method(entries: list[Entry]) -> Method:
    """Return the method of Carlens."""
    matcher = Matcher(entries, read_vocabulary())

    def method(make: str, model: str) -> Name:
        found = matcher.match(make, model)
        return found.make, found.model

    return method


def original_method(entries: list[Entry]) -> Method:
    """Return the original method: fuzzy make, then fuzzy model, with tolerances that never fail."""
    models: dict[str, list[str]] = {}
    for entry in entries:
        models.setdefault(entry.make, []).append(entry.model)

    def method(make: str, model: str) -> Name:
        made = _best(make.upper(), list(models), 0.85)
        return made, _best(model.upper(), models[made], 0.7) if made else ""

    return method


def wratio_method(entries: list[Entry]) -> Method:
    """Return plain `WRatio` over "make model", with a cutoff of 70."""
    names = [f"{entry.make} {entry.model}".upper() for entry in entries]

    def method(make: str, model: str) -> Name:
        found = process.extractOne(
            f"{make} {model}".upper(), names, scorer=fuzz.WRatio, score_cutoff=70
        )
        return (entries[found[2]].make, entries[found[2]].model) if found else ("", "")

    return method


def main() -> None:
    """Print a table of all methods."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wrong", action="store_true", help="list wrong rows of the tuned half")
    arguments = parser.parse_args()
    entries = parse_table("europe", shipped_tables().read("europe") or b"")
    rows = read_rows()
    methods = {
        "Carlens": carlens_method(entries),
        "original": original_method(entries),
        "WRatio": wratio_method(entries),
    }
    _print_accuracy(methods, rows)
    if arguments.wrong:
        _print_wrong(methods["Carlens"], [row for row in rows if row.tuned_on])


def _print_accuracy(methods: dict[str, Method], rows: list[Row]) -> None:
    print("| method | half | rows | make R | make P | model R | model P | junk matched | ms/row |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, method in methods.items():
        for half in ("tuned", "unseen"):
            chosen = [row for row in rows if row.tuned_on == (half == "tuned")]
            if chosen:  # all rows may be assigned to the tuned half
                print(f"| {name} | {half} | {_measure(method, chosen)} |")


def _measure(method: Method, rows: list[Row]) -> str:
    start = time.perf_counter()
    pairs = [(row.expected, method(*row.written)) for row in rows]
    ms_per_row = 1000 * (time.perf_counter() - start) / len(rows)
    f = Figures.of(pairs)
    return (
        f"{f.rows} | {f.make_recall:.1f} | {f.make_precision:.1f} | {f.model_recall:.1f} "
        f"| {f.model_precision:.1f} | {f.junk_matched:.1f} | {ms_per_row:.2f}"
    )


def _print_wrong(method: Method, rows: list[Row]) -> None:
    for row in rows:
        found = method(*row.written)
        if found != row.expected:
            print(f"{row.written} -> {found}, expected {row.expected}")


def _full_name(name: Name) -> str:
    """Return make and model, or nothing without a model."""
    return " ".join(name) if name[1] else ""


def _recall_precision(pairs: list[Name]) -> tuple[float, float]:
    right = sum(expected == given != "" for expected, given in pairs)
    expected = sum(e != "" for e, _ in pairs)
    given = sum(g != "" for _, g in pairs)
    return _percent(right, expected), _percent(right, given)


def _percent(count: int, of: int) -> float:
    return 100 * count / of if of else 0.0


def _best(written: str, names: list[str], tolerance: float) -> str:
    found = process.extractOne(written, names, scorer=fuzz.ratio, processor=str.upper)
    return found[0] if found and found[1] >= tolerance else ""


if __name__ == "__main__":
    main()
