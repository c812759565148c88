"""The handler that Lambda calls for the catalog function: `catalog_handler.lambda_handler`."""

from carlens.functions.catalog import app, lambda_handler

__all__ = ["app", "lambda_handler"]
