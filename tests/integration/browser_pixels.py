"""Decode pictures with Chromium, as a page shows them over white."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from playwright.sync_api import Page

from carlens.images.types import Pixels

# A picture that Chromium refuses, or shows only in part, fires `error`; null stands for it.
_DECODE = """async files => {
    const read = async file => {
        const bytes = Uint8Array.from(atob(file), letter => letter.charCodeAt(0));
        const image = new Image();
        image.src = URL.createObjectURL(new Blob([bytes]));
        try {
            await image.decode();
        } catch {
            return null;
        }
        const [width, height] = [image.naturalWidth, image.naturalHeight];
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext('2d', {willReadFrequently: true});
        context.fillStyle = 'white';
        context.fillRect(0, 0, width, height);
        context.drawImage(image, 0, 0);
        URL.revokeObjectURL(image.src);
        const pixels = context.getImageData(0, 0, width, height).data;
        let text = '';
        for (let at = 0; at < pixels.length; at += 8192) {
            text += String.fromCharCode(...pixels.subarray(at, at + 8192));
        }
        return [width, height, btoa(text)];
    };
    return Promise.all(files.map(read));
}"""


def decode_in_browser(page: Page, files: Sequence[bytes]) -> list[Pixels | None]:
    """Decode each file; None for one that Chromium refuses."""
    found: list[Any] = page.evaluate(_DECODE, [base64.b64encode(file).decode() for file in files])
    return [None if each is None else _pixels(*each) for each in found]


def _pixels(width: int, height: int, text: str) -> Pixels:
    rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
    return np.ascontiguousarray(rgba[..., :3])
