"""Pictures of a request -> what is in each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from carlens.errors import DeadlineExceeded, PictureError
from carlens.images.types import Pixels
from carlens.timing import Stopwatch
from carlens.vision.classifier import BATCH, Classification, Classifier
from carlens.vision.detector import Detection, DetectOptions, Detector


@dataclass(frozen=True)
class ImageResult:
    """What was seen in one picture.

    Attributes
    ----------
    width, height : int
        Of the upright picture, in pixels.
    objects : tuple of Detection
    names : tuple of Classification
        One for each object; empty when nothing was classified.
    """

    width: int
    height: int
    objects: tuple[Detection, ...]
    names: tuple[Classification, ...] = ()


def process_images(
    pictures: Iterable[Callable[[], Pixels]],
    detector: Detector,
    options: DetectOptions,
    classifier: Classifier | None,
    *,
    top_k: int,
    out_of_time: Callable[[], bool],
    watch: Stopwatch,
    decode_ahead: bool = False,
) -> list[ImageResult | PictureError]:
    """See every picture, one at a time so that few are in memory.

    Parameters
    ----------
    pictures : iterable of callables
        Each decodes one picture, or raises a PictureError that fails it alone.
    classifier : Classifier or None
        Names the detected objects. A batch runs as soon as there are crops for it, of
        whichever pictures: they neither pile up nor wait for pictures still to come.
    top_k : int
        Names given for each object.
    out_of_time : callable
        Asked before each step; once true, the rest fails with DeadlineExceeded. Only the last
        crops, fewer than a batch, are named all the same.
    decode_ahead : bool
        Whether the next picture is decoded while one is seen: for more than one CPU, 2 to 22 %
        faster, at the price of two pictures in memory.

    Returns
    -------
    list of ImageResult or PictureError
        One for each picture, in order.
    """
    results: list[ImageResult | PictureError] = []
    crops: list[Pixels] = []
    names: list[Classification] = []
    in_time = (_in_time(decode, out_of_time) for decode in pictures)
    for decode in _ahead(in_time) if decode_ahead else in_time:
        try:
            pixels = decode()
            if out_of_time():  # it was decoded ahead, while the one before was seen
                raise _too_late()
            with watch("detect"):
                objects = detector.detect(pixels, options)
        except PictureError as error:
            results.append(error.without_traceback())
            continue
        results.append(ImageResult(pixels.shape[1], pixels.shape[0], tuple(objects)))
        if classifier is not None:
            with watch("classify"):
                crops += [classifier.crop(pixels, detection) for detection in objects]
                names += _take_names(crops, BATCH, classifier, top_k, out_of_time)
    if classifier is None:
        return results
    with watch("classify"):
        names += _take_names(crops, BATCH, classifier, top_k, out_of_time)
        if len(crops) < BATCH:
            # One short run, and a slow picture after these must not lose them.
            names += _take_names(crops, 1, classifier, top_k, lambda: False)
    return _with_names(results, names)


def _in_time(decode: Callable[[], Pixels], out_of_time: Callable[[], bool]) -> Callable[[], Pixels]:
    def decode_in_time() -> Pixels:
        if out_of_time():
            raise _too_late()
        return decode()

    return decode_in_time


def _ahead(decoders: Iterable[Callable[[], Pixels]]) -> Iterator[Callable[[], Pixels]]:
    """Decode each picture in the background while the one before it is used."""
    with ThreadPoolExecutor(1) as thread:
        decoding = (thread.submit(decode) for decode in decoders)
        current = next(decoding, None)
        while current is not None:
            following = next(decoding, None)
            yield current.result
            current = following


def _take_names(
    crops: list[Pixels],
    least: int,
    classifier: Classifier,
    top_k: int,
    out_of_time: Callable[[], bool],
) -> list[Classification]:
    """Take crops off their list and name them, a batch at a time, while there are `least`."""
    names: list[Classification] = []
    while len(crops) >= least and not out_of_time():
        rows = classifier.probabilities(crops[:BATCH])
        names += [classifier.name(row, top_k) for row in rows]
        del crops[:BATCH]
    return names


def _with_names(
    results: list[ImageResult | PictureError], names: list[Classification]
) -> list[ImageResult | PictureError]:
    named: list[ImageResult | PictureError] = []
    at = 0
    for result in results:
        if isinstance(result, PictureError):
            named.append(result)
            continue
        end = at + len(result.objects)
        complete = end <= len(names)
        named.append(replace(result, names=tuple(names[at:end])) if complete else _too_late())
        at = end
    return named


def _too_late() -> DeadlineExceeded:
    return DeadlineExceeded(
        "The time of the request ran out before this picture; send fewer or smaller ones."
    )
