"""The route that redacts pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import get_args

import pybase64

from carlens.config import Config
from carlens.errors import AnswerTooLarge, NotFound, PictureError
from carlens.http.bodies import media_type
from carlens.http.dispatch import RequestContext
from carlens.http.events import Request, Response
from carlens.http.pictures import read_pictures
from carlens.http.query import Query, read_choice, read_choices, read_query_number, wants_detailed
from carlens.http.serializers import detailed_json, redacted_json, regions_json
from carlens.http.uploads import absolute_url
from carlens.images.encode import OutputFormat
from carlens.images.redact import Style
from carlens.models.manifest import Manifest
from carlens.services.anonymize import (
    Redacted,
    RedactOptions,
    Redactor,
    Target,
    anonymize,
    make_redactor,
    redaction_stats,
)
from carlens.services.offer_download import offer_download
from carlens.services.recognition_app import RecognitionApp
from carlens.storage import WritableStorage
from carlens.timing import Stopwatch

_FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
# Base64 of pictures in a response, in characters; the quota of Lambda leaves room for the rest.
_MAX_CHARACTERS = 5_400_000
_REGION_CHARACTERS = 120  # of the JSON of a region, at most


@dataclass(frozen=True)
class _Packed:
    """A result, and the redacted picture as base64 or its URL."""

    result: Redacted | PictureError
    picture: str | None = None
    url: str | None = None


def redact_pictures(request: Request, context: RequestContext[RecognitionApp]) -> Response:
    """Redact the pictures of a request.

    Raises
    ------
    NotFound
        This deployment does not anonymize.
    InvalidParameter
        A query parameter has a value that is not allowed.
    ModelsUnavailable
        A model cannot be loaded.
    PictureError
        The response is a picture, which failed.
    """
    app, watch = context.app, Stopwatch()
    if not app.config.anonymize:
        raise NotFound("This deployment does not anonymize pictures.")
    detailed, options = wants_detailed(request.query), read_options(request.query)
    with watch("read"):
        sources = read_pictures(request, max_pictures=app.config.max_pictures)
    accepted = _accepted_pictures(request)
    as_picture = bool(accepted) and len(sources) == 1
    if as_picture and "output" not in request.query:
        chosen = next((each for each in _FORMATS if f"image/{each}" in accepted), options.output)
        options = replace(options, output=chosen)
    redactor = make_redactor(app, options)
    results = anonymize(sources, redactor, context.deadline, watch, files=detailed or as_picture)
    if as_picture:
        [result] = results
        return _picture(result, watch)
    if not detailed:
        found = list(results)
        return Response.of_json(list(map(regions_json, found)), stats=redaction_stats(found, watch))
    packed = _pack(results, request, app)
    stats = redaction_stats([each.result for each in packed], watch)
    images = [
        redacted_json(index, source, each.result, each.picture, each.url)
        for index, (source, each) in enumerate(zip(sources, packed, strict=True))
    ]
    document = detailed_json(context.request_id, images, stats.stages, _manifests(redactor))
    return Response.of_json(document, stats=stats)


def read_options(query: Query) -> RedactOptions:
    """Validate a query.

    Raises
    ------
    InvalidParameter
        Names the parameter and the values that are allowed.
    """
    margin = read_query_number(query, "margin", float, 0.0, 1.0)
    return RedactOptions(
        targets=read_choices(query, "redact", get_args(Target)) or RedactOptions.targets,
        style=read_choice(query, "style", get_args(Style)) or RedactOptions.style,
        margin=RedactOptions.margin if margin is None else margin,
        confidence=read_query_number(query, "confidence", float, 0.0, 1.0),
        output=read_choice(query, "output", (*_FORMATS, "same")) or RedactOptions.output,
    )


def _accepted_pictures(request: Request) -> list[str]:
    """Return the media types of the Accept header, if the first is that of a picture.

    The first decides, because the gateway decodes base64 by it alone.
    """
    accepted = [media_type(each) for each in request.headers.get("accept", "").split(",")]
    return accepted if accepted[0].startswith("image/") else []


def _picture(result: Redacted | PictureError, watch: Stopwatch) -> Response:
    if isinstance(result, PictureError):
        raise result
    body = _base64(result.file)
    if len(body) > _MAX_CHARACTERS:
        raise _too_large(result, "format=detailed without this Accept header")
    headers = {
        "Content-Type": f"image/{result.format}",
        "Content-Encoding": "identity",  # otherwise the gateway compresses the picture again
        "Cache-Control": "no-store",
    }
    return Response(200, body, headers, redaction_stats([result], watch), binary=True)


def _pack(
    results: Iterable[Redacted | PictureError], request: Request, app: RecognitionApp
) -> list[_Packed]:
    """Put pictures into the response while there is room, and then where they can be fetched."""
    packed, room = [], _MAX_CHARACTERS
    for result in results:
        if isinstance(result, PictureError):
            packed.append(_Packed(result))
            continue
        # Only its base64 is kept: the pictures of a request may be too large together.
        bare = replace(result, file=b"")
        regions = _REGION_CHARACTERS * len(result.regions)
        needed = regions + 4 * -(-len(result.file) // 3)
        if needed <= room:
            room -= needed
            packed.append(_Packed(bare, picture=_base64(result.file)))
        elif app.uploads is not None and regions <= room:
            room -= regions
            base = absolute_url(request, app.config.uploads_url)
            packed.append(_fetchable(result, bare, base, app.uploads, app.config))
        else:
            packed.append(_Packed(_too_large(result, "a deployment with uploads")))
    return packed


def _fetchable(
    result: Redacted, bare: Redacted, base: str, store: WritableStorage, config: Config
) -> _Packed:
    try:
        url = offer_download(result.file, result.format, base, store, config, datetime.now(UTC))
    except PictureError as error:
        return _Packed(error.without_traceback())
    return _Packed(bare, url=url)


def _too_large(result: Redacted, other: str) -> AnswerTooLarge:
    return AnswerTooLarge(
        f"The redacted picture has {len(result.file):,} bytes and does not fit into the response. "
        f"Send fewer or smaller pictures, or use output=jpeg or {other}."
    )


def _base64(data: bytes) -> str:
    return pybase64.b64encode(data).decode("ascii")


def _manifests(redactor: Redactor) -> dict[str, Manifest]:
    """Return the manifests of the models in use, by their role."""
    found: dict[str, Manifest] = {
        target: model.manifest for target, model in redactor.models.items()
    }
    if redactor.classes:
        found["detector"] = redactor.app.models().detector.manifest
    return found
