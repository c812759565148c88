"""The contract of the API, `lambda_src/openapi.yaml`, with the version of the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml


def load_contract(code: Path) -> dict[str, Any]:
    """Read the contract.

    Parameters
    ----------
    code : Path
        `lambda_src`; the version comes from `carlens/__init__.py`, which is not imported.

    Raises
    ------
    ValueError
        The package does not state its version.
    """
    contract: dict[str, Any] = yaml.safe_load((code / "openapi.yaml").read_text("utf-8"))
    package = code / "carlens" / "__init__.py"
    version = re.search(r'^__version__ = "(.+)"$', package.read_text("utf-8"), re.MULTILINE)
    if version is None:
        raise ValueError(f'{package} has no line such as `__version__ = "1.2.3"`.')
    contract["info"]["version"] = version[1]
    return contract
