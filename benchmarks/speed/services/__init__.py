"""What a user would write instead of Carlens, in the usual way of each framework.

All serve `benchmarks.speed.usual` at POST /predict, with the same form and the same answer.
"""
