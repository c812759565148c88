"""From photos to a model folder."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from carlens.catalog.tables import parse_table, shipped_tables
from carlens.files import replace_file
from carlens.teach import card, checks, output
from carlens.teach.base import Base
from carlens.teach.checks import Finding
from carlens.teach.diagrams import coverage_diagram, reliability_diagram
from carlens.teach.errors import TeachError
from carlens.teach.evaluation import Evaluation, evaluate
from carlens.teach.examples import Example, Rejected, stack_features
from carlens.teach.labels import Label, all_kinds, common_kinds, labels_text
from carlens.teach.learned import Learned, Material, quick_head
from carlens.teach.photos import Photo, list_pictures, read_photos
from carlens.teach.progress import with_progress
from carlens.teach.report import report_csv, report_html
from carlens.teach.similarity import connected, near_duplicates, same_series
from carlens.teach.split import Split, split
from carlens.teach.start import Start
from carlens.teach.statistics import dump_statistics
from carlens.teach.unknown_output import add_unknown_score

# Of fewer vehicles, 3 % is none in the half that the rule is chosen on, by chance.
_LEAST_OTHERS = 20


@dataclass(frozen=True)
class Options:
    """What to teach.

    Attributes
    ----------
    photos : Path
        A folder or a CSV file.
    name : str
        Of the new model.
    only : bool
        Whether to forget the classes without photos.
    work : Path
        The folder for the report and for what a killed run continues from.
    unknown : Path or None
        A folder of photos of other vehicles, to choose and measure the unknown rule on.
    full : bool
        Whether to train the whole network.
    epochs : int or None
        Of full training; None for a number that suits the photos.
    """

    photos: Path
    name: str
    only: bool
    work: Path
    unknown: Path | None = None
    full: bool = False
    epochs: int | None = None

    @property
    def alone(self) -> bool:
        """Whether the new classes stand alone, as they must if all features change."""
        return self.only or self.full


@dataclass(frozen=True)
class Taught:
    """The examples to use, by class.

    Attributes
    ----------
    examples : list of Example
    labels : integer array of shape (n,)
        The class of each, among `classes`.
    groups : integer array of shape (n,)
        Photos of one car have the same number.
    classes : list of Label
    """

    examples: list[Example]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp]
    classes: list[Label]


Train = Callable[[Options, Material, Split, Start, TextIO], Learned]
"""Trains the whole network on the photos to train on, and measures it on those held out."""


def teach(
    options: Options, start: Start, target: Path, stream: TextIO, train: Train | None = None
) -> Evaluation:
    """Check photos, learn from them, measure the result and write it.

    Parameters
    ----------
    options : Options
    start : Start
    target : Path
        The model's folder, as `output.check_target` gives it.
    stream : TextIO
        For the progress bar.
    train : callable, optional
        In place of `carlens.teach.full.fine_tune`, if `options.full`.

    Raises
    ------
    TeachError
        There is nothing to learn from. The report is written nevertheless.
    OSError
        Something cannot be written.
    """
    if not options.alone and start.statistics is None:
        raise TeachError(
            f"{start.config.classifier} has no {output.STATISTICS}, so classes cannot be added to "
            "it; teach the new classes alone with ONLY=yes (--only)."
        )
    photos = load_photos(options.photos, start)
    strangers = list_pictures(options.unknown) if options.unknown else []
    examples, rejected = read_examples(
        photos, start, options.work / "photos", stream, keep_crops=options.full
    )
    findings = checks.check_rejected(rejected)
    thumbnails = {each.photo: each.thumbnail for each in examples}
    thumbnails |= {each.photo: each.thumbnail for each in rejected if each.thumbnail}
    try:
        taught, more = select_examples(examples, rejected, start, options.photos)
        findings += more
        if len(taught.classes) < 2:
            raise TeachError(
                "Fewer than two classes have enough photos: each needs at least "
                f"{checks.MINIMUM} photos of different cars."
            )
    except TeachError as error:
        report = _write_report(options, findings, thumbnails, None)
        raise TeachError(f"{error} See {report}.") from error

    base, labels = _place(taught, start, alone=options.alone)
    others = _read_others(strangers, start, options, stream)
    material = Material(taught.examples, taught.labels, taught.groups, base, labels, others)
    learned = quick_head(material, start.network)
    evaluation = evaluate(learned.photos, labels, learned.others)
    names = [label.name for label in labels]
    findings += checks.check_labels(
        taught.examples, material.owners, evaluation.probabilities, names
    )
    left_out = 0
    if options.full:
        parts = _split(taught)
        findings += checks.check_unused([taught.examples[i].photo for i in parts.unused])
        left_out = _left_out(start.labels, labels)
        report = _write_report(options, findings, thumbnails, None)
        _announce(report, len(labels), left_out, start.config.classifier, stream)
        learned = (train or _fine_tune)(options, material, parts, start, stream)
        evaluation = evaluate(learned.photos, labels, learned.others)
    _write_report(options, findings, thumbnails, evaluation)

    statistics = learned.statistics
    model = learned.network.with_head(*learned.head.stored(statistics.means.mean(axis=0)))
    model = add_unknown_score(model, learned.network.features, learned.rule)
    kept = 0 if options.alone else len(start.labels)
    facts = card.Facts(
        name=options.name,
        base=start.config.classifier,
        source=options.photos.name,
        files=len(photos),
        used=len(taught.examples),
        kept=kept,
        left_out=left_out,
        method=learned.method,
        protocol=learned.protocol,
        command=_command(options),
    )
    manifest = output.manifest_text(
        start.manifest,
        _manifest_changes(facts, taught, start, len(labels), full=options.full),
        model=model,
        calibration=evaluation.calibration,
    )
    texts = {
        output.LABELS: labels_text(labels),
        output.MANIFEST: manifest,
        output.CARD: card.write_card(facts, evaluation),
        card.RELIABILITY: reliability_diagram(evaluation.bins),
        card.COVERAGE: coverage_diagram(evaluation.coverage),
    }
    files = {name: text.encode() for name, text in texts.items()}
    files[output.MODEL] = model
    files[output.STATISTICS] = dump_statistics(statistics, output.sha256(model))
    output.write_model(target, files)
    return evaluation


def _split(taught: Taught) -> Split:
    marked = [example.photo.held_out for example in taught.examples]
    return split(taught.labels, taught.groups, marked, [label.name for label in taught.classes])


def _left_out(known: Sequence[Label], labels: Sequence[Label]) -> int:
    """Count the classes that full training forgets."""
    kept = {label.name.casefold() for label in labels}
    return sum(label.name.casefold() not in kept for label in known)


def _announce(report: Path, taught: int, left_out: int, base: str, stream: TextIO) -> None:
    print(f"The checks of the photos are in {report}.", file=stream)
    if left_out:
        print(
            f"FULL=yes teaches only the {taught} classes that have photos; {left_out} other "
            f"classes of {base} are left out. Without FULL=yes they are kept.",
            file=stream,
            flush=True,
        )


def _fine_tune(
    options: Options, material: Material, parts: Split, start: Start, stream: TextIO
) -> Learned:
    # PyTorch takes seconds to import, and only full training needs it.
    from carlens.teach.full import Job, fine_tune

    job = Job(options.epochs, options.work / "training", stream)
    return fine_tune(material, parts, start, job)


def load_photos(source: Path, start: Start) -> list[Photo]:
    """List the photos of a folder or a CSV file; see `carlens.teach.photos.read_photos`."""
    return read_photos(source, _known_makes(start))


def read_examples(
    photos: Sequence[Photo],
    start: Start,
    folder: Path,
    stream: TextIO,
    *,
    keep_crops: bool = False,
) -> tuple[list[Example], list[Rejected]]:
    """Read photos, and keep the results in a folder for the next time."""
    folder.mkdir(parents=True, exist_ok=True)
    reader = start.reader(folder, keep_crops=keep_crops)
    found = [reader.read(photo) for photo in with_progress(photos, stream)]
    reader.forget_others()
    rejected = [each for each in found if isinstance(each, Rejected)]
    return [each for each in found if isinstance(each, Example)], rejected


def _read_others(
    photos: Sequence[Photo], start: Start, options: Options, stream: TextIO
) -> list[Example]:
    """Read the photos of other vehicles."""
    if not photos:
        return []
    found, _ = read_examples(
        photos, start, options.work / "unknown", stream, keep_crops=options.full
    )
    if len(found) < _LEAST_OTHERS:
        raise TeachError(
            f"A vehicle was found in {len(found)} photos of {options.unknown}; at least "
            f"{_LEAST_OTHERS} are needed to choose and measure the rule for unknown vehicles."
        )
    return found


def select_examples(
    examples: list[Example], rejected: list[Rejected], start: Start, source: Path
) -> tuple[Taught, list[Finding]]:
    """Leave out copies, photos in two classes and classes with too few photos."""
    if not examples:
        first = rejected[0]
        what = (
            "No vehicle was found in any photo"
            if any(each.readable for each in rejected)
            else "No file is a picture that Carlens can read"
        )
        raise TeachError(f"{what} of {source}. {first.photo.path.name}: {first.reason}")
    photos = {example.photo.name: example.photo for example in examples}
    classes = [Label(photo.name, photo.make, photo.model) for photo in photos.values()]
    places = {label.name: place for place, label in enumerate(classes)}
    labels = np.array([places[example.photo.name] for example in examples], np.intp)
    features = stack_features(examples)
    known = start.statistics
    center = known.means.mean(axis=0) if known else features.mean(axis=(0, 1))
    hashes = np.array([example.hash for example in examples], np.uint64)
    copies = near_duplicates(hashes, features[:, 0], center)
    findings, usable = checks.check_copies(examples, labels, copies)

    chosen = np.flatnonzero(usable)
    alone = Base(known, np.arange(len(classes)), alone=True)
    statistics = alone.joined(features[chosen], labels[chosen])
    series = same_series(features[chosen, 0], labels[chosen], statistics)
    groups = connected(series, len(chosen))
    names = [label.name for label in classes]
    more, taught = checks.check_counts(names, labels[chosen], groups)
    kept = np.isin(labels[chosen], taught)
    return (
        Taught(
            examples=[examples[i] for i in chosen[kept]],
            labels=np.searchsorted(taught, labels[chosen][kept]).astype(np.intp),
            groups=groups[kept],
            classes=[
                replace(
                    classes[place],
                    kinds=common_kinds(examples[i].kind for i in chosen if labels[i] == place),
                )
                for place in taught.tolist()
            ],
        ),
        findings + more,
    )


def _place(taught: Taught, start: Start, *, alone: bool) -> tuple[Base, tuple[Label, ...]]:
    """Find the place of each class in the result: a class of the same name gains photos."""
    labels = [] if alone else list(start.labels)
    known = {label.name.casefold(): place for place, label in enumerate(labels)}
    places = []
    for label in taught.classes:
        place = known.setdefault(label.name.casefold(), len(labels))
        if place == len(labels):
            labels.append(label)
        else:
            labels[place] = labels[place].with_more(label)
        places.append(place)
    return Base(start.statistics, np.array(places, np.intp), alone), tuple(labels)


def _known_makes(start: Start) -> set[str]:
    tables = shipped_tables()
    entries = (
        entry for name in tables.names() for entry in parse_table(name, tables.read(name) or b"")
    )
    return {entry.make for entry in entries} | {label.make for label in start.labels}


def _manifest_changes(
    facts: card.Facts, taught: Taught, start: Start, classes: int, *, full: bool
) -> dict[str, object]:
    manifest = start.classifier.manifest
    photos = f"{facts.used} photos of {len(taught.classes)} classes"
    if facts.kept:
        photos += f", added to: {manifest.trained_on}"
    yours = "Last layer: yours, made from your photos. Other layers"
    if full:
        yours = "Yours, made from your photos, starting from weights of this license"
    return {
        "name": facts.name,
        "version": "1.0.0",
        "license": f"{yours}: {manifest.license}",
        "source": f"Made by python -m carlens.teach from {facts.base}: {manifest.source}",
        "trained_on": photos,
        "limits": f"It knows {classes} classes and names every other vehicle as one of them: an "
        "answer that is not certain is a guess.",
        "applies_to": all_kinds(manifest.applies_to, taught.classes),
    }


def _write_report(
    options: Options,
    findings: Sequence[Finding],
    thumbnails: dict[Photo, bytes],
    evaluation: Evaluation | None,
) -> Path:
    diagrams = (
        [reliability_diagram(evaluation.bins), coverage_diagram(evaluation.coverage)]
        if evaluation
        else []
    )
    page = report_html(f"The photos for {options.name}", findings, thumbnails, evaluation, diagrams)
    replace_file(options.work / "report.csv", report_csv(findings).encode())
    replace_file(options.work / "report.html", page.encode())
    return options.work / "report.html"


def _command(options: Options) -> str:
    flags = " ONLY=yes" if options.only else ""
    if options.full:
        flags += " FULL=yes" + (f" EPOCHS={options.epochs}" if options.epochs else "")
    if options.unknown:
        flags += f" UNKNOWN={shlex.quote(options.unknown.name)}"
    return f"make teach PHOTOS={shlex.quote(options.photos.name)} NAME={options.name}{flags}"
