"""What can go wrong, as exceptions."""

from __future__ import annotations

from enum import StrEnum


class ErrorCode(StrEnum):
    """The codes of a request that failed as a whole; newer servers may add some."""

    BAD_REQUEST = "bad_request"
    MALFORMED_BODY = "malformed_body"
    INVALID_PARAMETER = "invalid_parameter"
    NO_PICTURES = "no_pictures"
    NO_ROWS = "no_rows"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    TOO_MANY_PICTURES = "too_many_pictures"
    TOO_MANY_ROWS = "too_many_rows"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    THROTTLED = "throttled"
    QUOTA_EXCEEDED = "quota_exceeded"
    INTERNAL_ERROR = "internal_error"
    MODELS_UNAVAILABLE = "models_unavailable"
    TABLE_UNAVAILABLE = "table_unavailable"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"


class PictureErrorCode(StrEnum):
    """The codes of a picture that failed; newer servers may add some."""

    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED_IMAGE = "unsupported_image"
    PICTURE_TOO_LARGE = "picture_too_large"
    INVALID_BASE64 = "invalid_base64"
    URL_REFUSED = "url_refused"
    URL_FAILED = "url_failed"
    KEY_REFUSED = "key_refused"
    KEY_NOT_FOUND = "key_not_found"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    ANSWER_TOO_LARGE = "answer_too_large"


class RowErrorCode(StrEnum):
    """The codes of a row of makes and models that failed; newer servers may add some."""

    INVALID_ROW = "invalid_row"


class CarlensError(Exception):
    """The base class of all errors of this package."""


class ConnectionFailed(CarlensError):
    """The server could not be reached, or the connection broke; its cause is httpx's error."""


class UnexpectedAnswer(CarlensError):
    """The answer is not one of Carlens; check the address of the API."""


class PictureFailed(CarlensError):
    """A picture failed; see `Entry.raise_for_error`.

    Attributes
    ----------
    code : str
        As in `ItemError`.
    message : str
        For people to read.
    name : str or None
        The name of the picture.
    """

    def __init__(self, code: str, message: str, name: str | None) -> None:
        super().__init__(f"{name}: {message}" if name else message)
        self.code = code
        self.message = message
        self.name = name


class ApiError(CarlensError):
    """A request failed as a whole.

    Attributes
    ----------
    status : int
        The HTTP status.
    code : str
        One of `ErrorCode`, or a newer one; empty if the answer has none.
    message : str
        For people to read.
    request_id : str
        Quote it when you report a problem; empty if the answer has none.
    """

    def __init__(self, status: int, code: str, message: str, request_id: str) -> None:
        super().__init__(f"{message} ({status} {code})" if code else f"{message} ({status})")
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id


class BadRequest(ApiError):
    """400: the request cannot be understood."""


class Forbidden(ApiError):
    """401 or 403: a key, token or signature is missing or invalid, or the caller is blocked."""


class NotFound(ApiError):
    """404: the route or the table does not exist."""


class MethodNotAllowed(ApiError):
    """405: the route does not accept this method; the server may be older than this client."""


class TooLarge(ApiError):
    """413: too many bytes, pictures or rows."""


class UnsupportedMediaType(ApiError):
    """415: the type of the body is not supported."""


class TooManyRequests(ApiError):
    """429: too many requests at this moment, or the quota of the API key is used up."""


class InternalError(ApiError):
    """500 or 502: an unexpected failure of the server."""


class Unavailable(ApiError):
    """503: the models or the table cannot be loaded, or too many requests run."""


class TimedOut(ApiError):
    """504: the answer took longer than the gateway waits."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
    429: TooManyRequests,
    500: InternalError,
    502: InternalError,
    503: Unavailable,
    504: TimedOut,
}


def api_error(status: int, code: str, message: str, request_id: str) -> ApiError:
    """Return the error of an HTTP status."""
    return _BY_STATUS.get(status, ApiError)(status, code, message, request_id)
