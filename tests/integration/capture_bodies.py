"""Record the bodies that real clients send: `python -m tests.integration.capture_bodies`.

Run it after an update of a client; the unit tests read the bodies from tests/bodies.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from carlens.http.events import read_request
from tests.forms import BODIES, FORM, captured_name
from tests.integration.clients import CLIENTS, ClientContext, find_chromium
from tests.integration.serving import running_server

ECHO = "tests.integration.echo_handler:echo"


def main() -> None:
    """Send the form with every client to a server that returns what it received."""
    BODIES.mkdir(exist_ok=True)
    with (
        running_server("--handler", ECHO, "--workers", "1") as url,
        sync_playwright() as playwright,
        tempfile.TemporaryDirectory() as folder,
    ):
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        context = ClientContext(Path(folder), lambda: browser, origin=url)
        for client, send in CLIENTS.items():
            request = read_request(send(f"{url}/predict", FORM, context).json)
            head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
            (BODIES / captured_name(client)).write_bytes(head + request.body)
        browser.close()


if __name__ == "__main__":
    main()
