"""How right the second API is, on makes and models as people write them.

    python -m benchmarks.catalog
    python -m benchmarks.catalog --wrong     what went wrong in the half that is tuned on

Every row of catalog_rows.csv says its half: the method is tuned on one, and the figures of the
other are those to report. A wrong row that someone has looked at belongs to the tuned half.
Beside it stand the original's method and plain rapidfuzz.
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
from carlens.catalog.tables import Entry, FolderTables, parse_table
from carlens.catalog.vocabulary import read_vocabulary

ROWS = Path(__file__).with_name("catalog_rows.csv")

Name = tuple[str, str]
Method = Callable[[str, str], Name]


@dataclass(frozen=True)
class Row:
    """What someone wrote, and the make and model meant; empty for none of the table."""

    written: Name
    expected: Name
    tuned_on: bool


@dataclass(frozen=True)
class Figures:
    """Percent. Recall is of the names expected, precision of the names given."""

    rows: int
    make_recall: float
    make_precision: float
    model_recall: float
    model_precision: float
    junk_matched: float

    @classmethod
    def of(cls, pairs: list[tuple[Name, Name]]) -> Figures:
        """Compare (expected, given) pairs; a model is right only with its make."""
        junk = [given for expected, given in pairs if expected == ("", "")]
        makes = [(e[0], g[0]) for e, g in pairs]
        models = [(" ".join(e) if e[1] else "", " ".join(g) if g[1] else "") for e, g in pairs]
        return cls(
            len(pairs),
            *_recall_precision(makes),
            *_recall_precision(models),
            _percent(sum(given != ("", "") for given in junk), len(junk)),
        )


def read_rows() -> list[Row]:
    """Read the labelled rows."""
    with ROWS.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                (r["make"], r["model"]),
                (r["expected_make"], r["expected_model"]),
                r["half"] == "tuned",
            )
            for r in csv.DictReader(file)
        ]


def carlens_method(entries: list[Entry]) -> Method:
    """Give Carlens' own method."""
    matcher = Matcher(entries, read_vocabulary())

    def method(make: str, model: str) -> Name:
        found = matcher.match(make, model)
        return found.make, found.model

    return method


def original_method(entries: list[Entry]) -> Method:
    """Give the original's: fuzzy make, then fuzzy model, tolerances that never refuse."""
    models: dict[str, list[str]] = {}
    for entry in entries:
        models.setdefault(entry.make, []).append(entry.model)

    def method(make: str, model: str) -> Name:
        made = _best(make.upper(), list(models), 0.85)
        return made, _best(model.upper(), models[made], 0.7) if made else ""

    return method


def wratio_method(entries: list[Entry]) -> Method:
    """Give plain `WRatio` over "make model", refused under 70."""
    names = [f"{entry.make} {entry.model}".upper() for entry in entries]

    def method(make: str, model: str) -> Name:
        found = process.extractOne(
            f"{make} {model}".upper(), names, scorer=fuzz.WRatio, score_cutoff=70
        )
        return (entries[found[2]].make, entries[found[2]].model) if found else ("", "")

    return method


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wrong", action="store_true", help="list wrong rows of the tuned half")
    arguments = parser.parse_args()
    entries = parse_table("europe", FolderTables().read("europe") or b"")
    rows = read_rows()
    methods = {
        "Carlens": carlens_method(entries),
        "original": original_method(entries),
        "WRatio": wratio_method(entries),
    }
    print("| method | half | rows | make R | make P | model R | model P | junk matched | ms/row |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, method in methods.items():
        for half, tuned in (("tuned", True), ("unseen", False)):
            chosen = [row for row in rows if row.tuned_on == tuned]
            if not chosen:  # the next unseen rows are still to be written
                continue
            start = time.perf_counter()
            pairs = [(row.expected, method(*row.written)) for row in chosen]
            spent = 1000 * (time.perf_counter() - start) / len(chosen)
            f = Figures.of(pairs)
            print(
                f"| {name} | {half} | {f.rows} | {f.make_recall:.1f} | {f.make_precision:.1f} "
                f"| {f.model_recall:.1f} | {f.model_precision:.1f} | {f.junk_matched:.1f} "
                f"| {spent:.2f} |"
            )
    if arguments.wrong:
        for row in rows:
            given = methods["Carlens"](*row.written)
            if row.tuned_on and given != row.expected:
                print(f"{row.written} -> {given}, not {row.expected}")


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
