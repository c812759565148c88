"""Accuracy of catalog matching on makes and models as people write them.

    python -m benchmarks.catalog
    python -m benchmarks.catalog --wrong     list the wrong rows of the tuned halves
    python -m benchmarks.catalog --kinds     list the accuracy on each kind of hard rows
    python -m benchmarks.catalog --alone     list the matches of a make or a model alone by score

`catalog_rows.csv` has ordinary rows and `catalog_hard_rows.csv` hard ones: near misses, sentences,
registration certificates, other vehicles and other scripts. Each row belongs to one half: the
matcher is tuned on `tuned`, and the figures to report are those of `unseen`. A wrong row that
someone has looked at moves to the tuned half. The original project's method and plain rapidfuzz
are measured for comparison.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from rapidfuzz import fuzz, process
from rapidfuzz.utils import default_process

from carlens.catalog.matcher import Matcher
from carlens.catalog.tables import Entry, parse_table, shipped_tables
from carlens.catalog.vocabulary import read_vocabulary

ROWS = Path(__file__).with_name("catalog_rows.csv")
HARD_ROWS = Path(__file__).with_name("catalog_hard_rows.csv")


class Name(NamedTuple):
    """A make and model; empty where there is none."""

    make: str
    model: str


class Answer(NamedTuple):
    """What a method returns: a name and how sure it is, 0..100."""

    name: Name
    score: int = 0


Method = Callable[[str, str], Answer]


@dataclass(frozen=True)
class Row:
    """A written make and model, and the expected entry; empty if the table has none."""

    written: Name
    expected: Name
    tuned_on: bool
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Recall of the expected names and precision of the returned names, in percent.

    `exact` is the share of rows whose make and model are both as expected, and `wrong_at_100`
    counts the wrong rows with the highest score.
    """

    rows: int
    exact: float
    make_recall: float
    make_precision: float
    model_recall: float
    model_precision: float
    junk_matched: float
    wrong_at_100: int

    @classmethod
    def of(cls, pairs: list[tuple[Name, Answer]]) -> Figures:
        """Compare (expected, returned) pairs; a model is right only with its make."""
        junk = [answer for expected, answer in pairs if expected == ("", "")]
        make_recall, make_precision = _recall_precision([(e.make, a.name.make) for e, a in pairs])
        model_recall, model_precision = _recall_precision(
            [(_full_name(e), _full_name(a.name)) for e, a in pairs]
        )
        wrong = [answer for expected, answer in pairs if answer.name != expected]
        return cls(
            rows=len(pairs),
            exact=100 - _percent(len(wrong), len(pairs)),
            make_recall=make_recall,
            make_precision=make_precision,
            model_recall=model_recall,
            model_precision=model_precision,
            junk_matched=_percent(sum(answer.name != ("", "") for answer in junk), len(junk)),
            wrong_at_100=sum(answer.score == 100 and answer.name != ("", "") for answer in wrong),
        )


def read_rows(path: Path = ROWS) -> list[Row]:
    """Read labeled rows."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                written=Name(r["make"], r["model"]),
                expected=Name(r["expected_make"], r["expected_model"]),
                tuned_on=r["half"] == "tuned",
                kind=r.get("kind", ""),
            )
            for r in csv.DictReader(file)
        ]


def carlens_method(entries: list[Entry]) -> Method:
    """Return the method of Carlens."""
    matcher = Matcher(entries, read_vocabulary())

    def method(make: str, model: str) -> Answer:
        found = matcher.match(make, model)
        return Answer(Name(found.make, found.model), found.score)

    return method


# What the original project did to a make and to a model before it compared them, in its order.
_ORIGINAL_MAKE = [
    (r"^B\.? ?M?\.? ?W\.?$", "BMW"),
    (r"^MERCEDES[ -]BENZ$", "MERCEDES"),
    (r"^VOLKSWAGEN[ ,]+VW$|^VW$", "VOLKSWAGEN"),
    (r"^NON DEFINI$", ""),
]
_ORIGINAL_MODEL = [
    ("", r" (?:III|IV)$| ?\+ ?2$", ""),
    ("", r"\bREIHE\b", "SERIE"),
    ("", r"\b(?:TDI|CDI|BLUETEC|DIESEL|ESSENCE)\b|\b\d+ ?KWH\b", ""),
    ("MERCEDES", r"^(?:CLASSE )?([A-Z]{1,3}) ?\d{2,3}\b.*", r"CLASSE \1"),
    ("CITROEN", r"^.*\bXSARA\b.*\bPIC\w*\b.*$", "XSARA PICASSO"),
    ("CITROEN", r" AIRCROSS\b", ""),
    ("RENAULT", r"\bSOCIETE\b", ""),
    ("BMW", r"\bXDRIVE\w*\b", ""),
    ("PEUGEOT", r"\bEXPERT TRAVELLER\b", "TRAVELLER"),
    ("TOYOTA", r"\b(?:PLUS|HYBRID)\b", ""),
    ("VOLKSWAGEN", r"\bPLUS\b", ""),
    ("FIAT", r"(?<=\d)[XLC]$| [XLC]$", ""),
    ("AUDI", r"\b(?:AVANT|SPORTBACK|ALLROAD|CABRIOLET|COUPE|LIMOUSINE)\b", ""),
    ("LAND ROVER", r"\bSPORT\b", ""),
    ("VOLVO", r"\bCROSS COUNTRY\b", ""),
    ("SEAT", r"\bXL\b", ""),
    ("FORD", r"\b(?:CUSTOM|CONNECT)\b", ""),
]


def original_method(entries: list[Entry], min_make: float, min_model: float) -> Method:
    """Return the original project's method: clean both, then `WRatio` over makes and models.

    Its tolerances were 0.85 and 0.7, of scores of 0..100; two later branches changed them to 85
    and 70. The table is that of Carlens, which names finer models than the original's.
    """
    makes = {_plain(entry.make): entry.make for entry in entries}
    models: dict[str, dict[str, str]] = {}
    for entry in entries:
        models.setdefault(_plain(entry.make), {})[_plain(entry.model)] = entry.model

    def method(make: str, model: str) -> Answer:
        made = _best(_clean_make(make), makes, min_make)
        if made is None:
            return Answer(Name("", ""))
        cleaned = _clean_model(_plain(made[0]), model)
        found = _best(cleaned, models[_plain(made[0])], min_model)
        name, score = found or ("", 0.0)
        return Answer(Name(made[0], name), round((made[1] + score) / 2))

    return method


def _clean_make(make: str) -> str:
    text = _plain(make)
    for pattern, replacement in _ORIGINAL_MAKE:
        text = re.sub(pattern, replacement, text)
    return text


def _clean_model(make: str, model: str) -> str:
    text = _plain(model)
    if make not in ("MINI", "DS"):
        text = re.sub(rf"\b{re.escape(make)}\b", "", text).strip()
    for of_make, pattern, replacement in _ORIGINAL_MODEL:
        if make.startswith(of_make):
            text = re.sub(pattern, replacement, text).strip()
    return text


@lru_cache(4096)
def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).upper().strip()


def _best(written: str, names: dict[str, str], tolerance: float) -> tuple[str, float] | None:
    found = process.extractOne(written, list(names), scorer=fuzz.WRatio, processor=default_process)
    return (names[found[0]], found[1]) if found and found[1] > tolerance else None


def wratio_method(entries: list[Entry]) -> Method:
    """Return plain `WRatio` over "make model", with a cutoff of 70."""
    names = [f"{entry.make} {entry.model}".upper() for entry in entries]

    def method(make: str, model: str) -> Answer:
        found = process.extractOne(
            f"{make} {model}".upper(), names, scorer=fuzz.WRatio, score_cutoff=70
        )
        if not found:
            return Answer(Name("", ""))
        return Answer(Name(entries[found[2]].make, entries[found[2]].model), round(found[1]))

    return method


def main() -> None:
    """Print a table of all methods."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--wrong", action="store_true", help="list wrong rows of the tuned halves")
    parser.add_argument("--kinds", action="store_true", help="list the accuracy on each kind")
    parser.add_argument(
        "--alone", action="store_true", help="list what makes and models alone give"
    )
    arguments = parser.parse_args()
    entries = parse_table("europe", shipped_tables().read("europe") or b"")
    files = {"ordinary": read_rows(), "hard": read_rows(HARD_ROWS)}
    methods = {
        "Carlens": carlens_method(entries),
        "original": original_method(entries, 0.85, 0.7),
        "original, 85 / 70": original_method(entries, 85, 70),
        "WRatio": wratio_method(entries),
    }
    if arguments.alone:
        _print_alone(Matcher(entries, read_vocabulary()), files["ordinary"] + files["hard"])
    elif arguments.kinds:
        _print_kinds(methods["Carlens"], files["hard"])
    elif not arguments.wrong:
        _print_accuracy(methods, files)
    else:
        for rows in files.values():
            _print_wrong(methods["Carlens"], [row for row in rows if row.tuned_on])


def _print_accuracy(methods: dict[str, Method], files: dict[str, list[Row]]) -> None:
    print(
        "| method | rows | half | count | exact | make R | make P | model R | model P "
        "| junk matched | wrong at 100 | ms/row |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name, method in methods.items():
        for file, rows in files.items():
            for half in ("tuned", "unseen"):
                chosen = [row for row in rows if row.tuned_on == (half == "tuned")]
                if chosen:  # all rows may be assigned to the tuned half
                    print(f"| {name} | {file} | {half} | {_measure(method, chosen)} |")


def _print_kinds(method: Method, rows: list[Row]) -> None:
    print("| kind | half | count | exact | make P | model P | junk matched | wrong at 100 |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(row.kind for row in rows):
        for half in ("tuned", "unseen"):
            chosen = [r for r in rows if r.kind == kind and r.tuned_on == (half == "tuned")]
            f = Figures.of([(row.expected, method(*row.written)) for row in chosen])
            print(
                f"| {kind} | {half} | {f.rows} | {f.exact:.1f} | {f.make_precision:.1f} "
                f"| {f.model_precision:.1f} | {f.junk_matched:.1f} | {f.wrong_at_100} |"
            )


def _print_alone(matcher: Matcher, rows: list[Row]) -> None:
    """Print how many matches with a score in a range are right, by what was written.

    A written model needs a matched one. The score is that of the make if no model was matched. Half
    of a row with both is expected to name what the row does, although it may name another car too.
    """
    both = [row for row in rows if row.written.make.strip() and row.written.model.strip()]
    whole = [row for row in both if row.expected.model]
    cases = {
        "both": [(row.written, row.expected) for row in both],
        "make alone": [
            (row.written, row.expected) for row in rows if not row.written.model.strip()
        ],
        "model alone": [
            (row.written, row.expected) for row in rows if not row.written.make.strip()
        ],
        "make of both": list(
            {row.written.make: (Name(row.written.make, ""), row.expected) for row in whole}.values()
        ),
        "model of both": list(
            {
                row.written.model: (Name("", row.written.model), row.expected) for row in whole
            }.values()
        ),
    }
    print("| written | count | score | shown | right |")
    print("|---|---|---|---|---|")
    for name, pairs in cases.items():
        scored = []
        for written, expected in pairs:
            match = matcher.match(*written)
            found = Name(match.make, match.model if written.model.strip() else "")
            is_right = found == (expected if written.model.strip() else Name(expected.make, ""))
            if match.make and (match.model or not written.model.strip()):
                scored.append((match.score if match.model else match.score_make, is_right))
        for least, most in pairwise((0, 65, 85, 95, 100, 101)):
            shown = [is_right for score, is_right in scored if least <= score < most]
            right = _percent(sum(shown), len(shown))
            print(f"| {name} | {len(pairs)} | {least} to {most - 1} | {len(shown)} | {right:.1f} |")


def _measure(method: Method, rows: list[Row]) -> str:
    start = time.perf_counter()
    pairs = [(row.expected, method(*row.written)) for row in rows]
    ms_per_row = 1000 * (time.perf_counter() - start) / len(rows)
    f = Figures.of(pairs)
    return (
        f"{f.rows} | {f.exact:.1f} | {f.make_recall:.1f} | {f.make_precision:.1f} "
        f"| {f.model_recall:.1f} | {f.model_precision:.1f} | {f.junk_matched:.1f} "
        f"| {f.wrong_at_100} | {ms_per_row:.2f}"
    )


def _print_wrong(method: Method, rows: list[Row]) -> None:
    for row in rows:
        found = method(*row.written)
        if found.name != row.expected:
            score = found.score
            print(
                f"{row.kind:14} {tuple(row.written)} -> {tuple(found.name)} {score}, expected "
                f"{tuple(row.expected)}"
            )


def _full_name(name: Name) -> str:
    """Return make and model, or nothing without a model."""
    return " ".join(name) if name[1] else ""


def _recall_precision(pairs: list[tuple[str, str]]) -> tuple[float, float]:
    right = sum(expected == given != "" for expected, given in pairs)
    expected = sum(e != "" for e, _ in pairs)
    given = sum(g != "" for _, g in pairs)
    return _percent(right, expected), _percent(right, given)


def _percent(count: int, of: int) -> float:
    return 100 * count / of if of else 0.0


if __name__ == "__main__":
    main()
