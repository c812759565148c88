"""The pictures of a request -> the objects in each, in order; a picture that fails does not affect
the others.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from carlens.errors import DeadlineExceeded, NotAnImage, PictureError
from carlens.images.types import Pixels
from carlens.timing import Stopwatch
from carlens.vision.classifier import BATCH, Classifier
from carlens.vision.detector import Detector
from carlens.vision.pipeline import ImageResult, Pipeline, process_images
from tests.models_support import (
    CLASSIFY,
    COLORS,
    DETECT,
    OPTIONS,
    Tensor,
    color_detector,
    fake_model,
    picture,
)

Decode = Callable[[], Pixels]

# A classifier that distinguishes the colors of the patches.
NAMES = replace(CLASSIFY, labels=tuple(f"a {label}" for label in COLORS), makes=())


class Clock:
    """A clock in memory: out of time after a number of steps."""

    def __init__(self, lasts: float = np.inf) -> None:
        self.lasts = lasts
        self.done: list[str] = []

    def out(self) -> bool:
        return len(self.done) >= self.lasts


class Copy:
    """Models that record what they do."""

    def __init__(self, lasts: float = np.inf) -> None:
        self.clock = Clock(lasts)
        self.batches: list[int] = []
        self.model = color_detector()[1]
        self.detector = Detector(fake_model(DETECT, self._detect))
        self.classifier = Classifier(fake_model(NAMES, self._classify))

    def _detect(self, batch: Tensor) -> Sequence[Tensor]:
        self.clock.done.append("detect")
        return self.model.run(batch)

    def _classify(self, batch: Tensor) -> Sequence[Tensor]:
        self.clock.done.append("classify")
        self.batches.append(len(batch))
        means = batch.mean(axis=(1, 2))
        distances = np.array([np.abs(means - color).sum(axis=1) for color in COLORS.values()])
        return [(-distances.T / 10).astype(np.float32)]

    def see(
        self,
        pictures: Sequence[Decode],
        *,
        classify: bool = True,
        watch: Stopwatch | None = None,
        decode_ahead: bool = False,
        applies_to: tuple[str, ...] = tuple(COLORS),
    ) -> list[ImageResult | PictureError]:
        return process_images(
            pictures,
            Pipeline(
                self.detector,
                OPTIONS,
                self.classifier if classify else None,
                applies_to=applies_to,
                top_k=2,
            ),
            out_of_time=self.clock.out,
            watch=watch or Stopwatch(),
            decode_ahead=decode_ahead,
        )


def of(*labels: str, width: int = 100) -> Decode:
    """Return a decoder of a picture with a patch of each class, side by side."""
    patches = {label: (20 * i, 10, 20 * i + 15, 40) for i, label in enumerate(labels)}
    return lambda: picture(width, 100, **patches)


def broken() -> Pixels:
    raise NotAnImage("The picture is corrupt.")


def seen(results: Sequence[ImageResult | PictureError]) -> list[Any]:
    """Return what is in each picture, as class and name, or the code of its error."""
    return [
        result.code
        if isinstance(result, PictureError)
        else sorted(
            (found.class_name, name.names[0] if name.names else "")
            for found, name in zip(result.objects, result.classifications, strict=True)
        )
        for result in results
    ]


# Without buses, as by default.
CARS = ("car", "truck")
CAR, TRUCK, BUS = [("car", "a car")], [("truck", "a truck")], [("bus", "a bus")]
LATE, BAD = "deadline_exceeded", "not_an_image"


# --- order ---


def test_results_come_back_in_order_with_their_names() -> None:
    results = Copy().see([of("car"), of("bus", "truck"), of(), of("truck")])

    assert seen(results) == [CAR, BUS + TRUCK, [], TRUCK]


def test_a_result_has_the_size_of_the_picture() -> None:
    (result,) = Copy().see([of("car", width=140)])

    assert isinstance(result, ImageResult)
    assert (result.width, result.height) == (140, 100)


def test_each_object_has_as_many_names_as_requested() -> None:
    (result,) = Copy().see([of("car", "bus")])

    assert isinstance(result, ImageResult)
    assert [len(name.names) for name in result.classifications] == [2, 2]


def test_objects_that_the_classifier_does_not_apply_to_stay_without_a_name() -> None:
    copy = Copy()

    results = copy.see([of("bus", "car"), of("bus"), of("truck", "bus", "car")], applies_to=CARS)

    # Then they have no crop either
    assert seen(results) == [[("bus", ""), *CAR], [("bus", "")], [("bus", ""), *CAR, *TRUCK]]
    assert sum(copy.batches) == 3


def test_the_classifier_is_told_the_class_of_each_crop() -> None:
    # Given names that were taught with other kinds than those of their pictures
    copy = Copy()
    kinds = tuple(frozenset({label}) for label in ("car", "bus", "truck", "person"))
    copy.classifier = Classifier(fake_model(replace(NAMES, kinds=kinds), copy._classify))

    results = copy.see([of("car", "truck"), of("bus", "car")])

    # Then only the cars fit
    certain = [
        (found.class_name, name.certain)
        for result in results
        if isinstance(result, ImageResult)
        for found, name in zip(result.objects, result.classifications, strict=True)
    ]
    assert sorted(certain) == [("bus", False), ("car", True), ("car", True), ("truck", False)]


def test_no_pictures_give_no_results() -> None:
    assert Copy().see([]) == []


def test_without_a_classifier_nothing_is_named() -> None:
    copy = Copy()

    (result,) = copy.see([of("car")], classify=False)

    assert isinstance(result, ImageResult)
    assert [found.class_name for found in result.objects] == ["car"]
    assert result.classifications == ()
    assert copy.batches == []


def test_pictures_are_decoded_one_at_a_time() -> None:
    # Given pictures that record when they are decoded
    copy = Copy()

    def pictures() -> Iterator[Decode]:
        for _ in range(3):

            def decode() -> Pixels:
                copy.clock.done.append("decode")
                return picture(100, 100)

            yield decode

    process_images(
        pictures(),
        Pipeline(copy.detector, OPTIONS),
        out_of_time=copy.clock.out,
        watch=Stopwatch(),
    )

    # Then none is decoded before the previous one is processed
    assert copy.clock.done == ["decode", "detect"] * 3


# --- failures ---


def test_only_the_next_picture_is_decoded_during_detection() -> None:
    # Given several pictures, one of them broken, and a detector that waits for the next to be
    # decoded
    copy, decoded = Copy(), [threading.Event() for _ in range(5)]
    started: list[int] = []
    seen_at: list[int] = []

    def decoder(index: int) -> Decode:
        def decode() -> Pixels:
            started.append(index)
            decoded[index].set()
            if index == 2:
                raise NotAnImage("broken")
            return of("car")()

        return decode

    def detect(batch: Tensor) -> Sequence[Tensor]:
        at = (0, 1, 3, 4)[len(seen_at)]
        assert at == 4 or decoded[at + 1].wait(10)
        seen_at.append(len(started))
        return copy.model.run(batch)

    copy.detector = Detector(fake_model(DETECT, detect))

    found = copy.see([decoder(index) for index in range(5)], decode_ahead=True)

    # Then, while each was processed, the next was decoded, but not the one after it
    assert seen_at == [2, 3, 5, 5]
    assert [isinstance(sight, NotAnImage) for sight in found] == [False, False, True, False, False]


def test_a_picture_past_the_deadline_is_not_decoded_ahead() -> None:
    copy, decoded = Copy(lasts=1), []

    def decode() -> Pixels:
        decoded.append(1)
        return of("car")()

    found = copy.see([decode] * 9, classify=False, decode_ahead=True)

    # Then at most one is decoded in vain, and none is processed
    assert isinstance(found[0], ImageResult)
    assert [type(sight) for sight in found[1:]] == [DeadlineExceeded] * 8
    assert copy.clock.done == ["detect"]
    assert len(decoded) <= 2


def test_an_unexpected_error_does_not_wait_for_the_picture_that_is_decoded_ahead() -> None:
    # Given a detector that fails while the next picture is being decoded
    copy, is_decoding, may_end = Copy(), threading.Event(), threading.Event()

    def endless() -> Pixels:
        is_decoding.set()
        assert may_end.wait(10)
        return of("car")()

    def fail(batch: Tensor) -> Sequence[Tensor]:
        assert is_decoding.wait(10)
        raise RuntimeError("a bug")

    copy.detector = Detector(fake_model(DETECT, fail))

    # Then the error is raised while the decoding goes on
    def see() -> None:
        with pytest.raises(RuntimeError, match="a bug"):
            copy.see([of("car"), endless, of("car")], decode_ahead=True)

    request = threading.Thread(target=see)
    request.start()
    request.join(5)
    is_waiting = request.is_alive()
    may_end.set()
    request.join(10)
    assert not is_waiting


@pytest.mark.parametrize("at", range(4))
def test_a_picture_that_fails_does_not_affect_the_others(at: int) -> None:
    pictures = [of("car"), of("bus"), of("truck")]
    expected: list[Any] = [CAR, BUS, TRUCK]
    pictures.insert(at, broken)
    expected.insert(at, BAD)

    assert seen(Copy().see(pictures)) == expected


@pytest.mark.parametrize("decode_ahead", [False, True])
def test_the_pixels_of_a_picture_that_fails_are_released(decode_ahead: bool) -> None:
    # Given pictures that fail after their pixels are allocated
    held: list[weakref.ref[Pixels]] = []

    def cut() -> Pixels:
        pixels = picture(100, 100)
        held.append(weakref.ref(pixels))
        try:
            raise OSError("its last rows are missing")
        except OSError as error:
            raise NotAnImage("The picture is truncated.") from error

    results = Copy().see([cut, cut, of("car")], decode_ahead=decode_ahead)

    # Then their errors, which are part of the response, do not keep the pixels alive: 30 truncated
    # pictures of 50 megapixels fit in one request
    assert seen(results) == [BAD, BAD, CAR]
    assert [pixels() for pixels in held] == [None, None]


def test_all_pictures_may_fail() -> None:
    copy = Copy()

    assert seen(copy.see([broken, broken])) == [BAD, BAD]
    assert copy.clock.done == []


def test_errors_not_caused_by_the_picture_are_raised() -> None:
    def bug() -> Pixels:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Copy().see([of("car"), bug])


# --- batches ---


def test_crops_of_all_pictures_share_batches() -> None:
    # Given three objects in every picture, 1.5 batches in total
    copy = Copy()
    count = BATCH // 2 + 1

    results = copy.see([of("car", "truck", "bus")] * count)

    # Then every batch but the last is full, and every name is in its place
    assert sum(copy.batches) == 3 * count
    assert copy.batches[:-1] == [BATCH] * (3 * count // BATCH)
    assert copy.batches[-1] == 3 * count % BATCH
    assert seen(results) == [BUS + CAR + TRUCK] * count


@pytest.mark.parametrize("objects", [1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH])
def test_no_batch_is_empty_or_too_large(objects: int) -> None:
    copy = Copy()

    results = copy.see([of("car")] * objects)

    assert seen(results) == [CAR] * objects
    assert sum(copy.batches) == objects
    assert min(copy.batches) > 0
    assert len(copy.batches) == -(-objects // BATCH)


def test_the_classifier_does_not_run_without_objects() -> None:
    copy = Copy()

    copy.see([of(), broken, of()])

    assert copy.batches == []


def test_crops_do_not_accumulate() -> None:
    # Given many pictures: 32 with 300 objects each make 1.4 GB of crops
    copy = Copy()

    copy.see([of("car", "truck", "bus")] * (4 * BATCH))

    # Then crops are classified as soon as they fill a batch, not after the last picture
    named = [i for i, what in enumerate(copy.clock.done) if what == "classify"]
    between = [copy.clock.done[a:b].count("detect") for a, b in pairwise([0, *named])]
    assert max(between) <= -(-BATCH // 3)


# --- deadline ---


def test_pictures_not_reached_in_time_are_reported_and_the_others_succeed() -> None:
    # Given time for two pictures
    copy = Copy(lasts=2)

    results = copy.see([of("car"), of("bus"), of("truck"), broken], classify=False)

    # Then the others are not even decoded
    assert [isinstance(result, DeadlineExceeded) for result in results] == [
        False,
        False,
        True,
        True,
    ]
    assert copy.clock.done == ["detect"] * 2


def test_without_any_time_every_picture_is_reported_late() -> None:
    copy = Copy(lasts=0)

    assert seen(copy.see([of("car"), of()])) == [LATE, LATE]
    assert copy.clock.done == []


def test_a_picture_processed_in_time_is_classified_although_a_later_one_used_up_the_time() -> None:
    # Given time to process all pictures but to classify only one batch, and a few crops more
    copy = Copy()
    pictures = [of("car")] * BATCH + [of()] + [of("bus")]
    copy.clock.lasts = len(pictures) + 1

    assert seen(copy.see(pictures)) == [CAR] * BATCH + [[], BUS]


def test_pictures_with_a_whole_batch_of_crops_left_are_late() -> None:
    # Given time to process all pictures but not to classify their crops, more than a batch
    copy = Copy()
    pictures = [of("car")] * (BATCH - 1) + [of("car", "bus")]
    copy.clock.lasts = len(pictures)

    assert seen(copy.see(pictures)) == [LATE] * BATCH
    assert copy.batches == []


def test_a_picture_without_crops_is_never_late_after_detection() -> None:
    # Given time to process all pictures but not to classify their crops, more than a batch
    copy = Copy()
    pictures = [of("bus")] + [of("car")] * (BATCH - 1) + [of("car", "truck")]
    copy.clock.lasts = len(pictures)

    found = seen(copy.see(pictures, applies_to=CARS))

    assert found == [[("bus", "")]] + [LATE] * BATCH


def test_pictures_processed_in_time_are_classified_when_later_ones_are_not_reached() -> None:
    # Given time for two batches of pictures, including classification, out of four
    copy = Copy(lasts=2 * BATCH + 2)

    results = seen(copy.see([of("car")] * (4 * BATCH)))

    # Then those succeed: processing later ones did not use up the time to classify them
    assert results[: 2 * BATCH] == [CAR] * (2 * BATCH)
    assert results[2 * BATCH :] == [LATE] * (2 * BATCH)


def test_a_failure_before_the_deadline_keeps_its_own_error() -> None:
    copy = Copy(lasts=1)

    assert seen(copy.see([broken, of(), broken])) == [BAD, [], LATE]


# --- the stopwatch ---


def test_the_stopwatch_measures_each_stage() -> None:
    watch = Stopwatch()

    Copy().see([of("car"), of("bus")], watch=watch)

    spent = watch.stop(("detect", "classify", "decode"))
    assert spent["detect"] > 0
    assert spent["classify"] > 0
    assert spent["decode"] == 0
    assert spent["total"] >= spent["detect"] + spent["classify"] - 0.02


def test_the_stopwatch_adds_up_milliseconds() -> None:
    # Given a clock that is read at the start, twice for each stage, and at the end
    times = iter([10.0, 11.0, 11.5, 12.0, 12.125674, 13.0, 13.000004, 14.123456])
    watch = Stopwatch(clock=lambda: next(times))

    with watch("read"):
        pass
    with watch("read"):
        pass
    with watch("decode"):
        pass

    assert watch.stop(("read", "decode", "detect")) == {
        "read": 625.67,
        "decode": 0.0,
        "detect": 0.0,
        "total": 4123.46,
    }


def test_the_stopwatch_counts_a_stage_that_fails() -> None:
    times = iter([0.0, 1.0, 3.0, 4.0])
    watch = Stopwatch(clock=lambda: next(times))

    with pytest.raises(NotAnImage), watch("decode"):
        broken()

    assert watch.stop(("decode",)) == {"decode": 2000.0, "total": 4000.0}
