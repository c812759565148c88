"""Teach the classifier your cars: `python -m carlens.teach`. Runs on a computer, never deployed."""
