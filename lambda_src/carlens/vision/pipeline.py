"""The pictures of a request -> the objects in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from carlens.errors import DeadlineExceeded, PictureError
from carlens.images.types import Pixels
from carlens.models.manifest import Manifest
from carlens.timing import Stopwatch
from carlens.vision.classifier import BATCH, UNNAMED, Classification, Classifier
from carlens.vision.detector import Detection, DetectOptions, Detector

Decode = Callable[[], Pixels]


@dataclass(frozen=True)
class ImageResult:
    """The objects in one picture.

    Attributes
    ----------
    width, height : int
        Of the upright picture, in pixels.
    objects : tuple of Detection
        The most confident first.
    passes : int
        Views of the picture that the detector ran on.
    classifications : tuple of Classification
        One for each object; empty if there is no classifier.
    """

    width: int
    height: int
    objects: tuple[Detection, ...]
    passes: int
    classifications: tuple[Classification, ...] = ()


@dataclass(frozen=True)
class Pipeline:
    """The models to run on each picture, and how.

    Attributes
    ----------
    detector : Detector
    options : DetectOptions
    classifier : Classifier or None
        Classifies the detected objects; None to only detect.
    applies_to : tuple of str
        The detector's classes to classify; other objects stay `UNNAMED`.
    top_k : int
        Classes in each classification.
    """

    detector: Detector
    options: DetectOptions
    classifier: Classifier | None = None
    applies_to: tuple[str, ...] = Manifest.applies_to
    top_k: int = 5


def process_images(
    pictures: Iterable[Decode],
    pipeline: Pipeline,
    *,
    out_of_time: Callable[[], bool],
    watch: Stopwatch,
    decode_ahead: bool = False,
) -> list[ImageResult | PictureError]:
    """Detect, and classify, the objects in each picture.

    Pictures are processed one at a time, so that few are in memory. A batch of crops is
    classified as soon as it is full, whatever pictures they are from: crops do not accumulate,
    and do not wait for later pictures.

    Parameters
    ----------
    pictures : iterable of callables
        Each decodes one picture, or raises a PictureError that fails this picture alone.
    pipeline : Pipeline
    out_of_time : callable
        Asked before each step. Once it returns True, the remaining pictures fail with
        DeadlineExceeded; only the last crops, fewer than a batch, are still classified.
    watch : Stopwatch
        Times the stages `detect` and `classify`.
    decode_ahead : bool
        Whether to decode the next picture while one is processed. With more than one CPU this
        is 2 to 22 % faster, at the price of two pictures in memory.

    Returns
    -------
    list of ImageResult or PictureError
        One for each picture, in order.
    """
    results: list[ImageResult | PictureError] = []
    queue = _CropQueue(pipeline.classifier, pipeline.top_k) if pipeline.classifier else None
    in_time = (_in_time(decode, out_of_time) for decode in pictures)
    for decode in _ahead(in_time) if decode_ahead else in_time:
        try:
            pixels = decode()
            if out_of_time():  # it was decoded ahead, while the picture before was processed
                raise too_late()
            with watch("detect"):
                found = pipeline.detector.detect(pixels, pipeline.options)
        except PictureError as error:
            results.append(error.without_traceback())
            continue
        height, width = pixels.shape[:2]
        results.append(ImageResult(width, height, tuple(found.objects), found.passes))
        if queue is not None:
            with watch("classify"):
                named = [one for one in found.objects if one.class_name in pipeline.applies_to]
                queue.add(pixels, named)
                queue.classify(out_of_time)
    if queue is None:
        return results
    with watch("classify"):
        queue.classify(out_of_time)
        queue.classify_last()
    return _with_classifications(results, queue.classified, pipeline.applies_to)


class _CropQueue:
    """Crops that wait for a full batch.

    Attributes
    ----------
    classified : list of Classification
        In the order in which the crops were added.
    """

    def __init__(self, classifier: Classifier, top_k: int) -> None:
        self.classified: list[Classification] = []
        self._classifier = classifier
        self._top_k = top_k
        self._crops: list[Pixels] = []
        self._kinds: list[str] = []

    def add(self, pixels: Pixels, objects: list[Detection]) -> None:
        self._crops += [self._classifier.crop(pixels, detection) for detection in objects]
        self._kinds += [detection.class_name for detection in objects]

    def classify(self, out_of_time: Callable[[], bool]) -> None:
        """Classify full batches while there is time."""
        while len(self._crops) >= BATCH and not out_of_time():
            self._classify_batch()

    def classify_last(self) -> None:
        """Classify the last, incomplete batch even past the deadline.

        It is one short run; without it, one slow picture would fail those before it.
        """
        if 0 < len(self._crops) < BATCH:
            self._classify_batch()

    def _classify_batch(self) -> None:
        self.classified += self._classifier.classify(
            self._crops[:BATCH], self._kinds[:BATCH], self._top_k
        )
        del self._crops[:BATCH], self._kinds[:BATCH]


def _in_time(decode: Decode, out_of_time: Callable[[], bool]) -> Decode:
    def decode_in_time() -> Pixels:
        if out_of_time():
            raise too_late()
        return decode()

    return decode_in_time


def _ahead(decoders: Iterable[Decode]) -> Iterator[Decode]:
    """Decode each picture in the background while the picture before it is processed."""
    thread = ThreadPoolExecutor(1)
    try:
        decoding = (thread.submit(decode) for decode in decoders)
        current = next(decoding, None)
        while current is not None:
            following = next(decoding, None)
            yield current.result
            current = following
    finally:
        # An error elsewhere need not wait for the picture that is being decoded.
        thread.shutdown(wait=False, cancel_futures=True)


def _with_classifications(
    results: list[ImageResult | PictureError],
    classified: list[Classification],
    applies_to: tuple[str, ...],
) -> list[ImageResult | PictureError]:
    """Assign the classifications to their pictures; a picture that lacks some of them is late."""
    complete: list[ImageResult | PictureError] = []
    following = iter(classified)
    for result in results:
        if isinstance(result, PictureError):
            complete.append(result)
            continue
        names = [
            next(following, None) if found.class_name in applies_to else UNNAMED
            for found in result.objects
        ]
        assigned = tuple(name for name in names if name is not None)
        if len(assigned) == len(names):
            complete.append(replace(result, classifications=assigned))
        else:
            complete.append(too_late())
    return complete


def too_late() -> DeadlineExceeded:
    """Return the error of a picture that was not processed in time."""
    return DeadlineExceeded(
        "The request ran out of time before this picture; send fewer or smaller pictures."
    )
