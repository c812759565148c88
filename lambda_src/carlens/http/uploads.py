"""The route that gives out forms for uploads."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from carlens.config import Config
from carlens.errors import MalformedBody, NotFound, UnsupportedMediaType
from carlens.http.bodies import media_type, read_json
from carlens.http.events import Request, Response
from carlens.services.offer_uploads import offer_uploads

MAX_COUNT = 32
# The types of the formats that Carlens reads.
CONTENT_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/tiff",
    "image/heic",
    "image/heif",
    "image/avif",
)


def give_uploads(request: Request, config: Config) -> Response:
    """Answer with as many forms as the request asks for.

    Raises
    ------
    NotFound
        This deployment has no uploads.
    MalformedBody, UnsupportedMediaType
        The body does not ask for a number of forms, or is not JSON.
    """
    if not config.uploads:
        raise NotFound("This deployment has no uploads; send the pictures themselves.")
    count, content_type = _read(request)
    url = absolute_url(request, config.uploads_url)
    offered = offer_uploads(count, content_type, config, datetime.now(UTC))
    return Response.of_json({"uploads": [{"url": url, **asdict(offer)} for offer in offered]})


def _read(request: Request) -> tuple[int, str]:
    kind = media_type(request.headers.get("content-type", ""))
    if kind != "application/json":
        raise UnsupportedMediaType(f"Content-Type {kind[:80]!r} is not supported; send JSON.")
    document = read_json(request.body)
    if not isinstance(document, dict):
        raise MalformedBody('The JSON body must be {"count": …}.')
    count, content_type = document.get("count"), document.get("content_type")
    if type(count) is not int or not 1 <= count <= MAX_COUNT:  # a bool is an int, too
        raise MalformedBody(f"'count' must be a whole number from 1 to {MAX_COUNT}.")
    if content_type is not None and content_type not in CONTENT_TYPES:
        raise MalformedBody(f"'content_type' must be one of {', '.join(CONTENT_TYPES)}.")
    return count, content_type or ""


def absolute_url(request: Request, url: str) -> str:
    """Return a URL, completed with the host of the request if it is a path."""
    if not url.startswith("/"):
        return url
    scheme = request.headers.get("x-forwarded-proto", "https")
    return f"{scheme}://{request.headers.get('host', '')}{request.prefix}{url}"
