"""Which files are photos, by their names."""

from __future__ import annotations

# Case does not matter. The formats that Carlens reads.
PHOTO_ENDINGS = (
    *(".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg"),
    *(".jpg", ".png", ".tif", ".tiff", ".webp"),
)


def is_photo(name: str) -> bool:
    """Return whether a file name or a key ends like that of a photo."""
    return name.lower().endswith(PHOTO_ENDINGS)
