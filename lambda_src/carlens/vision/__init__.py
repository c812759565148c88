"""Finds and classifies the objects in pictures; knows nothing of HTTP or AWS."""
