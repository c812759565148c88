"""Pictures of a request -> what is in each, in order, each failing alone."""

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

# A classifier that tells the colors of the patches apart.
NAMES = replace(CLASSIFY, labels=tuple(f"a {label}" for label in COLORS), makes=())


class Clock:
    """Time in memory: out of it after a number of things have been done."""

    def __init__(self, lasts: float = np.inf) -> None:
        self.lasts = lasts
        self.done: list[str] = []

    def out(self) -> bool:
        return len(self.done) >= self.lasts


class Copy:
    """The models of a copy of Carlens, which write down what they do."""

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
    ) -> list[ImageResult | PictureError]:
        return process_images(
            pictures,
            Pipeline(self.detector, OPTIONS, self.classifier if classify else None, top_k=2),
            out_of_time=self.clock.out,
            watch=watch or Stopwatch(),
            decode_ahead=decode_ahead,
        )


def of(*labels: str, width: int = 100) -> Decode:
    """Give a picture with a patch of each class, side by side."""
    patches = {label: (20 * i, 10, 20 * i + 15, 40) for i, label in enumerate(labels)}
    return lambda: picture(width, 100, **patches)


def broken() -> Pixels:
    raise NotAnImage("The picture is broken.")


def seen(results: Sequence[ImageResult | PictureError]) -> list[Any]:
    """Give what is in each picture, as class and name, or why there is nothing."""
    return [
        result.code
        if isinstance(result, PictureError)
        else sorted(
            (found.class_name, name.names[0])
            for found, name in zip(result.objects, result.classifications, strict=True)
        )
        for result in results
    ]


CAR, TRUCK, BUS = [("car", "a car")], [("truck", "a truck")], [("bus", "a bus")]
LATE, BAD = "deadline_exceeded", "not_an_image"


# --- order ---


def test_pictures_come_back_in_order_with_their_names() -> None:
    results = Copy().see([of("car"), of("bus", "truck"), of(), of("truck")])

    assert seen(results) == [CAR, BUS + TRUCK, [], TRUCK]


def test_a_sight_tells_the_pictures_size() -> None:
    (result,) = Copy().see([of("car", width=140)])

    assert isinstance(result, ImageResult)
    assert (result.width, result.height) == (140, 100)


def test_each_object_has_as_many_names_as_asked() -> None:
    (result,) = Copy().see([of("car", "bus")])

    assert isinstance(result, ImageResult)
    assert [len(name.names) for name in result.classifications] == [2, 2]


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
    # Given pictures that tell when they are decoded
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

    # Then none is decoded before the one before it was seen
    assert copy.clock.done == ["decode", "detect"] * 3


# --- failures ---


def test_the_next_picture_is_decoded_while_one_is_seen_and_no_more() -> None:
    # Given pictures of which one is broken, and a detector that waits for the next to be decoded
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

    # Then each was seen while the next was there, but not the one after it
    assert seen_at == [2, 3, 5, 5]
    assert [isinstance(sight, NotAnImage) for sight in found] == [False, False, True, False, False]


def test_what_is_late_is_not_decoded_ahead() -> None:
    copy, decoded = Copy(lasts=1), []

    def decode() -> Pixels:
        decoded.append(1)
        return of("car")()

    found = copy.see([decode] * 9, classify=False, decode_ahead=True)

    # Then one may be decoded in vain, and none is seen
    assert isinstance(found[0], ImageResult)
    assert [type(sight) for sight in found[1:]] == [DeadlineExceeded] * 8
    assert copy.clock.done == ["detect"]
    assert len(decoded) <= 2


@pytest.mark.parametrize("at", range(4))
def test_a_picture_that_fails_fails_alone(at: int) -> None:
    pictures = [of("car"), of("bus"), of("truck")]
    expected: list[Any] = [CAR, BUS, TRUCK]
    pictures.insert(at, broken)
    expected.insert(at, BAD)

    assert seen(Copy().see(pictures)) == expected


@pytest.mark.parametrize("decode_ahead", [False, True])
def test_a_picture_that_fails_is_let_go(decode_ahead: bool) -> None:
    # Given pictures that fail when their pixels are there already
    held: list[weakref.ref[Pixels]] = []

    def cut() -> Pixels:
        pixels = picture(100, 100)
        held.append(weakref.ref(pixels))
        try:
            raise OSError("its last rows are not there")
        except OSError as error:
            raise NotAnImage("The picture is cut.") from error

    results = Copy().see([cut, cut, of("car")], decode_ahead=decode_ahead)

    # Then their errors, which are part of the answer, do not keep them: 30 cut pictures of
    # 50 megapixels fit in one request
    assert seen(results) == [BAD, BAD, CAR]
    assert [pixels() for pixels in held] == [None, None]


def test_pictures_may_all_fail() -> None:
    copy = Copy()

    assert seen(copy.see([broken, broken])) == [BAD, BAD]
    assert copy.clock.done == []


def test_what_is_no_fault_of_the_picture_is_not_hidden() -> None:
    def bug() -> Pixels:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Copy().see([of("car"), bug])


# --- batches ---


def test_crops_of_all_pictures_share_batches() -> None:
    # Given three objects in every picture, and a batch and a half of them
    copy = Copy()
    count = BATCH // 2 + 1

    results = copy.see([of("car", "truck", "bus")] * count)

    # Then every batch but the last is full, and every name is where it belongs
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


def test_no_objects_cost_no_run_of_the_classifier() -> None:
    copy = Copy()

    copy.see([of(), broken, of()])

    assert copy.batches == []


def test_crops_do_not_pile_up() -> None:
    # Given many pictures: 32 with 300 objects each are 1.4 GB of crops
    copy = Copy()

    copy.see([of("car", "truck", "bus")] * (4 * BATCH))

    # Then crops are named as soon as there is a batch of them, not after the last picture
    named = [i for i, what in enumerate(copy.clock.done) if what == "classify"]
    between = [copy.clock.done[a:b].count("detect") for a, b in pairwise([0, *named])]
    assert max(between) <= -(-BATCH // 3)


# --- deadline ---


def test_pictures_that_were_not_reached_are_late_and_others_answer() -> None:
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


def test_when_time_is_out_from_the_start_every_picture_is_late() -> None:
    copy = Copy(lasts=0)

    assert seen(copy.see([of("car"), of()])) == [LATE, LATE]
    assert copy.clock.done == []


def test_what_was_seen_in_time_is_named_though_a_later_picture_used_it_up() -> None:
    # Given time to see all pictures but to name one batch alone, and a few crops over
    copy = Copy()
    pictures = [of("car")] * BATCH + [of()] + [of("bus")]
    copy.clock.lasts = len(pictures) + 1

    assert seen(copy.see(pictures)) == [CAR] * BATCH + [[], BUS]


def test_pictures_with_a_whole_batch_of_crops_to_name_are_late() -> None:
    # Given time to see all pictures and none to name the more than a batch of crops in them
    copy = Copy()
    pictures = [of("car")] * (BATCH - 1) + [of("car", "bus")]
    copy.clock.lasts = len(pictures)

    assert seen(copy.see(pictures)) == [LATE] * BATCH
    assert copy.batches == []


def test_pictures_seen_in_time_are_named_when_later_ones_are_not_reached() -> None:
    # Given time for two batches of pictures, naming included, of the four that were sent
    copy = Copy(lasts=2 * BATCH + 2)

    results = seen(copy.see([of("car")] * (4 * BATCH)))

    # Then those are answered: seeing later ones did not use up the time to name them
    assert results[: 2 * BATCH] == [CAR] * (2 * BATCH)
    assert results[2 * BATCH :] == [LATE] * (2 * BATCH)


def test_a_failure_before_the_deadline_keeps_its_own_reason() -> None:
    copy = Copy(lasts=1)

    assert seen(copy.see([broken, of(), broken])) == [BAD, [], LATE]


# --- the watch ---


def test_the_watch_knows_the_stages() -> None:
    watch = Stopwatch()

    Copy().see([of("car"), of("bus")], watch=watch)

    spent = watch.stop(("detect", "classify", "decode"))
    assert spent["detect"] > 0
    assert spent["classify"] > 0
    assert spent["decode"] == 0
    assert spent["total"] >= spent["detect"] + spent["classify"] - 0.02


def test_the_watch_adds_up_milliseconds() -> None:
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


def test_the_watch_counts_a_stage_that_fails() -> None:
    times = iter([0.0, 1.0, 3.0, 4.0])
    watch = Stopwatch(clock=lambda: next(times))

    with pytest.raises(NotAnImage), watch("decode"):
        broken()

    assert watch.stop(("decode",)) == {"decode": 2000.0, "total": 4000.0}
