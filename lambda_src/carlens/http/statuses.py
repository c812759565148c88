"""The HTTP status of each error."""

from __future__ import annotations

from carlens import errors

# An error without a status of its own has that of its nearest base class.
_STATUSES: dict[type[errors.CarlensError], int] = {
    errors.BadRequest: 400,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.CarlensError: 500,
    # Of a request whose response would be the picture itself.
    errors.PictureError: 400,
    errors.PictureTooLarge: 413,
    errors.UnsupportedImage: 415,
    errors.AnswerTooLarge: 413,
    errors.DeadlineExceeded: 504,
    errors.ModelsUnavailable: 503,
    errors.TableUnavailable: 503,
    errors.OutOfTime: 504,
}


def status_of(error: type[errors.CarlensError]) -> int:
    """Return the HTTP status of an error."""
    return next(_STATUSES[base] for base in error.__mro__ if base in _STATUSES)
