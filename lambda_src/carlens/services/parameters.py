"""What a client may ask of an analysis."""

from __future__ import annotations

from dataclasses import dataclass

from carlens.ranges import Slices


@dataclass(frozen=True)
class Parameters:
    """What a client asked for. None stands for the default of the settings or the manifest.

    Attributes
    ----------
    confidence : float or None
        0..1.
    classes : frozenset of str or None
        Class names to keep; None for every class.
    top_k : int
        1..20, names for each vehicle.
    max_objects : int
        1..300, objects for each picture.
    slices : int, "auto" or None
        1..3, or "auto".
    """

    confidence: float | None = None
    classes: frozenset[str] | None = None
    top_k: int = 5
    max_objects: int = 100
    slices: Slices | None = None
