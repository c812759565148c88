"""The HTTP status of each error."""

from __future__ import annotations

import pytest

from carlens import errors
from carlens.http.statuses import status_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.CarlensError, 500),
        (errors.InternalError, 500),
        (errors.BadRequest, 400),
        (errors.InvalidParameter, 400),
        (errors.NoRows, 400),
        (errors.NotFound, 404),
        (errors.MethodNotAllowed, 405),
        (errors.PayloadTooLarge, 413),
        (errors.TooManyPictures, 413),
        (errors.UnsupportedMediaType, 415),
        (errors.ModelsUnavailable, 503),
        (errors.TableUnavailable, 503),
        (errors.OutOfTime, 504),
    ],
)
def test_an_error_has_the_status_of_its_nearest_base(
    error: type[errors.CarlensError], status: int
) -> None:
    assert status_of(error) == status
