"""Training pictures: warped, recolored and damaged crops with synthetic plates."""

from __future__ import annotations

import string
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]
Color = tuple[int, int, int]

STRIDE = 4
SMALLEST = (8.0, 2.5)
"""Plates narrower or lower than this in the crop, in pixels, are neither taught nor punished."""

UNMARKED = 14.0
"""Plates narrower than this in the picture, in pixels, are often not marked."""


@dataclass(frozen=True)
class Picture:
    """A picture (BGR), its plates (x1, y1, x2, y2), and whether every plate is marked."""

    pixels: Pixels
    plates: Boxes
    complete: bool


@dataclass(frozen=True)
class Sample:
    """A crop (BGR, [size, size, 3]) and its targets on the grid of stride 4.

    Attributes
    ----------
    heat : ndarray
        [h, w], 1 at the center of a plate, falling to 0.
    weight : ndarray
        [h, w], 0 where nothing is known.
    regression : ndarray
        [4, h, w]: offset x, y in strides, log width, log height in pixels.
    inside : ndarray
        [h, w], 1 where `regression` is taught.
    small : float
        Answers narrower than this, in pixels, may be plates that are not marked.
    """

    pixels: Pixels
    heat: NDArray[np.float32]
    weight: NDArray[np.float32]
    regression: NDArray[np.float32]
    inside: NDArray[np.float32]
    small: float


def read(folder: Path) -> list[Picture]:
    """Read the pictures of a folder with their plates, in the order of their names."""
    pictures = []
    for file in sorted(folder.glob("*.txt")):
        pixels = cv2.imread(str(file.with_suffix(".jpg")))
        plates = np.array([line.split()[:4] for line in file.read_text().splitlines() if line])
        pictures.append(Picture(pixels, plates.astype(np.float32).reshape(-1, 4), False))
    return pictures


def read_empty(folder: Path, names: list[str]) -> list[Picture]:
    """Read pictures that have no plates."""
    return [
        Picture(cv2.imread(str(folder / name)), np.zeros((0, 4), np.float32), True)
        for name in names
    ]


# --- Synthetic plates -------------------------------------------------------------------------


def find_fonts(folder: Path) -> list[str]:
    """Return the upright TrueType fonts of a folder; without any, Pillow's own font is used."""
    return [
        str(file)
        for file in sorted(folder.rglob("*.ttf"))
        if not any(word in file.name for word in ("Italic", "Oblique", "Math", "ExtraLight"))
    ]


def _text(
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    text: str,
    color: Color,
    font_file: str,
) -> None:
    """Draw a text stretched into a box."""
    font = ImageFont.truetype(font_file, 48) if font_file else ImageFont.load_default(48)
    left, top, right, bottom = font.getbbox(text)
    mask = Image.new("L", (int(right - left) + 4, int(bottom - top) + 4))
    ImageDraw.Draw(mask).text((2 - left, 2 - top), text, 255, font)
    size = (max(int(box[2] - box[0]), 1), max(int(box[3] - box[1]), 1))
    draw.bitmap((int(box[0]), int(box[1])), mask.resize(size, Image.Resampling.BILINEAR), color)


def _letters(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list(string.ascii_uppercase), count))


def _digits(rng: np.random.Generator, count: int) -> str:
    return "".join(rng.choice(list(string.digits), count))


def _color(rng: np.random.Generator, low: int, high: int) -> Color:
    """Return a gray, a little tinted."""
    gray = int(rng.integers(low, high + 1))
    red, green, blue = (int(np.clip(gray + rng.integers(-12, 13), 0, 255)) for _ in range(3))
    return red, green, blue


def _any_color(rng: np.random.Generator, low: int, high: int) -> Color:
    red, green, blue = (int(value) for value in rng.integers(low, high, 3))
    return red, green, blue


@dataclass(frozen=True)
class _Plate:
    """A plate that is being drawn, with its ink and font."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    ink: Color
    font: str

    def text(self, box: tuple[float, float, float, float], text: str) -> None:
        """Write into a box: left and right as shares of the width, top and bottom in pixels."""
        left, top, right, bottom = box
        width = self.image.width
        _text(self.draw, (width * left, top, width * right, bottom), text, self.ink, self.font)


_HEIGHT = 80
_BLUE = (20, 50, 160)
_STYLES = ("eu", "us", "br", "two_lines", "plain")
_SHARES = (0.25, 0.37, 0.18, 0.12, 0.08)
_ASPECTS = {"eu": 4.6, "us": 2.0, "br": 3.08, "two_lines": 1.35, "plain": 3.6}


def draw_plate(rng: np.random.Generator, fonts: list[str]) -> Pixels:
    """Draw a plate in the style of Europe, the US, Brazil or another country (BGR)."""
    style = str(rng.choice(_STYLES, p=_SHARES))
    width = int(_HEIGHT * (_ASPECTS[style] * rng.uniform(0.92, 1.08)))
    ground, ink = _plate_colors(rng, style)
    image = Image.new("RGB", (width, _HEIGHT), ground)
    font = str(rng.choice(fonts)) if fonts else ""
    plate = _Plate(image, ImageDraw.Draw(image), ink, font)
    if style == "us":
        _draw_us(rng, plate)
    elif style == "br":
        _draw_brazil(rng, plate)
    elif style == "two_lines":
        plate.text((0.2, 6, 0.8, 37), _letters(rng, 2) + _digits(rng, 2))
        plate.text((0.1, 43, 0.9, 74), _digits(rng, 4))
    else:
        _draw_one_line(rng, plate, style)
    edge = (0, 0, width - 1, _HEIGHT - 1)
    if rng.random() < 0.7:
        plate.draw.rectangle(edge, outline=_color(rng, 0, 200), width=int(rng.integers(1, 5)))
    if style == "us" and rng.random() < 0.4:  # the dealer's frame
        plate.draw.rectangle(edge, outline=_color(rng, 0, 120), width=int(rng.integers(5, 9)))
    return np.ascontiguousarray(np.asarray(image)[..., ::-1])


def _plate_colors(rng: np.random.Generator, style: str) -> tuple[Color, Color]:
    """Return the colors of the ground and of the letters."""
    ground, ink = _color(rng, 190, 250), _color(rng, 5, 60)
    kind = rng.random()
    if kind < 0.12:  # yellow
        red, green, blue = rng.integers(210, 250), rng.integers(170, 220), rng.integers(0, 90)
        ground = (int(red), int(green), int(blue))
    elif kind < 0.2:
        ground, ink = _color(rng, 10, 60), _color(rng, 180, 250)
    elif kind < 0.42 or (style == "us" and kind < 0.6):
        ground, ink = _any_color(rng, 120, 255), _any_color(rng, 0, 110)
    return ground, ink


def _draw_us(rng: np.random.Generator, plate: _Plate) -> None:
    width = plate.image.width
    if rng.random() < 0.6:  # a sky, or a landscape
        top, bottom = rng.integers(90, 255, 3), rng.integers(120, 255, 3)
        ramp = np.linspace(0, 1, _HEIGHT)[:, None, None]
        colors = (top * (1 - ramp) + bottom * ramp).repeat(width, 1)
        plate.image.paste(Image.fromarray(colors.astype(np.uint8)))
        if rng.random() < 0.4:
            hills = [(x, int(rng.integers(35, 70))) for x in range(0, width + 20, 20)]
            ground = [(0, _HEIGHT), *hills, (width, _HEIGHT)]
            plate.draw.polygon(ground, fill=_any_color(rng, 60, 200))
    if rng.random() < 0.8:
        plate.text((0.22, 5, 0.78, 19), _letters(rng, int(rng.integers(4, 12))))
    count = int(rng.integers(5, 8))
    text = "".join(rng.choice(list(string.ascii_uppercase + string.digits), count))
    if rng.random() < 0.4:
        text = text[:3] + rng.choice([" ", "-", "\u00b7"]) + text[3:]
    plate.text((rng.uniform(0.05, 0.15), 24, rng.uniform(0.85, 0.95), 62), text)
    if rng.random() < 0.6:
        plate.text((0.2, 66, 0.8, 76), _letters(rng, int(rng.integers(6, 18))))


def _draw_brazil(rng: np.random.Generator, plate: _Plate) -> None:
    width = plate.image.width
    text = f"{_letters(rng, 3)}{rng.choice(['-', ' ', chr(183)])}{_digits(rng, 4)}"
    if rng.random() < 0.3:  # Mercosur
        plate.draw.rectangle((0, 0, width, 20), (20, 50, 150))
        box = (width * 0.35, 4, width * 0.65, 16)
        _text(plate.draw, box, "BRASIL", (240, 240, 240), plate.font)
    else:
        if rng.random() < 0.5:
            plate.draw.rectangle((0, 0, width, _HEIGHT), _color(rng, 120, 200))
        plate.text((0.2, 5, 0.8, 17), _letters(rng, 9))
    plate.text((0.05, 24, 0.95, 72), text)


def _draw_one_line(rng: np.random.Generator, plate: _Plate, style: str) -> None:
    width, left = plate.image.width, 0.03
    if style == "eu":
        if rng.random() < 0.75:
            plate.draw.rectangle((0, 0, width * 0.09, _HEIGHT), _BLUE)
            left = 0.12
        if rng.random() < 0.15:
            plate.draw.rectangle((width * 0.91, 0, width, _HEIGHT), _BLUE)
    parts = [
        _letters(rng, int(rng.integers(1, 4))),
        _digits(rng, int(rng.integers(2, 5))),
        _letters(rng, int(rng.integers(1, 4))),
    ]
    rng.shuffle(parts)
    text = rng.choice([" ", "-", ""]).join(parts)
    plate.text((left, _HEIGHT * 0.14, 0.9, _HEIGHT * 0.86), text)


def _paste(
    rng: np.random.Generator, canvas: Pixels, plate: Pixels, quad: NDArray[np.float32], soft: float
) -> None:
    """Paste a plate into a quadrilateral, with the light of the place and its softness."""
    low = np.floor(quad.min(0)).astype(int) - 2
    high = np.ceil(quad.max(0)).astype(int) + 3
    low, high = np.maximum(low, 0), np.minimum(high, canvas.shape[1::-1])
    if (high - low < 3).any():
        return
    place = canvas[low[1] : high[1], low[0] : high[0]]
    width = float(np.linalg.norm(quad[1] - quad[0]))
    shrink = max(width, 6.0) * 2 / plate.shape[1]
    if shrink < 1:
        plate = cv2.resize(plate, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    h, w = plate.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (quad - low).astype(np.float32))
    size = (place.shape[1], place.shape[0])
    light = np.clip(np.percentile(place, 90) / 200 * rng.uniform(0.7, 1.3), 0.12, 1.1)
    patch = cv2.warpPerspective(plate, matrix, size, flags=cv2.INTER_AREA).astype(np.float32)
    mask = cv2.warpPerspective(np.full((h, w), 1, np.float32), matrix, size)
    patch = patch * light + rng.uniform(-8, 8)
    sigma = soft * rng.uniform(0.1, 0.6)
    if sigma > 0.3:
        patch, mask = cv2.GaussianBlur(patch, (0, 0), sigma), cv2.GaussianBlur(mask, (0, 0), sigma)
    place[:] = np.clip(place * (1 - mask[..., None]) + patch * mask[..., None], 0, 255)


def _distract(rng: np.random.Generator, canvas: Pixels, fonts: list[str]) -> None:
    """Draw a text or a sign that is not a plate."""
    size = canvas.shape[0]
    width = int(np.exp(rng.uniform(np.log(16), np.log(size * 0.6))))
    kind = rng.random()
    aspect = (
        rng.uniform(6.5, 11)
        if kind < 0.4
        else rng.uniform(0.6, 1.1)
        if kind < 0.7
        else rng.uniform(2, 6)
    )
    height = max(int(width / aspect), 4)
    x, y = (int(rng.integers(-width // 3, size - width // 2)), int(rng.integers(0, size - 4)))
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    ink = tuple(int(v) for v in rng.integers(0, 256, 3))
    if kind < 0.7:
        draw.rectangle(
            (x, y, x + width, y + height), tuple(int(v) for v in rng.integers(0, 256, 3))
        )
    text = _letters(rng, int(rng.integers(3, 12)))
    if rng.random() < 0.5:
        text = text.capitalize()
    font = str(rng.choice(fonts)) if fonts else ""
    inset = height * 0.15
    _text(draw, (x + inset, y + inset, x + width - inset, y + height - inset), text, ink, font)  # type: ignore[arg-type]
    canvas[:] = np.asarray(image)


# --- Geometry ---------------------------------------------------------------------------------


def _corners(boxes: Boxes) -> NDArray[np.float32]:
    return boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)


def _warp(
    rng: np.random.Generator, picture: Picture, size: int, widest: float
) -> tuple[NDArray[np.float64], float]:
    """Choose a perspective transform from a picture to a crop; return it and its mean scale."""
    h, w = picture.pixels.shape[:2]
    if len(picture.plates) and rng.random() < 0.85:
        x1, y1, x2, y2 = picture.plates[rng.integers(len(picture.plates))]
        scale = np.exp(rng.uniform(np.log(10), np.log(widest))) / (x2 - x1)
        scale = float(np.clip(scale, 0.3 * size / max(h, w), 5.0))
        center = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        target = rng.uniform(-0.03, 1.03, 2) * size
    else:
        scale = float(np.exp(rng.uniform(np.log(0.6), np.log(3.5)))) * size / max(h, w)
        if picture.complete:
            scale *= rng.uniform(0.6, 2.0)
        center = rng.uniform(0, 1, 2) * (w, h)
        target = rng.uniform(0.3, 0.7, 2) * size
    angle = np.deg2rad(rng.normal(0, 4) if rng.random() < 0.8 else rng.uniform(-25, 25))
    stretch = np.exp(rng.normal(0, 0.1))
    shear = rng.normal(0, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = scale * turn @ np.array([[stretch, shear], [0, 1 / stretch]])
    if rng.random() < 0.3:
        matrix[:2, :2] = matrix[:2, :2] @ np.diag([-1.0, 1.0])
    matrix[:2, 2] = target - matrix[:2, :2] @ center
    if rng.random() < 0.4:
        tilt = np.eye(3)
        tilt[2, :2] = rng.normal(0, 0.08, 2) / size
        middle = np.eye(3)
        middle[:2, 2] = target
        back = np.eye(3)
        back[:2, 2] = -target
        matrix = middle @ tilt @ back @ matrix
    return matrix, scale


def _move(points: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    moved: NDArray[np.float32] = cv2.perspectiveTransform(
        points.reshape(1, -1, 2).astype(np.float64), matrix
    ).reshape(points.shape)
    return moved


# --- Light and damage -------------------------------------------------------------------------


def _recolor(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    x = pixels.astype(np.float32)
    if rng.random() < 0.5:
        x = x[..., rng.permutation(3)]
    if rng.random() < 0.6:
        x = x * rng.uniform(0.6, 1.4, 3).astype(np.float32)
    if rng.random() < 0.35:
        x = np.repeat((x @ np.array([0.114, 0.587, 0.299], np.float32))[..., None], 3, 2)
    if rng.random() < 0.6:
        mean = x.mean()
        x = (x - mean) * rng.uniform(0.5, 1.5) + mean + rng.uniform(-40, 40)
    x = np.clip(x, 0, 255)
    if rng.random() < 0.4:
        x = 255 * (x / 255) ** np.float32(np.exp(rng.uniform(-0.7, 0.7)))
    if rng.random() < 0.12:  # night
        x = x * rng.uniform(0.1, 0.5)
    return x.astype(np.uint8)


def _damage(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    size = pixels.shape[0]
    kind = rng.random()
    if kind < 0.2:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.6))  # type: ignore[assignment]
    elif kind < 0.3:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        step = np.array([np.cos(a := rng.uniform(0, np.pi)), np.sin(a)]) * length / 2
        middle = np.full(2, (length - 1) / 2)
        start, end = (np.rint(middle - step).astype(int), np.rint(middle + step).astype(int))
        cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1)
        pixels = cv2.filter2D(pixels, -1, kernel / max(kernel.sum(), 1))  # type: ignore[assignment]
    elif kind < 0.45:
        factor = rng.uniform(0.45, 0.9)
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, (size, size))  # type: ignore[assignment]
    elif kind < 0.55:
        soft = cv2.GaussianBlur(pixels, (0, 0), 1.0)
        pixels = cv2.addWeighted(pixels, 2.0, soft, -1.0, 0)  # type: ignore[assignment]
    if rng.random() < 0.3:
        noise = rng.standard_normal(pixels.shape, np.float32) * rng.uniform(2, 18)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(25, 95))
        pixels = cv2.imdecode(  # type: ignore[assignment]
            cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR
        )
    return pixels


# --- Samples ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Materials:
    """What crops are made from: pictures with and without plates, drawn plates, and fonts."""

    marked: list[Picture]
    empty: list[Picture]
    plates: list[Pixels]
    fonts: list[str]


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Small crops are cheap; large ones show large plates, and more of what is not a plate.

    Attributes
    ----------
    end : int
        The last step.
    size : int
        Of the crops, in pixels.
    widest : float
        Plates are up to about this wide in a crop.
    empty_share : float
        The share of the crops that come from pictures without plates.
    text_share : float
        The share of the crops without plates that get a text or a sign.
    """

    end: int
    size: int
    widest: float
    empty_share: float
    text_share: float


def make_sample(rng: np.random.Generator, materials: Materials, stage: Stage) -> Sample:
    """Make one training crop."""
    marked, empty, plates = materials.marked, materials.empty, materials.plates
    size = stage.size
    is_empty = rng.random() < stage.empty_share
    source = empty if is_empty else marked
    picture = source[rng.integers(len(source))]
    matrix, scale = _warp(rng, picture, size, stage.widest)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pixels = picture.pixels
    if scale < 0.7:  # warpPerspective does not average
        blur = 0.35 / scale
        pixels = cv2.GaussianBlur(pixels, (0, 0), blur)  # type: ignore[assignment]
    fill = (114, 114, 114) if rng.random() < 0.6 else tuple(map(int, rng.integers(0, 256, 3)))
    canvas = cv2.warpPerspective(
        pixels, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
    )
    if rng.random() < 0.35:
        h, w = picture.pixels.shape[:2]
        covered = cv2.warpPerspective(np.ones((h, w), np.uint8), matrix, (size, size))
        other = empty[rng.integers(len(empty))]
        behind, _ = _warp(rng, other, size, 100)
        back = cv2.warpPerspective(
            other.pixels, behind, (size, size), borderMode=cv2.BORDER_REFLECT
        )
        canvas = np.where(covered[..., None] > 0, canvas, back)
    quads = _move(_corners(picture.plates), matrix) if len(picture.plates) else np.zeros((0, 4, 2))
    swap = rng.random() < 0.45
    whole = np.array([[q.min(), q.max()] for q in quads]).reshape(-1, 2)
    for i, quad in enumerate(quads):
        width = np.linalg.norm(quad[1] - quad[0])
        if swap and width >= 10 and (whole[i, 0] > -size * 0.2) and (whole[i, 1] < size * 1.2):
            plate = plates[rng.integers(len(plates))]
            quads[i] = _reshape(rng, quad, plate)
            _paste(rng, canvas, plate, quads[i].astype(np.float32), min(scale, 3.0))
    extra = [] if is_empty or rng.random() > 0.12 else [_anywhere(rng, size)]
    for quad in extra:
        plate = plates[rng.integers(len(plates))]
        quad = _reshape(rng, quad, plate)
        _paste(rng, canvas, plate, quad.astype(np.float32), 1.0)
        quads = np.concatenate((quads, quad[None]))
    boxes = np.concatenate((quads.min(1), quads.max(1)), 1).astype(np.float32)
    if rng.random() < stage.text_share and (is_empty or not len(boxes)):
        _distract(rng, canvas, materials.fonts)
    if rng.random() < 0.08:  # something in front
        x, y = rng.integers(0, size, 2)
        w, h = rng.integers(3, size // 5, 2)
        color = tuple(map(int, rng.integers(0, 256, 3)))
        cv2.rectangle(canvas, (int(x), int(y)), (int(x + w), int(y + h)), color, -1)
    pixels = _damage(rng, _recolor(rng, canvas))
    heat, weight, regression, inside = targets(boxes, size)
    return Sample(
        pixels, heat, weight, regression, inside, 0.0 if picture.complete else UNMARKED * scale
    )


def _reshape(
    rng: np.random.Generator, quad: NDArray[np.float32], plate: Pixels
) -> NDArray[np.float32]:
    """Fit a quadrilateral to the plate that goes there, so that it covers the old one."""
    center = quad.mean(0)
    across, down = quad[1] - quad[0], quad[3] - quad[0]
    length, height = np.linalg.norm(across), np.linalg.norm(down)
    aspect = plate.shape[1] / plate.shape[0] * rng.uniform(0.85, 1.1)
    width = max(length * 0.9, min(height * 1.1 * aspect, length * 1.2))
    tall = max(width / aspect, height * 1.05)
    width = max(width, tall * aspect * 0.9) if aspect < 2.5 else width
    across, down = across / length * width / 2, down / height * tall / 2
    jitter = rng.normal(0, 0.02, (4, 2)) * tall
    return (
        np.array(
            [
                center - across - down,
                center + across - down,
                center + across + down,
                center - across + down,
            ]
        )
        + jitter
    )


def _anywhere(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    width = np.exp(rng.uniform(np.log(12), np.log(size * 0.4)))
    center = rng.uniform(0.1, 0.9, 2) * size
    angle = np.deg2rad(rng.normal(0, 6))
    across = np.array([np.cos(angle), np.sin(angle)]) * width / 2
    down = np.array([-np.sin(angle), np.cos(angle)]) * width / 8
    return np.array(
        [
            center - across - down,
            center + across - down,
            center + across + down,
            center - across + down,
        ]
    )


def targets(
    boxes: Boxes, size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return heat, weight, regression and inside of a crop with these plates."""
    cells = size // STRIDE
    heat = np.zeros((cells, cells), np.float32)
    weight = np.ones((cells, cells), np.float32)
    regression = np.zeros((4, cells, cells), np.float32)
    inside = np.zeros((cells, cells), np.float32)
    points = (np.arange(cells, dtype=np.float32) + 0.5) * STRIDE
    for x1, y1, x2, y2 in sorted(boxes, key=lambda b: -(b[2] - b[0])):
        left, top, right, bottom = np.clip((x1, y1, x2, y2), 0, size)
        w, h = right - left, bottom - top
        if w <= 0 or h <= 0:
            continue
        visible = w * h / ((x2 - x1) * (y2 - y1))
        if w < SMALLEST[0] or h < SMALLEST[1] or visible < 0.4:
            a, b = (int((left - 4) // STRIDE), int((top - 4) // STRIDE))
            c, d = (int((right + 4) // STRIDE) + 1, int((bottom + 4) // STRIDE) + 1)
            weight[max(b, 0) : d, max(a, 0) : c] = 0
            continue
        x, y = (left + right) / 2, (top + bottom) / 2
        blob = np.exp(
            -(((points[None] - x) / max(w / 6, 1.8)) ** 2) / 2
            - (((points[:, None] - y) / max(h / 6, 1.8)) ** 2) / 2
        )
        column, row = (min(int(v / STRIDE), cells - 1) for v in (x, y))
        blob[row, column] = 1
        heat = np.maximum(heat, blob)
        taught = blob > 0.45
        inside[taught] = 1
        weight[taught] = 1
        regression[0][taught] = ((x - points[None]) / STRIDE).repeat(cells, 0)[taught]
        regression[1][taught] = ((y - points[:, None]) / STRIDE).repeat(cells, 1)[taught]
        regression[2][taught] = np.log(w)
        regression[3][taught] = np.log(h)
    return heat, weight, regression, inside
