"""The errors that a client may see, each with its code.

A `PictureError` fails one picture; any other `CarlensError` fails the request. HTTP statuses are
in `carlens.http.statuses`.
"""

from __future__ import annotations

from typing import ClassVar, Self


class CarlensError(Exception):
    """An error that a client may see.

    Parameters
    ----------
    message : str
        What is wrong and what the client can do about it.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InternalError(CarlensError):
    """An unexpected failure; the log has the details."""


class BadRequest(CarlensError):
    """The request cannot be understood."""

    code = "bad_request"


class MalformedBody(BadRequest):
    """The body does not match its Content-Type."""

    code = "malformed_body"


class InvalidParameter(BadRequest):
    """A query parameter has a value that is not allowed."""

    code = "invalid_parameter"


class NoPictures(BadRequest):
    """The body contains no pictures."""

    code = "no_pictures"


class NoRows(BadRequest):
    """The body contains no makes and models to match."""

    code = "no_rows"


class NotFound(CarlensError):
    """The route or the table does not exist."""

    code = "not_found"


class MethodNotAllowed(CarlensError):
    """The route exists but does not accept this method.

    Parameters
    ----------
    message : str
        What is wrong and what the client can do about it.
    allow : str
        The methods that the route accepts, as in the `Allow` header.
    """

    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class PayloadTooLarge(CarlensError):
    """The request or its response is too large."""

    code = "payload_too_large"


class TooManyPictures(PayloadTooLarge):
    """The request has more pictures than are allowed."""

    code = "too_many_pictures"


class TooManyRows(PayloadTooLarge):
    """The request asks for more rows or alternatives than are allowed."""

    code = "too_many_rows"


class UnsupportedMediaType(CarlensError):
    """The body's Content-Type is not supported."""

    code = "unsupported_media_type"


class ModelsUnavailable(CarlensError):
    """The models cannot be loaded now; the next request tries again."""

    code = "models_unavailable"


class TableUnavailable(CarlensError):
    """A catalog table is invalid, or cannot be read now."""

    code = "table_unavailable"


class OutOfTime(CarlensError):
    """The request ran out of time. Clients see the same code as for the gateway's timeout."""

    code = "timeout"


class PictureError(CarlensError):
    """Fails one picture; the other pictures of the request are not affected."""

    def without_traceback(self) -> Self:
        """Drop the traceback and causes, whose frames keep the picture in memory."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class NotAnImage(PictureError):
    """The bytes are not a picture, or the picture is damaged."""

    code = "not_an_image"


class UnsupportedImage(PictureError):
    """The picture has a format that is not supported."""

    code = "unsupported_image"


class PictureTooLarge(PictureError):
    """The picture exceeds the limits on bytes, pixels or sides."""

    code = "picture_too_large"


class InvalidBase64(PictureError):
    """The text is not strict base64."""

    code = "invalid_base64"


class UrlRefused(PictureError):
    """The URL must not be fetched."""

    code = "url_refused"


class UrlFailed(PictureError):
    """Fetching the URL failed."""

    code = "url_failed"


class KeyRefused(PictureError):
    """The key is not one that this deployment gave out."""

    code = "key_refused"


class KeyNotFound(PictureError):
    """Nothing can be read under the key."""

    code = "key_not_found"


class DeadlineExceeded(PictureError):
    """The request ran out of time before this picture was processed."""

    code = "deadline_exceeded"


class AnswerTooLarge(PictureError):
    """The redacted picture does not fit into the response."""

    code = "answer_too_large"
