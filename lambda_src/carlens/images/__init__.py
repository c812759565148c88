"""Decode image files to upright RGB pixels."""
