"""The model card, written from the measurements."""

from __future__ import annotations

from dataclasses import dataclass

from carlens.teach.calibration import LEAST_ANSWERS, NEVER, PRECISION, wilson
from carlens.teach.evaluation import Evaluation

RELIABILITY, COVERAGE = "reliability.svg", "coverage.svg"

_MOST_CONFUSIONS = 15


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
| Temperature | {evaluation.temperature:.2f}, part of the weights |
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
    if evaluation.threshold >= NEVER:
        return (
            f"**No answer is certain.** There is no probability that {LEAST_ANSWERS} or more "
            f"held-out answers reach and of which {PRECISION:.0%} are right, so `confidence` is "
            f"{NEVER:g}. More photos help."
        )
    low, high = wilson(evaluation.certain_right, evaluation.certain)
    text = (
        f"An answer is certain from a probability of {evaluation.threshold:.3f} on (`confidence`), "
        f"the lowest with at least {PRECISION:.0%} of {LEAST_ANSWERS} or more answers right, as a "
        f"plain share: {evaluation.certain} of {evaluation.photos} held-out photos, "
        f"{evaluation.certain_right / evaluation.certain:.1%} of them right (95 % interval "
        f"{low:.1%} to {high:.1%})."
    )
    if evaluation.checked:
        text += (
            " With a threshold chosen on the other rounds, "
            f"{evaluation.checked_right / evaluation.checked:.1%} of {evaluation.checked} answers "
            "are right."
        )
    return text


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
    if evaluation.unknown_certain is None:
        return "With two classes, this was not measured: it names every car as one of them."
    return (
        "It names every car as one of its classes. When the class of a held-out photo was left "
        f"out, {evaluation.unknown_certain:.1%} of the photos still got a certain, and therefore "
        "wrong, name."
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
