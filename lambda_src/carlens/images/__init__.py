"""Encoded bytes to upright RGB pixels."""
