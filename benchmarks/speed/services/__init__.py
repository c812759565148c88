"""Servers that a user could write instead of Carlens, as each framework recommends.

All serve `benchmarks.speed.baseline` at POST /predict, with the same form and response.
"""
