"""A client for Carlens, the API that finds the vehicles in photos.

Examples
--------
>>> from carlens_client import Client
>>> with Client("http://127.0.0.1:8000") as client:
...     for photo in client.iter_predict(["street.jpg", "https://example.com/parking.jpg"]):
...         print(photo.name, [vehicle.display for vehicle in photo.objects])
"""

from carlens_client.answers import (
    Alternative,
    CatalogEntry,
    Detection,
    Entry,
    Features,
    FoundObject,
    Health,
    InputSize,
    ItemError,
    Level,
    Limits,
    Make,
    Match,
    Measurement,
    Model,
    ModelNames,
    Models,
    Name,
    PredictClasses,
    Prediction,
    Redaction,
    Region,
    Thresholds,
    Vehicle,
)
from carlens_client.client import AsyncClient, Client
from carlens_client.errors import (
    ApiError,
    BadRequest,
    CarlensError,
    ConnectionFailed,
    ErrorCode,
    Forbidden,
    InternalError,
    MethodNotAllowed,
    NotFound,
    PictureErrorCode,
    PictureFailed,
    RowErrorCode,
    TimedOut,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UnexpectedAnswer,
    UnsupportedMediaType,
)
from carlens_client.operations import DetectionOptions, PredictionOptions, RedactionOptions
from carlens_client.pictures import Picture, PictureLike

__version__ = "0.1.0"

__all__ = [
    "Alternative",
    "ApiError",
    "AsyncClient",
    "BadRequest",
    "CarlensError",
    "CatalogEntry",
    "Client",
    "ConnectionFailed",
    "Detection",
    "DetectionOptions",
    "Entry",
    "ErrorCode",
    "Features",
    "Forbidden",
    "FoundObject",
    "Health",
    "InputSize",
    "InternalError",
    "ItemError",
    "Level",
    "Limits",
    "Make",
    "Match",
    "Measurement",
    "MethodNotAllowed",
    "Model",
    "ModelNames",
    "Models",
    "Name",
    "NotFound",
    "Picture",
    "PictureErrorCode",
    "PictureFailed",
    "PictureLike",
    "PredictClasses",
    "Prediction",
    "PredictionOptions",
    "Redaction",
    "RedactionOptions",
    "Region",
    "RowErrorCode",
    "Thresholds",
    "TimedOut",
    "TooLarge",
    "TooManyRequests",
    "Unavailable",
    "UnexpectedAnswer",
    "UnsupportedMediaType",
    "Vehicle",
]
