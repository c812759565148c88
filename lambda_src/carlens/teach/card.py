"""The model card, written from the measurements."""

from __future__ import annotations

from dataclasses import dataclass

from carlens.teach.calibration import LEAST_ANSWERS, NEVER, PRECISION, wilson
from carlens.teach.evaluation import Evaluation, UnknownFigures

RELIABILITY, COVERAGE = "reliability.svg", "coverage.svg"

_MOST_CONFUSIONS = 15
_LEVEL_NAMES = {"make": "make", "model": "make and model", "name": "full name"}


@dataclass(frozen=True)
class Facts:
    """What the card says besides the measurements.

    Attributes
    ----------
    name : str
        Of the model.
    base : str
        The name of the classifier that it was made from.
    source : str
        Where the photos are.
    files : int
        Photos that were given.
    used : int
        Photos that were used.
    kept : int
        Classes taken over from the base; 0 if the new ones stand alone.
    left_out : int
        Classes of the base that were forgotten.
    method, protocol : str
        How it was made and how it was measured.
    command : str
        What was run.
    """

    name: str
    base: str
    source: str
    files: int
    used: int
    kept: int
    left_out: int
    method: str
    protocol: str
    command: str


def write_card(facts: Facts, evaluation: Evaluation) -> str:
    """Write the model card, in Markdown."""
    new = len(evaluation.classes)
    if facts.kept:
        classes = f"{new} from these photos, besides {facts.kept} of `{facts.base}`"
    else:
        classes = f"{new}, from these photos"
    if facts.left_out:
        classes += f"; {facts.left_out} other classes of `{facts.base}` were left out"
    return f"""# {facts.name}

A classifier of vehicles, written by `python -m carlens.teach`.

| | |
|---|---|
| Classes | {classes} |
| Photos | {facts.files} in `{facts.source}`, of which {facts.used} were used |
| Made from | `{facts.base}`: see its card for its origin and license |
| Method | {facts.method} |
| Temperature | {evaluation.calibration.temperature:.2f}, in `model.json` |
| Command | `{facts.command}` |

## Accuracy

{facts.protocol}

| held-out photos | top-1 | top-5 | make | expected calibration error |
|---|---|---|---|---|
{_accuracy(evaluation)}

{_certainty(evaluation)}

![How often answers are right, by confidence]({RELIABILITY})
![How often the most confident answers are right, by their share]({COVERAGE})

The figures are for photos like these. Photos from other places, and other generations of a model,
will get worse ones.{_base_note(facts)}

## By class

| class | photos | top-1 | top-5 | certain | of these right |
|---|---|---|---|---|---|
{_classes(evaluation)}

## Confused

{_confusions(evaluation)}

## Cars that it does not know

{_unknown(evaluation)}
"""


def _accuracy(evaluation: Evaluation) -> str:
    shares = (evaluation.top1, evaluation.top5, evaluation.make, evaluation.calibration_error)
    return f"| {evaluation.photos} | {' | '.join(f'{share:.1%}' for share in shares)} |"


def _certainty(evaluation: Evaluation) -> str:
    rows = [
        f"| {_LEVEL_NAMES[level.name]} | {level.right / max(level.photos, 1):.1%} | "
        f"{_threshold(level.threshold)} | {level.certain / max(level.photos, 1):.1%} | "
        f"{_right(level.certain_right, level.certain)} |"
        for level in evaluation.levels
    ]
    table = ["| level | right | certain from | certain | of these right |", "|---|---|---|---|---|"]
    return "\n".join([*table, *rows, "", _promise(evaluation)])


def _threshold(threshold: float) -> str:
    return "never" if threshold >= NEVER else f"{threshold:.3f}"


def _right(right: int, total: int) -> str:
    if not total:
        return "none is certain"
    low, high = wilson(right, total)
    return f"{right / total:.1%} (95 % interval {low:.1%} to {high:.1%})"


def _promise(evaluation: Evaluation) -> str:
    if all(level.threshold >= NEVER for level in evaluation.levels):
        return (
            f"**No answer is certain.** At no level is there a probability that {LEAST_ANSWERS} or "
            f"more held-out answers reach and of which {PRECISION:.0%} are right. More photos help."
        )
    return (
        "A name is certain if the vehicle does not count as unknown, is of a kind that photos of "
        f"this name have, and its probability reaches the lowest value with at least "
        f"{PRECISION:.0%} of {LEAST_ANSWERS} or more such answers right. {evaluation.certain} of "
        f"{evaluation.photos} held-out photos get a certain model or full name; of these, "
        f"{_right(evaluation.certain_right, evaluation.certain)} are right."
    )


def _base_note(facts: Facts) -> str:
    if not facts.kept:
        return ""
    return (
        f" The {facts.kept} classes of `{facts.base}`\nwere not measured here, nor was the "
        "threshold chosen on them."
    )


def _classes(evaluation: Evaluation) -> str:
    return "\n".join(
        f"| {_cell(each.name)} | {each.photos} | {each.right / each.photos:.0%} | "
        f"{each.in_five / each.photos:.0%} | {each.certain} | {each.certain_right} |"
        for each in evaluation.classes
    )


def _confusions(evaluation: Evaluation) -> str:
    if not evaluation.confusions:
        return "No held-out photo got a wrong name."
    rows = [
        f"| {_cell(true)} | {_cell(given)} | {count} |"
        for true, given, count in evaluation.confusions[:_MOST_CONFUSIONS]
    ]
    return "\n".join(["| is | named | photos |", "|---|---|---|", *rows])


def _unknown(evaluation: Evaluation) -> str:
    parts = [
        "The output `unknown_score` is high for vehicles that resemble no class. Above the "
        "threshold in `model.json`, nothing about a vehicle is certain."
    ]
    if evaluation.others:
        parts.append(f"Photos of other vehicles: {_figures(evaluation.others)}")
    if evaluation.left_out:
        parts.append(
            f"Held-out photos, when their model is not taught: {_figures(evaluation.left_out)}"
        )
    if len(parts) == 1:
        parts.append(
            "With two classes and no photos of other vehicles, this was not measured. The "
            "threshold lets 95 % of the held-out photos pass."
        )
    else:
        parts.append("The threshold was chosen on other photos than these.")
    return "\n\n".join(parts)


def _figures(figures: UnknownFigures) -> str:
    low, high = wilson(figures.named, figures.vehicles)
    return (
        f"{figures.named} of {figures.vehicles} still got a certain, and therefore wrong, model or "
        f"full name: {figures.named / figures.vehicles:.1%} (95 % interval {low:.1%} to "
        f"{high:.1%}). The score of one is higher than that of a held-out photo of a known class "
        f"in {figures.auroc:.1%} of all pairs (AUROC)."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
