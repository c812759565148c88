"""The Lambda function that checks the API from outside every few minutes; it needs no layer."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from carlens.aws.api_keys import read_api_key
from carlens.smoke import check_api

url = os.environ.get("CARLENS_CANARY_URL", "")
key_id = os.environ.get("CARLENS_CANARY_KEY_ID", "")


@cache
def headers() -> dict[str, str]:
    """Return the header with the API key, if the API needs one."""
    return {"x-api-key": read_api_key(key_id)} if key_id else {}


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Send a photo and a name to the API.

    Raises
    ------
    SmokeError
        An answer is wrong; Lambda counts the error, and an alarm watches the count.
    """
    check_api(url, headers())
