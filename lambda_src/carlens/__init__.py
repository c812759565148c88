"""Carlens finds the vehicles in photos and names their make and model."""

__version__ = "0.1.0"
