"""The headers that every response carries, so that browsers may read it."""

from __future__ import annotations

from collections.abc import Sequence

# The contract repeats them for the responses that API Gateway makes itself.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
}


def cors_headers(origins: Sequence[str], origin: str, allow: str) -> dict[str, str]:
    """Return the CORS headers of a response.

    Parameters
    ----------
    origins : sequence of str
        The allowed origins; `("*",)` for any.
    origin : str
        The request's `Origin` header, or empty.
    allow : str
        The methods of the route, comma-separated.
    """
    if "*" in origins:
        allowed = {"Access-Control-Allow-Origin": "*", "Vary": "Accept-Encoding"}
    else:
        known = origin if origin in origins else origins[0]
        allowed = {"Access-Control-Allow-Origin": known, "Vary": "Origin, Accept-Encoding"}
    return {
        **allowed,
        "Access-Control-Allow-Methods": allow,
        "Access-Control-Allow-Headers": "Content-Type,Authorization,X-Api-Key",
        "Access-Control-Expose-Headers": "Retry-After,X-Request-Id",
        "Access-Control-Max-Age": "600",
    }
