"""The routes of the recognition function."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple
from typing import Any

from carlens.aws.metrics import RequestStats
from carlens.config import NO_CLASSIFIER
from carlens.errors import ModelsUnavailable, NotFound, PictureError
from carlens.http import dispatch
from carlens.http.contract import public_contract
from carlens.http.events import Request, Response
from carlens.http.pictures import read_pictures
from carlens.http.query import read_parameters, wants_detailed
from carlens.http.serializers import (
    detailed_json,
    features_json,
    image_json,
    limits_json,
    measurement_json,
    model_json,
    objects_json,
    predict_json,
    vehicles_json,
)
from carlens.http.statuses import status_of
from carlens.inputs.sources import PictureSource
from carlens.models.manifest import Manifest
from carlens.services.analyze import STAGES, analyze
from carlens.services.measure import Measurement, measure
from carlens.services.recognition_app import RecognitionApp
from carlens.timing import Stopwatch

RequestContext = dispatch.RequestContext[RecognitionApp]


def predict(request: Request, context: RequestContext) -> Response:
    """Find the vehicles in each picture, and name their make and model."""
    bundle = context.app.naming_models()
    return _analyze(request, context, bundle.vehicles, bundle.applies_to, named=True)


def object_detection(request: Request, context: RequestContext) -> Response:
    """Find the objects in each picture."""
    labels = context.app.models().detector.manifest.labels
    return _analyze(request, context, labels)


def shape(request: Request, context: RequestContext) -> Response:
    """Return the height, width and channels of each picture."""
    return _measure(
        request, context, lambda found: list(astuple(found.shape)) if found.shape else []
    )


def size(request: Request, context: RequestContext) -> Response:
    """Return the size of each picture in bytes."""
    return _measure(request, context, lambda found: found.size)


def uploads(request: Request, context: RequestContext) -> Response:
    """Give out forms with which a client uploads pictures."""
    from carlens.http.uploads import give_uploads  # only this route pays for the import

    return give_uploads(request, context.app.config)


def anonymize(request: Request, context: RequestContext) -> Response:
    """Redact plates, faces and people in each picture."""
    from carlens.http.anonymize import redact_pictures  # only this route pays for the import

    return redact_pictures(request, context)


def health(request: Request, context: RequestContext) -> Response:
    """Report whether the function can answer requests."""
    config = context.app.config
    status, http = "ok", 200
    names_vehicles = config.classifier != NO_CLASSIFIER
    try:
        names_vehicles = context.app.models().classifier is not None
    except ModelsUnavailable as error:
        status, http = "unavailable", status_of(type(error))
    models = {
        "detector": config.detector,
        "classifier": config.classifier if names_vehicles else None,
    }
    document = {
        "status": status,
        "version": config.version,
        "models": models,
        "limits": limits_json(config),
        "features": features_json(config),
    }
    return Response.of_json(document, status=http)


def models(request: Request, context: RequestContext) -> Response:
    """Describe the models."""
    bundle = context.app.models()
    document = {
        "detector": model_json(bundle.detector.manifest),
        "classifier": bundle.classifier and model_json(bundle.classifier.manifest),
        "predict": None if bundle.misfit else predict_json(bundle.vehicles, bundle.applies_to),
        **{
            target: manifest and model_json(manifest)
            for target, manifest in context.app.region_manifests().items()
        },
    }
    return Response.of_json(document)


def contract(request: Request, context: RequestContext) -> Response:
    """Return the OpenAPI document."""
    return Response.of_json({**public_contract(), "servers": [{"url": request.prefix or "/"}]})


def page(request: Request, context: RequestContext) -> Response:
    """Return the web page."""
    from carlens import web  # only this route pays for the import

    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": web.content_security_policy(context.app.config.uploads_url),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return Response(200, web.page(request.prefix), headers)


def asset(request: Request, context: RequestContext) -> Response:
    """Return a script, a stylesheet or an example photo of the page."""
    from carlens import web  # only this route pays for the import

    version, name = (context.path_parameters[part] for part in ("version", "name"))
    found = web.asset(version, name)
    if found is None:
        raise NotFound("The page has no such file. Reload the page.")
    caching = "public, max-age=31536000, immutable" if version == web.version() else "no-store"
    return Response(200, found.text, {"Content-Type": found.content_type, "Cache-Control": caching})


ROUTES: dispatch.Routes[RecognitionApp] = {
    "/": {"GET": page},
    "/anonymize": {"POST": anonymize},
    "/assets/{version}/{name}": {"GET": asset},
    "/health": {"GET": health},
    "/models": {"GET": models},
    "/object_detection": {"POST": object_detection},
    "/openapi.json": {"GET": contract},
    "/predict": {"POST": predict},
    "/shape": {"POST": shape},
    "/size": {"POST": size},
    "/uploads": {"POST": uploads},
}


def respond(event: object, context: Any, app: RecognitionApp) -> dict[str, Any]:
    """Answer a REST proxy event; see `dispatch.respond`."""
    return dispatch.respond(event, context, app, ROUTES)


def _analyze(
    request: Request,
    context: RequestContext,
    classes: tuple[str, ...],
    default_classes: tuple[str, ...] | None = None,
    *,
    named: bool = False,
) -> Response:
    app, watch = context.app, Stopwatch()
    bundle = app.models()
    detailed = wants_detailed(request.query)
    parameters = read_parameters(request.query, classes, default_classes)
    sources = _read_pictures(request, app, watch)
    results = analyze(sources, app, parameters, context.deadline, watch, named=named)
    references = bundle.references if detailed and named else None
    objects = [
        vehicles_json(result, references) if named else objects_json(result) for result in results
    ]
    stats = RequestStats(
        pictures=len(sources),
        objects=sum(map(len, objects)),
        failures=_failure_codes(results),
        stages=watch.stop(STAGES),
    )
    if not detailed:
        return Response.of_json(objects, stats=stats)
    manifests: dict[str, Manifest | None] = {"detector": bundle.detector.manifest}
    if named:
        classifier = bundle.classifier
        manifests["classifier"] = None if classifier is None else classifier.manifest
    images = [
        image_json(index, *described)
        for index, described in enumerate(zip(sources, results, objects, strict=True))
    ]
    document = detailed_json(context.request_id, images, stats.stages, manifests)
    return Response.of_json(document, stats=stats)


def _measure(
    request: Request, context: RequestContext, brief: Callable[[Measurement], object]
) -> Response:
    app, watch = context.app, Stopwatch()
    detailed = wants_detailed(request.query)
    sources = _read_pictures(request, app, watch)
    with watch("read"):
        measured = measure(sources, app, context.deadline)
    stats = RequestStats(
        pictures=len(sources),
        failures=_failure_codes(found.error for found in measured),
        stages=watch.stop(("read",)),
    )
    if not detailed:
        return Response.of_json([brief(found) for found in measured], stats=stats)
    images = [
        measurement_json(index, *described)
        for index, described in enumerate(zip(sources, measured, strict=True))
    ]
    document = detailed_json(context.request_id, images, stats.stages)
    return Response.of_json(document, stats=stats)


def _failure_codes(results: Iterable[object]) -> tuple[str, ...]:
    return tuple(result.code for result in results if isinstance(result, PictureError))


def _read_pictures(request: Request, app: RecognitionApp, watch: Stopwatch) -> list[PictureSource]:
    with watch("read"):
        return read_pictures(request, max_pictures=app.config.max_pictures)
