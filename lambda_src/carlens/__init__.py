"""Carlens: photos in, vehicles out."""

__version__ = "0.1.0"
