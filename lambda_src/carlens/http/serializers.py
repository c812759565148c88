"""Serialize results as the JSON of the contract."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from carlens.config import REQUEST_BYTES, Config
from carlens.errors import PictureError
from carlens.inputs.sources import PictureSource
from carlens.models.manifest import Manifest
from carlens.services.measure import Measurement
from carlens.vision.classifier import UNNAMED, Classification, Level
from carlens.vision.detector import Detection
from carlens.vision.pipeline import ImageResult

if TYPE_CHECKING:
    from carlens.catalog.tables import Entry
    from carlens.services.anonymize import Redacted
    from carlens.vision.regions import Region

Json = dict[str, Any]


def objects_json(result: ImageResult | PictureError) -> list[Json]:
    """Return the objects of a picture; none if it failed."""
    return [] if isinstance(result, PictureError) else list(map(_detection, result.objects))


def vehicles_json(
    result: ImageResult | PictureError, references: Mapping[str, Entry] | None
) -> list[Json]:
    """Return the objects of a picture with their names; no objects if it failed.

    Parameters
    ----------
    references : Mapping or None
        The catalog entry of each label that has one; None for the list form, which has none.
    """
    if isinstance(result, PictureError):
        return []
    # Without a classifier there are no classifications.
    names = result.classifications or (UNNAMED,) * len(result.objects)
    return [
        _vehicle(found, name, references) for found, name in zip(result.objects, names, strict=True)
    ]


def image_json(
    index: int, source: PictureSource, result: ImageResult | PictureError, objects: list[Json]
) -> Json:
    """Return the detailed form of an analyzed picture."""
    if isinstance(result, PictureError):
        seen: Json = {"width": None, "height": None, "passes": None}
        error = _error(result)
    else:
        seen = {"width": result.width, "height": result.height, "passes": result.passes}
        error = None
    return {**_source(index, source), **seen, "objects": objects, "error": error}


def measurement_json(index: int, source: PictureSource, measured: Measurement) -> Json:
    """Return the detailed form of a measured picture."""
    shape, error = measured.shape, measured.error
    return {
        **_source(index, source),
        **(asdict(shape) if shape else {"height": None, "width": None, "channels": None}),
        "bytes": measured.size,
        "error": None if error is None else _error(error),
    }


def regions_json(result: Redacted | PictureError) -> list[Json] | None:
    """Return the regions of a picture; None if it failed, which is not the same as none found."""
    return None if isinstance(result, PictureError) else list(map(_region, result.regions))


def redacted_json(
    index: int,
    source: PictureSource,
    result: Redacted | PictureError,
    picture: str | None,
    url: str | None,
) -> Json:
    """Return the detailed form of a redacted picture, which is in base64 or behind a URL."""
    return _redaction(index, source, result, picture=picture, picture_url=url)


def stored_json(
    index: int, source: PictureSource, result: Redacted | PictureError, key: str | None
) -> Json:
    """Return the detailed form of a redacted picture that a batch job wrote under a key."""
    return _redaction(index, source, result, picture_key=key)


def _redaction(
    index: int, source: PictureSource, result: Redacted | PictureError, **picture: str | None
) -> Json:
    if isinstance(result, PictureError):
        found: Json = dict.fromkeys(("width", "height", "regions", "media_type"))
        error = _error(result)
    else:
        found = {
            "width": result.width,
            "height": result.height,
            "regions": list(map(_region, result.regions)),
            "media_type": f"image/{result.format}",
        }
        error = None
    return {**_source(index, source), **found, **picture, "error": error}


def _region(region: Region) -> Json:
    return {**asdict(region), "confidence": round(region.confidence, 4)}


def model_versions_json(manifests: Mapping[str, Manifest | None]) -> Json:
    """Return the name and version of each model; null for a classifier that is switched off."""
    return {
        role: manifest and {"name": manifest.name, "version": manifest.version}
        for role, manifest in manifests.items()
    }


def model_json(manifest: Manifest) -> Json:
    """Return the description of a model for `GET /models`."""
    thresholds, taught = asdict(manifest.thresholds), {}
    if manifest.task == "classify":
        levels = manifest.certainty.thresholds
        thresholds = {"confidence": levels.name, "make": levels.make, "model": levels.model}
        taught = {"makes": _makes(manifest)}
    elif manifest.task == "redact":
        thresholds = {name: thresholds[name] for name in ("confidence", "iou")}
    return {
        "name": manifest.name,
        "version": manifest.version,
        "task": manifest.task,
        "license": manifest.license,
        "source": manifest.source,
        "trained_on": manifest.trained_on,
        "limits": manifest.limits,
        "classes": list(manifest.labels),
        **taught,
        "thresholds": thresholds,
        "input": {"width": manifest.input.width, "height": manifest.input.height},
    }


def predict_json(classes: Sequence[str], default_classes: Container[str]) -> Json:
    """Return which classes `/predict` accepts and finds by default, for `GET /models`."""
    return {
        "classes": list(classes),
        "default_classes": [name for name in classes if name in default_classes],
    }


def limits_json(config: Config) -> Json:
    """Return what a request may contain, for `GET /health`."""
    return {
        "picture_bytes": config.max_bytes,
        "picture_pixels": config.max_pixels,
        "pictures": config.max_pictures,
        "request_bytes": REQUEST_BYTES,
    }


def features_json(config: Config) -> Json:
    """Return which optional features are on, for `GET /health`."""
    return {
        "uploads": bool(config.uploads),
        "urls": config.urls,
        "anonymize": config.anonymize,
        "batch": config.batch,
    }


def detailed_json(
    request_id: str,
    images: Sequence[Json],
    timings: Mapping[str, float],
    manifests: Mapping[str, Manifest | None] | None = None,
) -> Json:
    """Return a response in the detailed form."""
    used = {} if manifests is None else {"models": model_versions_json(manifests)}
    return {"request_id": request_id, **used, "images": images, "timing_ms": timings}


def _detection(found: Detection) -> Json:
    return {
        # Rounded half up: round() can make a box of one pixel empty.
        "x1": int(found.x1 + 0.5),
        "y1": int(found.y1 + 0.5),
        "x2": int(found.x2 + 0.5),
        "y2": int(found.y2 + 0.5),
        "class_name": found.class_name,
        "confidence": round(found.confidence, 4),
        "label": f"{found.class_name}: {found.confidence:.2f}",
    }


def _vehicle(
    found: Detection, name: Classification, references: Mapping[str, Entry] | None
) -> Json:
    vehicle = {
        **_detection(found),
        "display": name.finest or found.class_name,
        "certain": name.certain,
        "pred": list(name.names),
        "prob": [round(prob, 4) for prob in name.probs],
    }
    if name.names:
        vehicle["label"] = f"{name.names[0]}: {name.probs[0]:.2f}"
    if references is not None:
        reference = references.get(name.names[0]) if name.names else None
        vehicle["make"] = name.make and _level(name.make)
        vehicle["model"] = name.model and _level(name.model)
        vehicle["reference"] = reference and {"make": reference.make, "model": reference.model}
    return vehicle


def _level(level: Level) -> Json:
    return {"name": level.name, "prob": round(level.prob, 4), "certain": level.certain}


def _makes(manifest: Manifest) -> list[Json]:
    """Return the makes and models that a classifier was taught, in alphabetical order."""
    models: dict[str, set[str]] = {make: set() for make in manifest.makes}
    for make, model in zip(manifest.makes, manifest.models, strict=False):
        if model:
            models[make].add(model)
    return [
        {"name": make, "models": sorted(models[make], key=str.casefold)}
        for make in sorted(models, key=str.casefold)
    ]


def _source(index: int, source: PictureSource) -> Json:
    return {"index": index, "field": source.field, "name": source.name}


def _error(error: PictureError) -> dict[str, str]:
    return {"code": error.code, "message": error.message}
