"""Compares the speed of Carlens with a lower bound and with alternatives.

All contestants are measured in one run. Each has its own process, they take turns, and the result
is the median of the paired ratios.
"""
