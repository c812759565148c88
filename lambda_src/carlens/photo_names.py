"""Which files are photos, by their names."""

from __future__ import annotations

# Case does not matter. The formats that Carlens reads.
PHOTO_ENDINGS = (
    *(".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg"),
    *(".jpg", ".png", ".tif", ".tiff", ".webp"),
)

# Of redacted pictures, by their format; the first is added to a name that has none of them.
_REDACTED_ENDINGS = {"jpeg": (".jpg", ".jpeg"), "png": (".png",), "webp": (".webp",)}


def is_photo(name: str) -> bool:
    """Return whether a file name or a key ends like that of a photo."""
    return name.lower().endswith(PHOTO_ENDINGS)


def redacted_name(name: str, output: str) -> str:
    """Return the name of the redacted picture of a photo.

    It is that of the photo, with another suffix added if its own does not fit, such as
    `a.heic.png`. Different photos, see `is_photo`, have different names: `b.png.jpg` becomes
    `b.png.jpg.jpg`, because `b.png` becomes `b.png.jpg`.

    Parameters
    ----------
    name : str
        The file name or the key of the photo.
    output : str
        The format of the redacted picture: `jpeg`, `png` or `webp`.
    """
    endings = _REDACTED_ENDINGS[output]
    fitting = next((ending for ending in endings if name.lower().endswith(ending)), None)
    if fitting is None or is_photo(name[: -len(fitting)]):
        return name + endings[0]
    return name
