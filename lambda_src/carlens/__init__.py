"""Carlens: photos in, vehicles out."""
