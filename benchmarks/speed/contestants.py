"""Functions that process the same pictures, each called as its users would call it."""

from __future__ import annotations

import base64
import io
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.speed.pictures import Case, form
from carlens.ranges import Slices

# The classes of the vehicles in each picture.
Seen = list[list[str]]
Run = Callable[[], Seen]


def event(case: Case, slices: Slices, **query: str) -> dict[str, Any]:
    """Build the event in which API Gateway sends the pictures of a case to a function."""
    return event_of(case.files(), slices, **query)


def event_of(files: Sequence[bytes], slices: Slices | None = None, **query: str) -> dict[str, Any]:
    """Build the event for picture files; without `slices`, the default of the model applies."""
    body, content_type = form(files)
    given = {"slices": str(slices)} if slices else {}
    return {
        "httpMethod": "POST",
        "path": "/predict",
        "headers": {"Content-Type": content_type},
        "queryStringParameters": {**given, **query},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


def carlens(case: Case, slices: Slices) -> Run:
    """Call the handler."""
    import handler

    given = event(case, slices)

    def run() -> Seen:
        answer = handler.lambda_handler(given, None)
        return [[o["class_name"] for o in picture] for picture in json.loads(answer["body"])]

    return run


def passes(case: Case, slices: Slices) -> float:
    """Return in how many passes the detector sees a picture, on average."""
    import handler

    answer = handler.lambda_handler(event(case, slices, format="detailed"), None)
    seen = [picture["passes"] for picture in json.loads(answer["body"])["images"]]
    return round(float(statistics.mean(seen)), 2)


def floor(case: Case, slices: Slices) -> Run:
    """Do only the necessary work: decode, run the detector, and run the classifier once.

    The tensors are recorded from Carlens beforehand, so that all contestants run the models on the
    same input.
    """
    import handler

    bundle = handler.app.models()
    views: list[NDArray[np.float32]] = []
    crops: list[NDArray[np.float32]] = []
    assert bundle.classifier is not None
    detector, classifier = bundle.detector._model, bundle.classifier._model
    with _recorded(detector, views), _recorded(classifier, crops):
        seen = carlens(case, slices)()
    batch = np.concatenate(crops)
    files = [np.frombuffer(file, np.uint8) for file in case.files()]

    def run() -> Seen:
        for file in files:
            cv2.imdecode(file, cv2.IMREAD_COLOR)
        # With "auto", a picture may have two runs: the whole picture, then its tiles.
        for view in views:
            detector.run(view)
        classifier.run(batch)
        return seen

    return run


@contextmanager
def _recorded(model: Any, into: list[NDArray[np.float32]]) -> Iterator[None]:
    """Record the inputs of a model."""
    run = model.run

    def record(batch: NDArray[np.float32]) -> Any:
        into.append(batch.copy())
        return run(batch)

    model.run = record
    try:
        yield
    finally:
        del model.run


def original(case: Case, slices: Slices) -> Run:
    """Process pictures as the original project did, in one pass."""
    import pandas as pd
    from PIL import Image
    from requests_toolbelt import MultipartDecoder

    from benchmarks.speed.baseline import Baseline, merge

    assert slices == 1, "the original processes a picture in one pass"
    baseline = Baseline()
    given = event(case, slices)

    def run() -> Seen:
        body = base64.b64decode(given["body"])
        parts = MultipartDecoder(body, given["headers"]["Content-Type"]).parts
        results = []
        for part in parts:
            image = Image.open(io.BytesIO(part.content)).convert("RGB")
            boxes, scores, classes = baseline.detect(image)
            frame = pd.DataFrame(boxes, columns=["x1", "y1", "x2", "y2"])
            frame["score"], frame["class"] = scores, classes
            frame = frame.sort_values("score", ascending=False)
            kept = merge(
                frame[["x1", "y1", "x2", "y2"]].to_numpy(),
                frame["score"].to_numpy(),
                frame["class"].to_numpy(),
                image,
            )
            results.append(baseline.describe(image, *kept))
        return [[o["class_name"] for o in picture] for picture in json.loads(json.dumps(results))]

    return run


CONTESTANTS: dict[str, Callable[[Case, Slices], Run]] = {
    "floor": floor,
    "Carlens": carlens,
    "original": original,
}
