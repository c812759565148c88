"""Everything that can go wrong, each with its HTTP status and its code.

Errors are raised where they are found and become HTTP in one place, `carlens.http.dispatch`.
A `PictureError` fails one picture; any other `CarlensError` fails the request.
"""

from __future__ import annotations

from typing import ClassVar, Self


class CarlensError(Exception):
    """An error that a client may see.

    Parameters
    ----------
    message : str
        What is wrong and what to do about it, in words for the client.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InternalError(CarlensError):
    """Something broke on our side; the log has the details."""


class BadRequest(CarlensError):
    """The request cannot be understood."""

    status = 400
    code = "bad_request"


class MalformedBody(BadRequest):
    """The body is not what its Content-Type says."""

    code = "malformed_body"


class InvalidParameter(BadRequest):
    """A query parameter is out of its range."""

    code = "invalid_parameter"


class NoPictures(BadRequest):
    """The body holds nothing to look at."""

    code = "no_pictures"


class NoRows(BadRequest):
    """The body holds no makes and models to match."""

    code = "no_rows"


class NotFound(CarlensError):
    """No such route, or no such table."""

    status = 404
    code = "not_found"


class MethodNotAllowed(CarlensError):
    """The route exists but does not take this method.

    Parameters
    ----------
    message : str
        What is wrong and what to do about it.
    allow : str
        The methods that the route takes, as the `Allow` header says them.
    """

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class PayloadTooLarge(CarlensError):
    """The request is larger than Carlens reads."""

    status = 413
    code = "payload_too_large"


class TooManyPictures(PayloadTooLarge):
    """More pictures than one request may carry."""

    code = "too_many_pictures"


class TooManyRows(PayloadTooLarge):
    """More rows, or alternatives, than one request may have."""

    code = "too_many_rows"


class UnsupportedMediaType(CarlensError):
    """A body of a type that Carlens does not read."""

    status = 415
    code = "unsupported_media_type"


class ModelsUnavailable(CarlensError):
    """The models cannot be loaded now; the next call tries again."""

    status = 503
    code = "models_unavailable"


class TableUnavailable(CarlensError):
    """A reference table cannot be read now, or is wrong."""

    status = 503
    code = "table_unavailable"


class OutOfTime(CarlensError):
    """The time of the request ran out; to the client it is the gateway's own timeout."""

    status = 504
    code = "timeout"


class PictureError(CarlensError):
    """Fails one picture; its neighbors still answer."""

    def without_traceback(self) -> Self:
        """Let go of the frames that led here: they hold the picture's bytes and pixels."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class NotAnImage(PictureError):
    """The bytes are no picture, or a broken one."""

    code = "not_an_image"


class UnsupportedImage(PictureError):
    """A picture of a kind that Carlens does not read."""

    code = "unsupported_image"


class PictureTooLarge(PictureError):
    """More bytes, pixels or a longer side than allowed."""

    code = "picture_too_large"


class InvalidBase64(PictureError):
    """The text is not strict base64."""

    code = "invalid_base64"


class UrlRefused(PictureError):
    """A URL that Carlens never fetches."""

    code = "url_refused"


class UrlFailed(PictureError):
    """A URL that could not be fetched this time."""

    code = "url_failed"


class DeadlineExceeded(PictureError):
    """The time of the request ran out before this picture's turn."""

    code = "deadline_exceeded"
