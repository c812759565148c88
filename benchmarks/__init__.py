"""Measures the accuracy, speed, memory and cost of Carlens."""
