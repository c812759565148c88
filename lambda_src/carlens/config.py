"""The settings of a function, read once from its environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from carlens import __version__
from carlens.ranges import Slices, T, read_number, read_slices

V = TypeVar("V")

# The classifier of a deployment that only detects.
NO_CLASSIFIER = "none"

# Signs the forms of the local server, which sets it; only there uploads are in a folder.
UPLOADS_SECRET = "CARLENS_UPLOADS_SECRET"  # noqa: S105 - the name of a variable

# API Gateway hands a function 6 MB of event, base64 included: about 4.5 MB of form.
REQUEST_BYTES = 4_500_000

_FLAGS = {"yes": True, "true": True, "no": False, "false": False}


def default_models(package: Path) -> Path:
    """Return the folder with the models that come with Carlens.

    A wheel has it inside the package; in a checkout it is next to `lambda_src`.
    """
    inside = package / "models" / "data"
    return inside if inside.is_dir() else package.parents[1] / "models"


@dataclass(frozen=True)
class Config:
    """Settings from the `CARLENS_*` environment variables.

    Attributes
    ----------
    models : str
        A folder or `s3://bucket/prefix` that contains one folder per model.
    detector, classifier : str
        The names of the models to use; the classifier may be `none`, for detection alone.
    plates, faces : str
        The names of the models that find what `/anonymize` redacts.
    detector_hash, classifier_hash, plates_hash, faces_hash : str
        The hash of each model's files, which is part of their keys in the bucket.
    applies_to : tuple of str
        The detector's classes that `/predict` names, and finds by default; empty for those in the
        classifier's manifest.
    threads : int
        Threads that a model run may use: the function's vCPUs.
    cors_origins : tuple of str
        Origins whose pages may call the API; `("*",)` for any.
    urls : bool
        Whether pictures may be named by URL.
    allowed_hosts : frozenset of str
        Private hosts that picture URLs may name, each `name` or `name:port`.
    max_pictures : int
        The most pictures in a request.
    max_bytes, max_pixels, max_side : int
        The limits of one picture: encoded bytes, width x height, the longer side.
    confidence, min_area : float or None
        0..1; override the manifest of the detector.
    slices : int, "auto" or None
        1..3, or "auto"; overrides the manifest of the detector.
    tables : str
        A folder or `s3://bucket/prefix` with catalog tables `<name>.csv`. They are added to the
        built-in tables and take precedence over them. Empty for none.
    uploads : str
        Where uploaded pictures are: `s3://bucket`, or the folder of the local server. Empty if
        there are no uploads.
    uploads_url : str
        Where clients send uploads: a URL, or a path of this server.
    anonymize : bool
        Whether pictures can be redacted.
    batch : bool
        Whether batch jobs are deployed next to the API.
    metrics : str
        The CloudWatch namespace of the logged metrics; empty to log none.
    results : str
        The bucket that batch jobs write to.
    plan_photos : int
        Photos after which a batch job continues its plan in another round.
    version : str
        The version that `/health` reports.
    """

    models: str = str(default_models(Path(__file__).resolve().parent))
    detector: str = "ssdlite-mobilenet-v2-coco"
    classifier: str = "efficientnet-lite0-cars"
    plates: str = "plates-fcn"
    faces: str = "centerface"
    detector_hash: str = ""
    classifier_hash: str = ""
    plates_hash: str = ""
    faces_hash: str = ""
    applies_to: tuple[str, ...] = ()
    threads: int = 1
    cors_origins: tuple[str, ...] = ("*",)
    urls: bool = True
    allowed_hosts: frozenset[str] = frozenset()
    max_pictures: int = 32
    max_bytes: int = 20 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 20_000
    confidence: float | None = None
    min_area: float | None = None
    slices: Slices | None = None
    tables: str = ""
    uploads: str = ""
    uploads_url: str = ""
    anonymize: bool = False
    batch: bool = False
    metrics: str = ""
    results: str = ""
    plan_photos: int = 5_000_000
    version: str = __version__

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Config:
        """Read the `CARLENS_*` variables. A variable that is unset or empty keeps its default.

        Raises
        ------
        ValueError
            A variable has a value that is not allowed; the message names it and its range.
        """

        def text(name: str, default: str) -> str:
            return env.get(f"CARLENS_{name}") or default

        def number(name: str, parse: Callable[[str], T], low: T, high: T, default: T) -> T:
            found = _number(env, name, parse, low, high)
            return default if found is None else found

        return cls(
            models=text("MODELS", cls.models),
            detector=text("DETECTOR", cls.detector),
            classifier=text("CLASSIFIER", cls.classifier),
            plates=text("PLATES", cls.plates),
            faces=text("FACES", cls.faces),
            detector_hash=text("DETECTOR_HASH", cls.detector_hash),
            classifier_hash=text("CLASSIFIER_HASH", cls.classifier_hash),
            plates_hash=text("PLATES_HASH", cls.plates_hash),
            faces_hash=text("FACES_HASH", cls.faces_hash),
            applies_to=_names(text("APPLIES_TO", "")),
            threads=number("THREADS", int, 1, 64, min(os.cpu_count() or 1, 6)),
            cors_origins=_origins(text("CORS_ORIGINS", "*")),
            urls=_flag(env, "URLS", cls.urls),
            allowed_hosts=frozenset(h.lower() for h in _names(text("ALLOWED_HOSTS", ""))),
            max_pictures=number("MAX_PICTURES", int, 1, 1000, cls.max_pictures),
            max_bytes=number("MAX_BYTES", int, 1, 10**9, cls.max_bytes),
            max_pixels=number("MAX_PIXELS", int, 1, 10**9, cls.max_pixels),
            max_side=number("MAX_SIDE", int, 1, 10**6, cls.max_side),
            confidence=_number(env, "CONFIDENCE", float, 0.0, 1.0),
            min_area=_number(env, "MIN_AREA", float, 0.0, 1.0),
            slices=_value(env, "SLICES", read_slices),
            tables=text("TABLES", cls.tables),
            uploads=_uploads(env),
            uploads_url=text("UPLOADS_URL", cls.uploads_url),
            anonymize=_flag(env, "ANONYMIZE", cls.anonymize),
            batch=_flag(env, "BATCH", cls.batch),
            metrics=text("METRICS", cls.metrics),
            results=text("RESULTS", cls.results),
            plan_photos=number("PLAN_PHOTOS", int, 1, 10**9, cls.plan_photos),
            version=text("VERSION", cls.version),
        )


def _uploads(env: Mapping[str, str]) -> str:
    address = env.get("CARLENS_UPLOADS", "")
    if address and not address.startswith("s3://") and UPLOADS_SECRET not in env:
        raise ValueError(
            f"CARLENS_UPLOADS is {address!r}; it must be s3://bucket. Unset it to have uploads on "
            "the local server, which keeps them in a folder of its own."
        )
    return address


def _origins(text: str) -> tuple[str, ...]:
    origins = _names(text)
    if not origins:
        raise ValueError(
            f"CARLENS_CORS_ORIGINS is {text!r}; list origins separated by commas, or * for any."
        )
    return origins


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _flag(env: Mapping[str, str], name: str, default: bool) -> bool:
    text = env.get(f"CARLENS_{name}")
    if not text:
        return default
    if text.lower() not in _FLAGS:
        raise ValueError(f"CARLENS_{name} is {text!r}; it must be yes or no.")
    return _FLAGS[text.lower()]


def _number(
    env: Mapping[str, str], name: str, parse: Callable[[str], T], low: T, high: T
) -> T | None:
    return _value(env, name, lambda text: read_number(text, parse, low, high))


def _value(env: Mapping[str, str], name: str, read: Callable[[str], V]) -> V | None:
    text = env.get(f"CARLENS_{name}")
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"CARLENS_{name} is {text!r}; {error}.") from error
