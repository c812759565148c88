"""Check presigned URLs as S3 does.

Pure. `carlens.aws.presigned` makes the URLs.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from carlens.aws.credentials import Credentials
from carlens.aws.presigned import presigned_url
from carlens.inputs.upload_keys import is_redacted_key
from carlens.local.upload_forms import StoreError
from carlens.services.offer_uploads import LOCAL


def check_link(base: str, key: str, query: str, secret: str, now: datetime) -> None:
    """Check the URL of a redacted picture.

    Parameters
    ----------
    base : str
        The URL of the store, as the client addressed it.
    key : str
        The rest of the path.
    query : str
    secret : str
        The secret key that signs URLs.
    now : datetime
        In UTC.

    Raises
    ------
    StoreError
        The URL was not signed with the key, it has expired, or it names something else.
    """
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    try:
        signed = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        lifetime = timedelta(seconds=int(given["X-Amz-Expires"]))
    except (KeyError, ValueError, OverflowError) as error:
        raise StoreError(403, "AccessDenied", "Access Denied") from error
    expected = presigned_url(f"{base}/{key}", LOCAL, Credentials(LOCAL, secret), signed, lifetime)
    if not hmac.compare_digest(expected.partition("?")[2].encode(), query.encode()):
        message = "The signature of the URL is not that of its contents."
        raise StoreError(403, "SignatureDoesNotMatch", message)
    if now >= signed + lifetime:
        raise StoreError(403, "AccessDenied", "Request has expired")
    if not is_redacted_key(key):
        raise StoreError(403, "AccessDenied", "Access Denied")
