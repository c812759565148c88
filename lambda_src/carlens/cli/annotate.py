"""Write pictures with bounding boxes and names."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carlens.cli.annotate_paths import FORMATS, annotated_path, note_path
from carlens.cli.drawing import draw_boxes
from carlens.errors import PictureError
from carlens.files import replace_file
from carlens.images.decoder import read_pixels
from carlens.images.types import Limits

# Without the subsampling of colors, which blurs thin lines.
_QUALITY = {"JPEG": {"quality": 90, "subsampling": 0}, "WEBP": {"quality": 90}}

_NOTE = "This computer cannot draw the photo: {} Delete this file to try again.\n"


def annotate_picture(
    content: bytes, entry: Mapping[str, Any], folder: Path, limits: Limits
) -> None:
    """Write a picture with its bounding boxes; a picture that failed is not written.

    If this computer cannot decode a picture that an API recognized, a note is written instead, so
    that the next run does not try again.

    Parameters
    ----------
    content : bytes
        The encoded picture.
    entry : Mapping
        Its result.
    folder : Path
    limits : Limits

    Raises
    ------
    OSError
        It cannot be written.
    """
    if entry["error"] is not None:
        return
    try:
        pixels = read_pixels(content, limits)
    except PictureError as error:
        _write(note_path(folder, entry["name"]), _NOTE.format(error.message).encode())
        return
    boxes = [((one["x1"], one["y1"], one["x2"], one["y2"]), _text(one)) for one in entry["objects"]]
    path = annotated_path(folder, entry["name"])
    buffer = io.BytesIO()
    kind = FORMATS[path.suffix.lower()]
    draw_boxes(pixels, boxes).save(buffer, kind, **_QUALITY.get(kind, {}))
    _write(path, buffer.getvalue())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content)


def _text(found: Mapping[str, Any]) -> str:
    return f"{found.get('display', found['class_name'])} {found['confidence']:.2f}"
