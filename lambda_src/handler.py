"""The handler that Lambda calls for the recognition function: `handler.lambda_handler`."""

from carlens.functions.recognition import app, lambda_handler

__all__ = ["app", "lambda_handler"]
