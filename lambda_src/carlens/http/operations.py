"""What each route does: a request in, an answer out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carlens.aws.metrics import RequestStats
from carlens.errors import DeadlineExceeded, ModelsUnavailable, PictureError, UrlFailed
from carlens.http.bodies import Upload, read_uploads
from carlens.http.dispatch import RequestContext
from carlens.http.events import Request, Response
from carlens.http.query import Parameters, read_parameters, wants_detailed
from carlens.images.decoder import read_pixels, read_shape
from carlens.images.types import ImageShape, Pixels
from carlens.models.manifest import Manifest
from carlens.services.image_app import App
from carlens.vision.classifier import Classification, Classifier
from carlens.vision.detector import Detection, DetectOptions
from carlens.vision.pipeline import ImageResult, Pipeline, Stopwatch, process_images

if TYPE_CHECKING:
    from carlens.catalog.tables import Entry

_CONTRACT = Path(__file__).resolve().parents[2] / "openapi.yaml"
# What is fetched and not yet seen waits in memory, each up to the limit of a picture.
_FETCHES_AHEAD = 8
_FETCH_SECONDS = 10.0


def predict(request: Request, call: RequestContext[App]) -> Response:
    """Find the vehicles in each picture and name their make and model."""
    classifier = call.app.models().classifier
    return _see(request, call, classifier, classifier.manifest.applies_to)


def object_detection(request: Request, call: RequestContext[App]) -> Response:
    """Find the objects in each picture."""
    return _see(request, call, None, call.app.models().detector.manifest.labels)


def shape(request: Request, call: RequestContext[App]) -> Response:
    """Give each picture's height, width and channels."""
    return _measure(request, call, lambda size, shape: [*asdict(shape).values()] if shape else [])


def size(request: Request, call: RequestContext[App]) -> Response:
    """Give the bytes of each picture."""
    return _measure(request, call, lambda size, shape: size)


def health(request: Request, call: RequestContext[App]) -> Response:
    """Tell whether this copy can answer."""
    config = call.app.config
    try:
        call.app.models()
    except ModelsUnavailable as error:
        status, http = "unavailable", error.status
    else:
        status, http = "ok", 200
    models = {"detector": config.detector, "classifier": config.classifier}
    return Response.of_json(
        {"status": status, "version": config.version, "models": models}, status=http
    )


def models(request: Request, call: RequestContext[App]) -> Response:
    """Tell all about the models."""
    bundle = call.app.models()
    return Response.of_json(
        {
            "detector": _describe(bundle.detector.manifest),
            "classifier": _describe(bundle.classifier.manifest),
        }
    )


def contract(request: Request, call: RequestContext[App]) -> Response:
    """Give the OpenAPI document, without what only deployments read."""
    return Response.of_json({**_contract(), "servers": [{"url": request.prefix or "/"}]})


def page(request: Request, call: RequestContext[App]) -> Response:
    """Give the page on which a person tries Carlens."""
    from carlens import web  # only this route pays for it

    html, policy = web.page(request.prefix)
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return Response(200, html, headers)


def _see(
    request: Request,
    call: RequestContext[App],
    classifier: Classifier | None,
    allowed: tuple[str, ...],
) -> Response:
    app, watch = call.app, Stopwatch()
    bundle = app.models()
    detector = bundle.detector
    detailed = wants_detailed(request.query)
    parameters = read_parameters(request.query, allowed)
    uploads = _uploads(request, call, watch)
    with _contents(uploads, call) as contents:
        sights = process_images(
            (_decoder(content, call, watch) for content in contents),
            Pipeline(
                detector,
                _options(parameters, frozenset(allowed), app, detector.manifest),
                classifier,
                parameters.top_k,
            ),
            out_of_time=call.out_of_time,
            watch=watch,
            decode_ahead=app.config.threads > 1 and len(uploads) > 1,
        )
    references = bundle.references if detailed else None
    results = [
        [] if isinstance(sight, PictureError) else _objects(sight, references) for sight in sights
    ]
    outcome = RequestStats(
        pictures=len(uploads),
        objects=sum(map(len, results)),
        failures=_failures(sights),
        stages=watch.stop(("read", "decode", "detect", "classify")),
    )
    if not detailed:
        return Response.of_json(results, outcome=outcome)
    images = [
        {
            **_image(index, upload),
            "width": None if isinstance(sight, PictureError) else sight.width,
            "height": None if isinstance(sight, PictureError) else sight.height,
            "objects": objects,
            "error": _error(sight),
        }
        for index, (upload, sight, objects) in enumerate(zip(uploads, sights, results, strict=True))
    ]
    used = {"detector": detector.manifest}
    if classifier is not None:
        used["classifier"] = classifier.manifest
    document = {
        "request_id": call.request_id,
        "models": {
            task: {"name": model.name, "version": model.version} for task, model in used.items()
        },
        "images": images,
        "timing_ms": outcome.stages,
    }
    return Response.of_json(document, outcome=outcome)


def _measure(
    request: Request,
    call: RequestContext[App],
    brief: Callable[[int | None, ImageShape | None], object],
) -> Response:
    app, watch = call.app, Stopwatch()
    detailed = wants_detailed(request.query)
    uploads = _uploads(request, call, watch)
    with watch("read"), _contents(uploads, call) as contents:
        measured = [_size_and_shape(content, app) for content in contents]
    outcome = RequestStats(
        pictures=len(uploads),
        failures=_failures(error for _, _, error in measured),
        stages=watch.stop(("read",)),
    )
    if not detailed:
        return Response.of_json(
            [brief(size, found) for size, found, _ in measured], outcome=outcome
        )
    nothing: dict[str, int | None] = {"height": None, "width": None, "channels": None}
    images = [
        {
            **_image(index, upload),
            **(asdict(found) if found else nothing),
            "bytes": size,
            "error": _error(error),
        }
        for index, (upload, (size, found, error)) in enumerate(zip(uploads, measured, strict=True))
    ]
    document = {"request_id": call.request_id, "images": images, "timing_ms": outcome.stages}
    return Response.of_json(document, outcome=outcome)


def _uploads(request: Request, call: RequestContext[App], watch: Stopwatch) -> list[Upload]:
    with watch("read"):
        return read_uploads(request, max_pictures=call.app.config.max_pictures)


def _failures(results: Iterable[object]) -> tuple[str, ...]:
    return tuple(result.code for result in results if isinstance(result, PictureError))


Content = Callable[[], bytes]


@contextmanager
def _contents(uploads: list[Upload], call: RequestContext[App]) -> Iterator[Iterator[Content]]:
    """Give, one after the other, what returns an upload's bytes or raises its PictureError.

    URLs are fetched side by side in the background while earlier pictures are seen, a few
    ahead; what was fetched is let go with the step to the next upload.
    """
    pool = ThreadPoolExecutor(_FETCHES_AHEAD)  # starts a thread only when there is a URL
    try:
        yield _each(uploads, call, pool)
    finally:
        # Fetches under way end by themselves, at the latest at the deadline.
        pool.shutdown(wait=False, cancel_futures=True)


def _each(
    uploads: list[Upload], call: RequestContext[App], pool: ThreadPoolExecutor
) -> Iterator[Content]:
    urls = (upload.content for upload in uploads if isinstance(upload.content, str))
    started = (pool.submit(_fetch, url, call) for url in urls)
    fetches = deque(islice(started, _FETCHES_AHEAD))
    for upload in uploads:
        if isinstance(upload.content, str):
            yield fetches.popleft().result
            fetches.extend(islice(started, 1))
        else:
            yield _given(upload.content)


def _given(content: bytes | PictureError) -> Content:
    def give() -> bytes:
        if isinstance(content, PictureError):
            raise content
        return content

    return give


def _fetch(url: str, call: RequestContext[App]) -> bytes:
    from carlens.inputs import url as remote  # only pictures named by URL pay for it

    if call.out_of_time():
        raise DeadlineExceeded("The time of the request ran out before this URL was fetched.")
    config = call.app.config
    try:
        return remote.fetch(
            url,
            max_bytes=config.max_bytes,
            timeout=min(_FETCH_SECONDS, call.seconds_left()),
            allowed_hosts=config.allowed_hosts,
        )
    except UrlFailed as error:
        if not call.out_of_time():
            raise
        message = "The time of the request ran out while this URL was fetched."
        raise DeadlineExceeded(message) from error


def _decoder(content: Content, call: RequestContext[App], watch: Stopwatch) -> Callable[[], Pixels]:
    def decode() -> Pixels:
        with watch("read"):
            data = content()
        with watch("decode"):
            return read_pixels(data, call.app.limits)

    return decode


def _size_and_shape(
    content: Content, app: App
) -> tuple[int | None, ImageShape | None, PictureError | None]:
    size = None
    try:
        data = content()
        size = len(data)
        return size, read_shape(data, app.limits), None
    except PictureError as error:
        return size, None, error.without_traceback()


def _options(
    parameters: Parameters, allowed: frozenset[str], app: App, manifest: Manifest
) -> DetectOptions:
    """Take each option from the request, else from the settings, else from the manifest."""
    config, defaults = app.config, manifest.thresholds

    def first(*values: float | None) -> float:
        return next(value for value in values if value is not None)

    return DetectOptions(
        confidence=first(parameters.confidence, config.confidence, defaults.confidence),
        iou=defaults.iou,
        merge_iou=defaults.merge_iou,
        min_area=first(config.min_area, defaults.min_area),
        slices=int(first(parameters.slices, config.slices, defaults.slices)),
        max_objects=parameters.max_objects,
        classes=parameters.classes or allowed,
    )


# Label -> reference; None asks for the short form, which has none.
def _objects(sight: ImageResult, references: Mapping[str, Entry] | None) -> list[dict[str, Any]]:
    if not sight.classifications:
        return [_object(found) for found in sight.objects]
    return [
        _named_object(found, name, references)
        for found, name in zip(sight.objects, sight.classifications, strict=True)
    ]


def _object(found: Detection) -> dict[str, Any]:
    return {
        # Half up: unlike round(), it never makes a box of a pixel empty.
        "x1": int(found.x1 + 0.5),
        "y1": int(found.y1 + 0.5),
        "x2": int(found.x2 + 0.5),
        "y2": int(found.y2 + 0.5),
        "class_name": found.class_name,
        "confidence": round(found.confidence, 4),
        "label": f"{found.class_name}: {found.confidence:.2f}",
    }


def _named_object(
    found: Detection, name: Classification, references: Mapping[str, Entry] | None
) -> dict[str, Any]:
    named = {
        **_object(found),
        "label": f"{name.names[0]}: {name.probs[0]:.2f}",
        "pred": list(name.names),
        "prob": [round(prob, 4) for prob in name.probs],
    }
    if references is not None:
        make, reference = name.make, references.get(name.names[0])
        named["certain"] = name.certain
        named["make"] = make and {"name": make.name, "prob": round(make.prob, 4)}
        named["reference"] = reference and {"make": reference.make, "model": reference.model}
    return named


def _image(index: int, upload: Upload) -> dict[str, Any]:
    return {"index": index, "field": upload.field, "name": upload.name}


def _error(result: object) -> dict[str, str] | None:
    if not isinstance(result, PictureError):
        return None
    return {"code": result.code, "message": result.message}


def _describe(manifest: Manifest) -> dict[str, Any]:
    thresholds = asdict(manifest.thresholds)
    if manifest.task == "classify":
        thresholds = {"confidence": thresholds["confidence"]}
    return {
        "name": manifest.name,
        "version": manifest.version,
        "task": manifest.task,
        "license": manifest.license,
        "source": manifest.source,
        "trained_on": manifest.trained_on,
        "limits": manifest.limits,
        "classes": list(manifest.labels),
        "thresholds": thresholds,
        "input": {"width": manifest.input.width, "height": manifest.input.height},
    }


@cache
def _contract() -> dict[str, Any]:
    import yaml  # only this route pays for it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document: dict[str, Any] = _public(yaml.load(_CONTRACT.read_text("utf-8"), loader))  # noqa: S506 - both loaders are safe
    return document


def _public(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _public(member)
            for key, member in value.items()
            if not str(key).startswith(("x-amazon-", "x-carlens-"))
        }
    return [_public(member) for member in value] if isinstance(value, list) else value
