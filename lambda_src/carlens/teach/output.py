"""The folder of a taught model."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carlens.teach.calibration import Calibration
from carlens.teach.card import COVERAGE, RELIABILITY
from carlens.teach.errors import TeachError
from carlens.teach.network import UNKNOWN

MODEL, LABELS, MANIFEST, CARD, STATISTICS = (
    "model.onnx",
    "labels.txt",
    "model.json",
    "README.md",
    "statistics.npz",
)
_WRITTEN = frozenset({MODEL, LABELS, MANIFEST, CARD, STATISTICS, COVERAGE, RELIABILITY})

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_target(models: Path, name: str, *, in_use: frozenset[str], force: bool) -> Path:
    """Check that a model can be written, before any work is done.

    Parameters
    ----------
    models : Path
        The folder of all models.
    name : str
        Of the new model.
    in_use : frozenset of str
        Names that must not be overwritten in any case.
    force : bool
        Whether a model that this program wrote may be replaced.

    Returns
    -------
    Path
        The folder to write.

    Raises
    ------
    TeachError
        The name is not allowed, or taken.
    OSError
        The folder cannot be written to.
    """
    if not _NAME.fullmatch(name):
        raise TeachError(
            f"{name!r} cannot be the name of a model; use up to 64 lower-case letters, digits, "
            "'.', '_' and '-', such as my-cars."
        )
    if name in in_use:
        raise TeachError(f"{name!r} is a model that this run uses; choose another name.")
    target = models / name
    if target.exists():
        if not force:
            raise TeachError(
                f"{target} exists; choose another name, or replace it with FORCE=yes (--force)."
            )
        others = sorted({path.name for path in target.iterdir()} - _WRITTEN)
        if others:
            raise TeachError(
                f"{target} has files that this program did not write, such as {others[0]}; move "
                "them away first."
            )
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=models):
        return target


def write_model(target: Path, files: Mapping[str, bytes]) -> None:
    """Write all files of a model, or none.

    Parameters
    ----------
    target : Path
        Its folder; replaced if it exists.
    files : Mapping of str to bytes

    Raises
    ------
    OSError
        They cannot be written; what was there before is unchanged.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        fresh, old = Path(folder, "new"), Path(folder, "old")
        fresh.mkdir()
        for name, data in files.items():
            (fresh / name).write_bytes(data)
        if target.exists():
            target.rename(old)
        try:
            fresh.rename(target)
        except OSError:
            if old.exists():
                shutil.move(old, target)
            raise


def sha256(data: bytes) -> str:
    """Return the SHA-256 of a file, as manifests have it."""
    return hashlib.sha256(data).hexdigest()


def manifest_text(
    base: Mapping[str, Any], changes: Mapping[str, Any], *, model: bytes, calibration: Calibration
) -> str:
    """Write `model.json`, with size and hash of the weights.

    Parameters
    ----------
    base : Mapping
        The manifest of the classifier to start from.
    changes : Mapping
        Fields to replace.
    model : bytes
        The ONNX file.
    calibration : Calibration
        Its threshold for the full name is also `thresholds.confidence`.
    """
    thresholds = calibration.thresholds
    fields = {
        **base,
        **changes,
        "file": MODEL,
        "labels": LABELS,
        "sha256": sha256(model),
        "bytes": len(model),
        "thresholds": {**base["thresholds"], "confidence": thresholds["name"]},
        "calibration": {
            "temperature": calibration.temperature,
            "thresholds": dict(thresholds),
            "unknown": {"output": UNKNOWN, "threshold": calibration.unknown},
        },
    }
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
