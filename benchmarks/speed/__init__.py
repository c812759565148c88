"""How fast Carlens is, against what it could be at best and what a user would pick instead.

Everything is measured side by side in one run: each contestant has a process of its own that
waits while another runs, they take turns, and what counts is the median of the ratios.
"""
