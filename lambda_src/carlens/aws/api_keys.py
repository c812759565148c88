"""API keys of API Gateway."""

from __future__ import annotations


def read_api_key(key_id: str) -> str:
    """Read the value of an API key, which the template of a stage cannot contain."""
    import boto3  # part of Lambda's runtime

    gateway = boto3.client("apigateway")
    return str(gateway.get_api_key(apiKey=key_id, includeValue=True)["value"])
