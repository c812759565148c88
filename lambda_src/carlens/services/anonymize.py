"""Redact plates, faces and people in pictures.

Pictures -> objects -> regions -> redacted pictures. A picture that cannot be processed to the end
is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from carlens.aws.metrics import RequestStats
from carlens.errors import InvalidParameter, PictureError
from carlens.images.decoder import read_srgb
from carlens.images.encode import OutputFormat, encode, same_format
from carlens.images.probe import ImageFormat
from carlens.images.redact import Style, redact
from carlens.images.types import Pixels
from carlens.inputs.sources import PictureSource, Reader
from carlens.services.reading import open_within
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Deadline, Stopwatch
from carlens.vision.detector import Detection, DetectOptions
from carlens.vision.pipeline import too_late
from carlens.vision.regions import PERSON, Region, RegionDetector, to_regions

Target = Literal["plates", "faces", "people"]

STAGES = ("read", "decode", "detect", "redact")

# Missing a person is worse than redacting too much.
PEOPLE_CONFIDENCE = 0.25
# Low, because the models of plates and faces look at each object.
_LOOK_CONFIDENCE = 0.2
_MAX_OBJECTS = 300


@dataclass(frozen=True)
class RedactOptions:
    """What a client asked for.

    Attributes
    ----------
    targets : frozenset of str
        What to redact: `plates`, `faces`, `people`.
    style : str
        `fill`, `pixelate` or `blur`.
    margin : float
        0..1, the share of its width and height by which each region grows on each side.
    confidence : float or None
        0..1; None for the thresholds of the models.
    output : str
        The format of the redacted pictures; `same` for that of the original.
    """

    targets: frozenset[Target] = frozenset({"plates", "faces"})
    style: Style = "fill"
    margin: float = 0.1
    confidence: float | None = None
    output: OutputFormat | Literal["same"] = "jpeg"


@dataclass(frozen=True)
class Redacted:
    """A picture whose regions are redacted.

    Attributes
    ----------
    width, height : int
        Of the upright picture, in pixels.
    regions : tuple of Region
        The most confident first.
    format : str
        That of the file.
    file : bytes
        The encoded picture; empty if it was not asked for.
    """

    width: int
    height: int
    regions: tuple[Region, ...]
    format: OutputFormat
    file: bytes = b""


@dataclass(frozen=True)
class Redactor:
    """The models that find what is to be redacted, and the options for them.

    Attributes
    ----------
    app : RecognitionApp
    options : RedactOptions
    models : Mapping
        By target, the RegionDetector of plates and of faces, where they are wanted.
    """

    app: RecognitionApp
    options: RedactOptions
    models: Mapping[Target, RegionDetector]

    def find(self, pixels: Pixels) -> list[Region]:
        """Find the regions of a picture."""
        objects = self._objects(pixels)
        found: list[Detection] = []
        for model in self.models.values():
            found += model.find(pixels, objects, self.options.confidence)
        if "people" in self.options.targets:
            least = self._least_confidence
            found += [
                one for one in objects if one.class_name == PERSON and one.confidence >= least
            ]
        height, width = pixels.shape[:2]
        return to_regions(found, self.options.margin, width, height)

    @property
    def classes(self) -> frozenset[str]:
        """The classes of the detector that are redacted or looked at more closely."""
        people = {PERSON} if "people" in self.options.targets else set()
        return frozenset(people.union(*(each.manifest.applies_to for each in self.models.values())))

    @property
    def _least_confidence(self) -> float:
        """The confidence threshold for people."""
        asked = self.options.confidence
        return PEOPLE_CONFIDENCE if asked is None else asked

    def _objects(self, pixels: Pixels) -> list[Detection]:
        if not self.classes:
            return []
        detector = self.app.models().detector
        defaults = detector.manifest.thresholds
        slices = self.app.config.slices
        found = detector.detect(
            pixels,
            DetectOptions(
                confidence=min(_LOOK_CONFIDENCE, self._least_confidence),
                iou=defaults.iou,
                merge_iou=defaults.merge_iou,
                min_area=0.0,
                slices=defaults.slices if slices is None else slices,
                max_objects=_MAX_OBJECTS,
                classes=self.classes,
            ),
        )
        return found.objects


def make_redactor(app: RecognitionApp, options: RedactOptions) -> Redactor:
    """Load the models that the options need.

    Raises
    ------
    InvalidParameter
        The detector cannot find people.
    ModelsUnavailable
        A model cannot be loaded; the log says why.
    """
    if "people" in options.targets and PERSON not in app.models().detector.manifest.labels:
        raise InvalidParameter("redact: the detector here does not find people; leave them out.")
    models: tuple[Target, ...] = ("plates", "faces")
    wanted = [target for target in models if target in options.targets]
    return Redactor(app, options, {target: app.region_detector(target) for target in wanted})


def anonymize(
    sources: Sequence[PictureSource],
    redactor: Redactor,
    deadline: Deadline,
    watch: Stopwatch,
    *,
    files: bool,
) -> Iterator[Redacted | PictureError]:
    """Redact pictures.

    Parameters
    ----------
    sources : sequence of PictureSource
    redactor : Redactor
    deadline : Deadline
        Pictures that are not redacted by then fail.
    watch : Stopwatch
        Gets the time of each of `STAGES`.
    files : bool
        Whether to make the redacted pictures, or only find the regions.

    Yields
    ------
    Redacted or PictureError
        One for each picture, in order, when it is asked for: few pictures are in memory.
    """
    with open_within(sources, redactor.app, deadline) as readers:
        yield from redact_each(readers, redactor, deadline, watch, files=files)


def redact_each(
    readers: Iterable[Reader],
    redactor: Redactor,
    deadline: Deadline,
    watch: Stopwatch,
    *,
    files: bool,
) -> Iterator[Redacted | PictureError]:
    """Redact the picture of each reader; see `anonymize`."""
    for reader in readers:
        try:
            yield _anonymize(reader, redactor, deadline.has_passed, watch, files=files)
        except PictureError as error:
            yield error.without_traceback()


def redaction_stats(results: Sequence[Redacted | PictureError], watch: Stopwatch) -> RequestStats:
    """Return what is logged about pictures that were redacted; the watch is stopped."""
    redacted = [each for each in results if isinstance(each, Redacted)]
    return RequestStats(
        pictures=len(results),
        objects=sum(len(each.regions) for each in redacted),
        failures=tuple(each.code for each in results if isinstance(each, PictureError)),
        stages=watch.stop(STAGES),
    )


def _anonymize(
    reader: Reader,
    redactor: Redactor,
    out_of_time: Callable[[], bool],
    watch: Stopwatch,
    *,
    files: bool,
) -> Redacted:
    _check_time(out_of_time)
    with watch("read"):
        data = reader()
    with watch("decode"):
        pixels, kind = read_srgb(data, redactor.app.limits)
    _check_time(out_of_time)
    with watch("detect"):
        regions = redactor.find(pixels)
    options = redactor.options
    file, output = b"", _output(options, kind)
    if files:
        with watch("redact"):
            rectangles = [(one.x1, one.y1, one.x2, one.y2) for one in regions]
            file = encode(redact(pixels, rectangles, options.style), output)
    height, width = pixels.shape[:2]
    return Redacted(width, height, tuple(regions), output, file)


def _output(options: RedactOptions, kind: ImageFormat) -> OutputFormat:
    return same_format(kind) if options.output == "same" else options.output


def _check_time(out_of_time: Callable[[], bool]) -> None:
    if out_of_time():
        raise too_late()
