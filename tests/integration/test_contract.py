"""The served contract is valid, and the running API conforms to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_spec_validator import OpenAPIV30SpecValidator

from tests.support import SKODA

CONFIG = Path(__file__).with_name("schemathesis.toml")
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


@pytest.fixture(scope="module")
def contract(api: str) -> dict[str, Any]:
    served: dict[str, Any] = requests.get(f"{api}/openapi.json", timeout=30).json()
    return served


def test_the_served_contract_is_valid(contract: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV30SpecValidator(contract).iter_errors()] == []
    assert not [key for key in contract if key.startswith("x-amazon-")]
    assert not [key for item in contract["paths"].values() for key in item if key.startswith("x-")]


def test_every_route_answers_preflight_requests(api: str, contract: dict[str, Any]) -> None:
    for path, item in contract["paths"].items():
        for method in item:
            asked = {"Origin": "https://a.example", "Access-Control-Request-Method": method.upper()}
            address = api + path.format(table="europe", version="0" * 16, name="main.js")
            answer = requests.options(address, headers=asked, timeout=30)

            assert (answer.status_code, answer.content) == (204, b""), path
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert method.upper() in answer.headers["Access-Control-Allow-Methods"].split(",")
            assert answer.headers["X-Request-Id"]


@pytest.mark.slow
def test_schemathesis_finds_no_violation(api: str, photo_host: str, tmp_path: Path) -> None:
    """Send valid and invalid requests to all routes.

    No response may be a 5xx, be undocumented, or violate its schema or headers (all need CORS).
    Invalid requests must be refused, valid requests accepted.
    """
    program = Path(sys.executable).with_name("schemathesis")
    # Given the contract with an example URL that can be fetched here
    served = requests.get(f"{api}/openapi.json", timeout=30).text
    example = "https://example.com/street.jpg"
    assert example in served
    document = tmp_path / "openapi.json"
    document.write_text(served.replace(example, f"http://{photo_host}/{SKODA.name}"), "utf-8")

    command = [str(program), "--config-file", str(CONFIG), "run", str(document), "--url", api]
    done = subprocess.run(
        command,
        # It writes a cache to its working directory and imports the hooks.
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS,
    )

    output = done.stdout[-20_000:] + done.stderr[-2_000:]
    assert done.returncode == 0, output
    # And every route was tested
    routes = sum(map(len, requests.get(f"{api}/openapi.json", timeout=30).json()["paths"].values()))
    assert f"Tested: {routes}" in output
