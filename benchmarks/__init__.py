"""Figures: how right and how fast Carlens is."""
