"""Check the forms of uploads as S3 does.

Pure. `carlens.aws.post_forms` makes the forms; the Amazon S3 API reference describes the checks
under "Creating a POST policy".
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape

from carlens.aws.post_forms import sign
from carlens.inputs.upload_keys import is_key
from carlens.services.offer_uploads import LOCAL

_UNSIGNED = frozenset({"policy", "x-amz-signature"})


class StoreError(Exception):
    """The store refuses an upload, for a reason of S3's list of error codes.

    Parameters
    ----------
    status : int
    code, message : str
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def xml(self) -> str:
        """The body of the answer."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
        )


@dataclass(frozen=True)
class AllowedFile:
    """What a form allows.

    Attributes
    ----------
    key : str
        Where the file goes.
    min_bytes, max_bytes : int
        The range of its size.
    """

    key: str
    min_bytes: int
    max_bytes: int


def check_form(fields: Mapping[str, str], secret: str, now: datetime) -> AllowedFile:
    """Check the fields that precede the file.

    Parameters
    ----------
    fields : Mapping
        Their texts by name.
    secret : str
        The secret key that signs forms.
    now : datetime
        In UTC.

    Raises
    ------
    StoreError
        The form was not signed with the key, it has expired, or its fields differ from what was
        signed.
    """
    form = {name.lower(): value for name, value in fields.items()}
    policy = form.get("policy", "")
    access_key, _, scope = form.get("x-amz-credential", "").partition("/")
    if not policy or not scope:
        raise _denied("Access Denied")
    if access_key != LOCAL:
        message = "The access key of the form does not exist here."
        raise StoreError(403, "InvalidAccessKeyId", message)
    signature = form.get("x-amz-signature", "")
    if not hmac.compare_digest(sign(policy, secret, scope).encode(), signature.encode()):
        message = "The signature of the form is not that of its policy."
        raise StoreError(403, "SignatureDoesNotMatch", message)
    document = json.loads(b64decode(policy))
    if now >= datetime.fromisoformat(document["expiration"]):
        raise _denied("Invalid according to Policy: Policy expired.")
    return _check_conditions({**form, "bucket": LOCAL}, document["conditions"])


def check_size(size: int, allowed: AllowedFile) -> None:
    """Refuse a file whose size is not allowed.

    Raises
    ------
    StoreError
        It has too many bytes, or too few.
    """
    if size > allowed.max_bytes:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise StoreError(400, "EntityTooLarge", message)
    if size < allowed.min_bytes:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise StoreError(400, "EntityTooSmall", message)


def _check_conditions(form: Mapping[str, str], conditions: Iterable[object]) -> AllowedFile:
    named, sizes = set(), (0, 0)
    for condition in conditions:
        match condition:
            case ["content-length-range", int(low), int(high)]:
                sizes = low, high
                continue
            case ["starts-with", str(name), str(prefix)]:
                name = name.removeprefix("$").lower()
                holds = form.get(name, "").startswith(prefix)
            case {**exact} if len(exact) == 1:
                ((given, value),) = exact.items()
                name = str(given).lower()
                holds = form.get(name) == value
            case _:
                holds, name = False, ""
        if not holds:
            shown = json.dumps(condition)
            raise _denied(f"Invalid according to Policy: Policy Condition failed: {shown}")
        named.add(name)
    if extra := sorted(form.keys() - named - _UNSIGNED):
        raise _denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")
    key = form.get("key", "")
    if not is_key(key):
        raise _denied("Access Denied")
    return AllowedFile(key, *sizes)


def _denied(message: str) -> StoreError:
    return StoreError(403, "AccessDenied", message)
