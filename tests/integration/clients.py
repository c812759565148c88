"""Real HTTP clients, each of which encodes the same forms in its own way."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import requests
from playwright.sync_api import Browser
from requests_toolbelt import MultipartEncoder

from tests.forms import Part
from tests.support import missing

TIMEOUT = 60

# For Node and browsers: sends a form and returns the status and the text of the response.
_SEND = """async ([url, parts]) => {
    const form = new FormData();
    for (const {field, name, text, data} of parts) {
        if (text !== null) { form.append(field, text); continue; }
        const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
        form.append(field, name === null ? new Blob([bytes]) : new File([bytes], name));
    }
    const answer = await fetch(url, {method: 'POST', body: form});
    return [answer.status, await answer.text()];
}"""


def find_chromium() -> str | None:
    """Return the path of Chromium, or None if it is not installed."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@dataclass(frozen=True)
class ClientResponse:
    """The response that a client received."""

    status: int
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class ClientContext:
    """What clients need from the test."""

    folder: Path
    browser: Callable[[], Browser]
    origin: str


# Sends a form to a URL.
Client = Callable[[str, Sequence[Part], ClientContext], ClientResponse]


def curl(url: str, parts: Sequence[Part], context: ClientContext, *options: str) -> ClientResponse:
    """Send files with `-F field=@file`, and files without a name with `-F field=<file`."""
    form: list[str] = []
    for index, part in enumerate(parts):
        if isinstance(part.content, str):
            form += ["--form-string", f"{part.field}={part.content}"]
            continue
        folder = context.folder / str(index)
        folder.mkdir(exist_ok=True)
        path = folder / (part.name or "nameless")
        path.write_bytes(part.content)
        quoted = str(path).replace("\\", "\\\\").replace('"', '\\"')
        form += ["-F", f'{part.field}={"<" if part.name is None else "@"}"{quoted}"']
    command = ["curl", "-sS", "-w", "\n%{http_code}", *options, *form, url]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
    text, _, status = done.stdout.decode().rpartition("\n")
    return ClientResponse(int(status), text)


def curl_form_escape(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with quotes escaped by a backslash, as in curl before 7.81."""
    return curl(url, parts, context, "--form-escape")


def requests_files(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with the `files` parameter of requests, including text fields, to keep the order."""
    files = [(p.field, (p.name, p.content)) for p in parts]
    answer = requests.post(url, files=files, timeout=TIMEOUT)
    return ClientResponse(answer.status_code, answer.text)


def requests_toolbelt(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with requests and requests-toolbelt, as the clients of the original project do."""
    encoder = MultipartEncoder(
        [(p.field, p.content if isinstance(p.content, str) else (p.name, p.content)) for p in parts]
    )
    headers = {"Content-Type": encoder.content_type}
    answer = requests.post(url, encoder, headers=headers, timeout=TIMEOUT)
    return ClientResponse(answer.status_code, answer.text)


def httpx_files(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with httpx."""
    answer = httpx.post(url, files=[(p.field, (p.name, p.content)) for p in parts], timeout=TIMEOUT)
    return ClientResponse(answer.status_code, answer.text)


def aiohttp_form(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with the FormData of aiohttp."""
    form = aiohttp.FormData()
    for part in parts:
        if isinstance(part.content, str):
            form.add_field(part.field, part.content)
        else:
            form.add_field(
                part.field,
                io.BytesIO(part.content),
                filename=part.name,
                content_type="application/octet-stream",
            )

    async def send() -> ClientResponse:
        async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
            return ClientResponse(answer.status, await answer.text())

    # In another thread, because playwright runs an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(asyncio.wait_for(send(), TIMEOUT))).result()


def node(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with the fetch and FormData of Node."""
    script = (
        f"({_SEND})(JSON.parse(require('fs').readFileSync(0)))"
        ".then(answer => console.log(JSON.stringify(answer)))"
    )
    return ClientResponse(*json.loads(run_node(script, json.dumps([url, _as_json(parts)]))))


def chromium(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Send with the fetch and FormData of a browser, from a page of `context.origin`."""
    page = context.browser().new_page()
    try:
        page.goto(context.origin)
        return ClientResponse(*page.evaluate(_SEND, [url, _as_json(parts)]))
    finally:
        page.close()


def chromium_form(url: str, parts: Sequence[Part], context: ClientContext) -> ClientResponse:
    """Submit a form on a page; a file without a name is an empty file input."""
    inputs = "".join(
        f'<input name="{part.field}" type="{"text" if isinstance(part.content, str) else "file"}">'
        for part in parts
    )
    page = context.browser().new_page()
    try:
        page.set_content(
            f'<form action="{url}" method="post" enctype="multipart/form-data" '
            f'accept-charset="utf-8">{inputs}<button>Send</button></form>'
        )
        for part, field in zip(parts, page.locator("input").all(), strict=True):
            if isinstance(part.content, str):
                field.fill(part.content)
            elif part.name is not None:
                field.set_input_files(
                    {
                        "name": part.name,
                        "mimeType": "application/octet-stream",
                        "buffer": part.content,
                    }
                )
        with page.expect_navigation() as navigation:
            page.click("button")
        return ClientResponse(navigation.value.status, navigation.value.text())
    finally:
        page.close()


def run_node(script: str, stdin: str) -> str:
    """Run a script with Node and return its output."""
    if shutil.which("node") is None:
        missing("Node.js is not installed")
    done = subprocess.run(
        ["node", "-e", script],
        input=stdin, capture_output=True, text=True, timeout=TIMEOUT, check=True,
    )  # fmt: skip
    return done.stdout


def _as_json(parts: Sequence[Part]) -> list[dict[str, str | None]]:
    return [
        {
            "field": part.field,
            "name": part.name,
            "text": part.content if isinstance(part.content, str) else None,
            "data": (
                base64.b64encode(part.content).decode() if isinstance(part.content, bytes) else None
            ),
        }
        for part in parts
    ]


CLIENTS: dict[str, Client] = {
    "curl": curl,
    "curl --form-escape": curl_form_escape,
    "requests": requests_files,
    "requests-toolbelt": requests_toolbelt,
    "httpx": httpx_files,
    "aiohttp": aiohttp_form,
    "node": node,
    "chromium": chromium,
    "chromium form": chromium_form,
}
