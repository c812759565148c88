"""The properties of an image that its header declares."""

from __future__ import annotations

from dataclasses import dataclass

from carlens.images.types import ImageShape

# EXIF orientations that swap width and height.
_SIDEWAYS = frozenset({5, 6, 7, 8})


class BrokenHeader(ValueError):
    """The header is damaged or crafted to exhaust resources; the message says how."""


@dataclass(frozen=True)
class Header:
    """An image as stored, before it is rotated upright.

    Attributes
    ----------
    width, height : int
        In pixels.
    channels : int
    orientation : int
        EXIF orientation, 1..8.
    """

    width: int
    height: int
    channels: int
    orientation: int = 1

    @property
    def upright_shape(self) -> ImageShape:
        """The shape after the orientation is applied."""
        if self.orientation in _SIDEWAYS:
            return ImageShape(self.width, self.height, self.channels)
        return ImageShape(self.height, self.width, self.channels)
