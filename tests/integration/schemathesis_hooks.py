"""What Schemathesis leaves out; it loads this itself, in its own process."""

from __future__ import annotations

import importlib
from typing import Any

# By name, since it is no dependency of the project.
schemathesis: Any = importlib.import_module("schemathesis")


@schemathesis.hook  # type: ignore[untyped-decorator]
def filter_case(context: Any, case: Any) -> bool:
    """Leave out forms that should be wrong, since hardly any is.

    In a form all is text, so nothing is of the wrong type, an empty list is none, and an empty
    address is passed over: a page sends one when its field is left empty.
    """
    parts = {location.value: info for location, info in case.meta.components.items()}
    wrong = "body" in parts and parts["body"].mode.is_negative
    return not (wrong and case.media_type == "multipart/form-data")
