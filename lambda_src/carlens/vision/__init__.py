"""Pixels in, vehicles out; knows nothing of HTTP or AWS."""
