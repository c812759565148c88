"""The error that stops `python -m carlens.teach` with a sentence."""


class TeachError(Exception):
    """The photos or the options cannot be used; the message says why and what to do."""
