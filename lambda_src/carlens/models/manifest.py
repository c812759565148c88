"""`model.json` -> a checked manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from carlens.ranges import Slices, T, check_range, check_slices

K = TypeVar("K")
S = TypeVar("S", bound=str)

Task = Literal["detect", "classify", "redact"]
Decoder = Literal[
    "ssd",
    "nanodet",
    "yolox",
    "yolo",
    "yolo-end2end",
    "detr",
    "torchvision",
    "centerface",
    "softmax",
]

DETECTORS: tuple[Decoder, ...] = (
    "ssd",
    "nanodet",
    "yolox",
    "yolo",
    "yolo-end2end",
    "detr",
    "torchvision",
)
# What finds plates or faces.
REDACTORS: tuple[Decoder, ...] = (*DETECTORS, "centerface")
CLASSIFIERS: tuple[Decoder, ...] = ("softmax",)

_DECODERS_OF = {"detect": DETECTORS, "classify": CLASSIFIERS, "redact": REDACTORS}

# Pixels are 0..255, so larger values are mistakes, and may overflow float32.
_LARGEST_MEAN = 1e6
_SMALLEST_STD = 1e-6
_TEMPERATURES = (1e-3, 1e3)
_LARGEST_SCORE = 1e9


class ModelError(Exception):
    """A model cannot be used; the message is for the log."""


class ManifestError(ModelError):
    """A manifest is wrong, or does not fit its files; the message names the field."""


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes the model's input: x = (pixel - mean) / std, with pixels 0..255.

    Attributes
    ----------
    name : str
        The name of the ONNX input.
    width, height : int
        In pixels.
    layout, color : str
        The order of the axes and of the channels.
    resize : str
        `stretch` ignores the aspect ratio; `letterbox` keeps it and fills the rest with `pad`;
        `crop` keeps it and cuts out the center; `fit` keeps it and changes the size of the input,
        which is at most `width` x `height` and a multiple of 32, filled up with `pad`.
    align : str
        The position of a letterboxed picture.
    pad : int
        0..255, the gray level around a letterboxed picture.
    interpolation : str
        `area` averages when shrinking; `linear` never does.
    margin : float
        0..1. A crop for a model of task `classify` or `redact` extends the box on each side by
        this share of its width or height.
    """

    name: str
    width: int
    height: int
    layout: Literal["NCHW", "NHWC"]
    color: Literal["RGB", "BGR"]
    resize: Literal["stretch", "letterbox", "crop", "fit"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    align: Literal["center", "top_left"] = "center"
    pad: int = 114
    interpolation: Literal["linear", "area"] = "linear"
    margin: float = 0.0


@dataclass(frozen=True)
class OutputSpec:
    """The decoder of the model's outputs and its settings.

    Attributes
    ----------
    decoder : str
    names : tuple of str
        The names of the ONNX outputs, in the order that the decoder takes them.
    strides : tuple of int
        For nanodet and yolox: pixels between the points of each grid.
    reg_max : int
        For nanodet: the last bin of a distance distribution.
    activation : str
        For detr: turns logits into scores.
    first_label : int
        For torchvision: the label of the first class; 1 if 0 is the background.
    classes : int
        For yolo-end2end and torchvision, whose outputs do not show it: the number of classes.
    """

    decoder: Decoder
    names: tuple[str, ...]
    strides: tuple[int, ...] = ()
    reg_max: int = 7
    activation: Literal["softmax", "sigmoid"] = "softmax"
    first_label: int = 1
    classes: int = 0


@dataclass(frozen=True)
class Thresholds:
    """Defaults; a request or a setting may override some of them.

    Attributes
    ----------
    confidence : float
        0..1. A detector drops boxes below it; without a calibration, a classifier's make, model
        and full name are certain from this value on.
    iou : float
        0..1. NMS drops the less confident of two boxes of a class whose IoU is above this.
    merge_iou : float
        0..1. The same for two boxes of different vehicle classes.
    min_area : float
        0..1. Boxes below this share of the picture's area are dropped.
    slices : int or "auto"
        1..3. The detector also runs on slices x slices tiles of a large picture; with "auto", on
        up to four tiles where the whole picture hints at something small.
    """

    confidence: float
    iou: float = 0.6
    merge_iou: float = 0.55
    min_area: float = 0.0
    slices: Slices = 1


@dataclass(frozen=True)
class LevelThresholds:
    """The probabilities, 0..1, from which on a vehicle's make, model and full name are certain."""

    make: float
    model: float
    name: float


@dataclass(frozen=True)
class UnknownRule:
    """How to tell that a vehicle is of no class that the classifier was taught.

    Attributes
    ----------
    output : str
        An ONNX output of shape (n,) or (n, 1), the score of each vehicle.
    threshold : float
        A vehicle with a higher score, or with one that is not finite, is unknown.
    """

    output: str
    threshold: float


@dataclass(frozen=True)
class Calibration:
    """What a classifier's logits are worth, measured on held-out photos.

    Attributes
    ----------
    thresholds : LevelThresholds
    temperature : float
        Divides the logits before softmax.
    unknown : UnknownRule or None
        None if no vehicle counts as unknown.
    """

    thresholds: LevelThresholds
    temperature: float = 1.0
    unknown: UnknownRule | None = None


@dataclass(frozen=True)
class Manifest:
    """A model, described by its `model.json` and its labels.

    Attributes
    ----------
    file : str
        The ONNX file.
    sha256, bytes : str, int
        Of the ONNX file.
    labels : tuple of str
        Class names by index.
    makes : tuple of str
        The make of each class; empty if the labels file has no makes.
    models : tuple of str
        The model of each class without its make, empty where it is not known; an empty tuple if
        the labels file has no models.
    kinds : tuple of frozenset of str
        The detector's classes of the photos that each class was taught with, empty where it may be
        any; an empty tuple if the labels file has no kinds.
    calibration : Calibration or None
        Of a classifier; None if it was not calibrated.
    applies_to : tuple of str
        The detector's classes that a model of task `classify` or `redact` applies to.
    """

    name: str
    version: str
    task: Task
    file: str
    sha256: str
    bytes: int
    license: str
    source: str
    trained_on: str
    limits: str
    input: InputSpec
    output: OutputSpec
    thresholds: Thresholds
    labels: tuple[str, ...]
    makes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    kinds: tuple[frozenset[str], ...] = ()
    calibration: Calibration | None = None
    applies_to: tuple[str, ...] = ("car", "truck")

    @property
    def certainty(self) -> Calibration:
        """The calibration, or `thresholds.confidence` for all levels if there is none."""
        confidence = self.thresholds.confidence
        return self.calibration or Calibration(LevelThresholds(confidence, confidence, confidence))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The ONNX outputs to compute: those of the decoder, then the score of unknown vehicles."""
        unknown = self.certainty.unknown
        return self.output.names if unknown is None else (*self.output.names, unknown.output)


def parse_manifest(text: str) -> tuple[dict[str, Any], str]:
    """Parse the text of a `model.json`.

    Returns
    -------
    document : dict
        For `build_manifest`.
    labels_file : str
        The name of the labels file, in the same folder.

    Raises
    ------
    ManifestError
        The text is not a JSON object, or does not name a labels file.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"model.json is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ManifestError("model.json must be a JSON object")
    return document, _file_name(_Reader(document, ""), "labels")


def build_manifest(document: Mapping[str, Any], labels_text: str) -> Manifest:
    """Check a parsed `model.json` and its labels.

    Parameters
    ----------
    document : Mapping
        The parsed `model.json`.
    labels_text : str
        One class per line, `name<TAB>make<TAB>model<TAB>kinds`; all but the name are optional.

    Raises
    ------
    ManifestError
        A field is missing, unknown, of the wrong type or out of range; the message names it.
    """
    top = _Reader(document, "")
    task: Task = top.choice("task", ("detect", "classify", "redact"))
    labels, makes, models, kinds = _labels(labels_text)
    top.take("labels", str)
    manifest = Manifest(
        name=top.take("name", str),
        version=top.take("version", str),
        task=task,
        file=_file_name(top, "file"),
        sha256=top.take("sha256", str).lower(),
        bytes=top.take("bytes", int),
        license=top.take("license", str),
        source=top.take("source", str),
        trained_on=top.take("trained_on", str),
        limits=top.take("limits", str),
        input=_input(top.section("input")),
        output=_output(top.section("output"), _DECODERS_OF[task], len(labels)),
        thresholds=_thresholds(top.section("thresholds")),
        labels=labels,
        makes=makes,
        models=models,
        kinds=kinds,
        calibration=_calibration(top.section("calibration"))
        if task == "classify" and top.has("calibration")
        else None,
        applies_to=tuple(top.items("applies_to", str, list(Manifest.applies_to))),
    )
    if manifest.input.resize == "fit" and task != "redact":
        raise ManifestError("input.resize is 'fit', which only a model of task 'redact' may have")
    top.finish()
    return manifest


def _input(reader: _Reader) -> InputSpec:
    spec = InputSpec(
        name=reader.take("name", str),
        width=reader.integer("width", 8, 4096),
        height=reader.integer("height", 8, 4096),
        layout=reader.choice("layout", ("NCHW", "NHWC")),
        color=reader.choice("color", ("RGB", "BGR")),
        resize=reader.choice("resize", ("stretch", "letterbox", "crop", "fit")),
        mean=reader.triple("mean"),
        std=reader.triple("std"),
        align=reader.choice("align", ("center", "top_left"), InputSpec.align),
        pad=reader.integer("pad", 0, 255, InputSpec.pad),
        interpolation=reader.choice("interpolation", ("linear", "area"), InputSpec.interpolation),
        margin=reader.number("margin", 0.0, 1.0, InputSpec.margin),
    )
    if min(map(abs, spec.std)) < _SMALLEST_STD:
        raise ManifestError("input.std must not contain 0")
    reader.finish()
    return spec


def _output(reader: _Reader, decoders: tuple[Decoder, ...], classes: int) -> OutputSpec:
    decoder = reader.choice("decoder", decoders)
    needs_strides = decoder in ("nanodet", "yolox")
    spec = OutputSpec(
        decoder=decoder,
        names=tuple(reader.items("names", str)),
        strides=tuple(reader.items("strides", int)) if needs_strides else (),
        reg_max=reader.integer("reg_max", 1, 64, OutputSpec.reg_max),
        activation=reader.choice("activation", ("softmax", "sigmoid"), OutputSpec.activation),
        first_label=reader.integer("first_label", 0, 1, OutputSpec.first_label)
        if decoder == "torchvision"
        else OutputSpec.first_label,
        classes=classes,
    )
    wanted = {"ssd": 2, "detr": 2, "torchvision": 3}.get(decoder, 1)
    if len(spec.names) != wanted:
        raise ManifestError(f"output.names must have {wanted} name(s) for decoder {decoder!r}")
    if needs_strides and (not spec.strides or min(spec.strides) < 1):
        raise ManifestError("output.strides must be whole numbers from 1")
    reader.finish()
    return spec


def _thresholds(reader: _Reader) -> Thresholds:
    spec = Thresholds(
        confidence=reader.number("confidence", 0.0, 1.0),
        iou=reader.number("iou", 0.0, 1.0, Thresholds.iou),
        merge_iou=reader.number("merge_iou", 0.0, 1.0, Thresholds.merge_iou),
        min_area=reader.number("min_area", 0.0, 1.0, Thresholds.min_area),
        slices=reader.slices("slices", Thresholds.slices),
    )
    reader.finish()
    return spec


def _calibration(reader: _Reader) -> Calibration:
    thresholds = reader.section("thresholds")
    calibration = Calibration(
        thresholds=LevelThresholds(
            make=thresholds.number("make", 0.0, 1.0),
            model=thresholds.number("model", 0.0, 1.0),
            name=thresholds.number("name", 0.0, 1.0),
        ),
        temperature=reader.number("temperature", *_TEMPERATURES, Calibration.temperature),
        unknown=_unknown(reader.section("unknown")) if reader.has("unknown") else None,
    )
    thresholds.finish()
    reader.finish()
    return calibration


def _unknown(reader: _Reader) -> UnknownRule:
    rule = UnknownRule(
        output=reader.take("output", str),
        threshold=reader.number("threshold", -_LARGEST_SCORE, _LARGEST_SCORE),
    )
    reader.finish()
    return rule


_Labels = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[frozenset[str], ...]]


def _labels(text: str) -> _Labels:
    """Return the names, makes, models and kinds of the classes."""
    rows = [
        [cell.strip() for cell in line.split("\t")] for line in text.removesuffix("\n").split("\n")
    ]
    for number, row in enumerate(rows, 1):
        if not row[0]:
            raise ManifestError(f"labels: line {number} is empty")
        if len(row) > 4:
            raise ManifestError(
                f"labels: line {number} has {len(row)} columns; it may have a name, a make, a "
                "model and kinds"
            )
    names, makes, models, kinds = zip(*(row + [""] * (4 - len(row)) for row in rows), strict=True)
    if any(makes) and not all(makes):
        raise ManifestError("labels: either all lines or none must have a make in a second column")
    if any(models) and not any(makes):
        number = 1 + [bool(model) for model in models].index(True)
        raise ManifestError(f"labels: line {number} has a model, but no make in the second column")
    return (
        names,
        makes if any(makes) else (),
        models if any(models) else (),
        tuple(map(_kinds, kinds)) if any(kinds) else (),
    )


def _kinds(cell: str) -> frozenset[str]:
    return frozenset(kind.strip() for kind in cell.split(",") if kind.strip())


def _file_name(reader: _Reader, key: str) -> str:
    name = reader.take(key, str)
    plain = name.isprintable() and not name.startswith(".")
    if not name or not plain or "/" in name or "\\" in name:
        raise ManifestError(f"{key} must be the name of a file in the model's folder, not {name!r}")
    return name


class _Reader:
    """Reads typed fields of a JSON object, and reports the fields that were not read."""

    def __init__(self, document: Mapping[str, Any], path: str) -> None:
        self._document = document
        self._path = path
        self._taken: set[str] = set()

    def take(self, key: str, kind: type[K], default: K | None = None) -> K:
        self._taken.add(key)
        value = self._document.get(key, default)
        if value is None:
            raise ManifestError(f"{self._path}{key} is missing")
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            with suppress(OverflowError):
                value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ManifestError(f"{self._path}{key} must be a {kind.__name__}, not {value!r}")
        return value

    def has(self, key: str) -> bool:
        return key in self._document

    def section(self, key: str) -> _Reader:
        section: dict[str, Any] = self.take(key, dict)
        return _Reader(section, f"{self._path}{key}.")

    def items(self, key: str, kind: type[K], default: list[K] | None = None) -> list[K]:
        values: list[Any] = self.take(key, list, default)
        numbered = _Reader({str(i): v for i, v in enumerate(values)}, f"{self._path}{key}.")
        return [numbered.take(str(i), kind) for i in range(len(values))]

    def triple(self, key: str) -> tuple[float, float, float]:
        values = self.items(key, float)
        if len(values) != 3:
            raise ManifestError(f"{self._path}{key} must be 3 numbers, one per channel")
        for value in values:
            self._check_range(key, value, -_LARGEST_MEAN, _LARGEST_MEAN)
        return (values[0], values[1], values[2])

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        return self._check_range(key, self.take(key, float, default), low, high)

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        return self._check_range(key, self.take(key, int, default), low, high)

    def choice(self, key: str, allowed: tuple[S, ...], default: S | None = None) -> S:
        value = self.take(key, str, default)
        for option in allowed:
            if option == value:
                return option
        raise ManifestError(f"{self._path}{key} must be one of {', '.join(allowed)}, not {value!r}")

    def slices(self, key: str, default: Slices) -> Slices:
        self._taken.add(key)
        value = self._document.get(key, default)
        try:
            return check_slices(value)
        except ValueError as error:
            raise ManifestError(f"{self._path}{key} is {value!r}; {error}") from error

    def finish(self) -> None:
        unknown = sorted(set(self._document) - self._taken)
        if unknown:
            raise ManifestError(f"{self._path}{unknown[0]} is unknown")

    def _check_range(self, key: str, value: T, low: T, high: T) -> T:
        try:
            return check_range(value, low, high)
        except ValueError as error:
            raise ManifestError(f"{self._path}{key} is {value}; {error}") from error
