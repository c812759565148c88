"""Large pictures are also processed in overlapping tiles, where small objects are larger.

Source: slicing aided hyper inference, Akyon et al. 2022, arXiv:2202.06934.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from carlens.vision.boxes import Boxes, Classes, Scores, area, share_inside
from carlens.vision.candidates import Candidates, Mask

# A picture with sides this many times those of the model's input has detail that one pass misses.
_CLEARLY_LARGER = 1.5
# Pixels; tiles of a narrower picture show too little.
_MIN_SIDE = 64
_OVERLAP = 0.2
# Share of a tile's side: a box closer than this to an inner edge was cut off there.
_EDGE = 0.012
# Share of a box's area: a tile's box with more than this inside a whole object is part of it.
# mAP is the same from 0.7 to 0.85.
_PART = 0.8
# Confidence and share of a picture's area: a box from the one and below the other is a hint of a
# small object, which a tile shows better. docs/decisions/0038 compares other values.
HINT = 0.08
_SMALL = 0.09
# Share of the picture's side, and sum of the confidences of the hints that make a tile worthwhile.
_SIDE = 0.5
_WORTH = 0.7
_MOST_TILES = 4
# The most confident ones; placing tiles takes cubic time.
_MOST_HINTS = 100


class View(NamedTuple):
    """A rectangle of a picture, in pixels."""

    x1: int
    y1: int
    x2: int
    y2: int


def choose_views(width: int, height: int, slices: int, input_size: tuple[int, int]) -> list[View]:
    """Choose the views of a picture that the detector runs on.

    Parameters
    ----------
    width, height : int
        Of the picture, in pixels.
    slices : int
        Tiles in each direction, if the picture is large enough for tiles.
    input_size : tuple of int
        The model's width and height, in pixels.
    """
    return tile(width, height, slices if has_more_detail(width, height, input_size) else 1)


def has_more_detail(width: int, height: int, input_size: tuple[int, int]) -> bool:
    """Return whether tiles of a picture show more than the model's input; see `choose_views`."""
    larger = max(width / input_size[0], height / input_size[1]) >= _CLEARLY_LARGER
    return larger and min(width, height) >= _MIN_SIDE


def tile(width: int, height: int, slices: int) -> list[View]:
    """Cut a picture into views.

    Returns
    -------
    list of View
        The whole picture first; with `slices` above 1, then slices x slices tiles, row by row,
        that overlap by 20 %.
    """
    whole = [View(0, 0, width, height)]
    if slices == 1:
        return whole
    columns, rows = _spans(width, slices), _spans(height, slices)
    return whole + [View(x1, y1, x2, y2) for y1, y2 in rows for x1, x2 in columns]


def _spans(side: int, count: int) -> list[tuple[int, int]]:
    length = int(side / (count - (count - 1) * _OVERLAP))
    starts = [round(i * (side - length) / (count - 1)) for i in range(count)]
    return [(start, start + length) for start in starts]


def is_cut(boxes: Boxes, view: View, width: int, height: int) -> Mask:
    """Return which boxes were cut off by an edge of their view that is inside the picture.

    Parameters
    ----------
    boxes : float32 array of shape (n, 4)
        In pixels of the picture.
    view : View
        Where the boxes were found.
    width, height : int
        Of the picture, in pixels.
    """
    near_x, near_y = (view.x2 - view.x1) * _EDGE, (view.y2 - view.y1) * _EDGE
    cut = np.zeros(len(boxes), np.bool_)
    if view.x1 > 0:
        cut |= boxes[:, 0] <= view.x1 + near_x
    if view.y1 > 0:
        cut |= boxes[:, 1] <= view.y1 + near_y
    if view.x2 < width:
        cut |= boxes[:, 2] >= view.x2 - near_x
    if view.y2 < height:
        cut |= boxes[:, 3] >= view.y2 - near_y
    return cut


def is_part(candidates: Candidates) -> Mask:
    """Return which candidates of tiles are parts of an object that the whole picture shows.

    A part lies almost entirely inside a more confident box of the same class. Source: the
    matching by intersection over smaller area of arXiv:2202.06934.

    Parameters
    ----------
    candidates : Candidates
        The most confident first.
    """
    boxes, classes, in_tile = candidates.boxes, candidates.classes, candidates.in_tile
    part = np.zeros(len(boxes), np.bool_)
    for index in np.flatnonzero(~in_tile) if in_tile.any() else ():
        rest = slice(index + 1, None)
        inside = share_inside(boxes[rest], boxes[index]) > _PART
        part[rest] |= inside & in_tile[rest] & (classes[rest] == classes[index])
    return part


def find_hints(candidates: Candidates, groups: Classes, width: int, height: int) -> Mask:
    """Return which candidates are hints of small objects.

    Boxes inside a larger, more confident one do not count if both are of one group: they are mostly
    parts of it.

    Parameters
    ----------
    candidates : Candidates
        Of the whole picture, from the confidence `HINT` on, the most confident first.
    groups : integer array of shape (n,)
        Boxes of different groups, such as classes, are never parts of each other.
    width, height : int
        Of the picture, in pixels.
    """
    boxes = candidates.boxes
    small = area(boxes) < _SMALL * width * height
    hints = small.copy()
    for index in np.flatnonzero(~small):
        rest = slice(index + 1, None)
        inside = share_inside(boxes[rest], boxes[index]) > _PART
        hints[rest] &= ~(inside & (groups[rest] == groups[index]))
    return hints


def place_tiles(boxes: Boxes, scores: Scores, width: int, height: int) -> list[View]:
    """Place tiles on hints of small objects.

    Each tile is placed where the confidences of the hints that it holds have the largest sum, which
    is about how many objects it shows. Hints that an earlier tile holds do not count. Source: the
    greedy algorithm for maximum coverage, Nemhauser et al. 1978, doi:10.1007/BF01588971.

    Parameters
    ----------
    boxes : float32 array of shape (n, 4)
        The hints, in pixels of the picture.
    scores : float32 array of shape (n,)
        Their confidences, 0..1.
    width, height : int
        Of the picture, in pixels.

    Returns
    -------
    list of View
        At most four.
    """
    boxes, left = boxes[:_MOST_HINTS], scores[:_MOST_HINTS].copy()
    tile_width, tile_height = int(width * _SIDE), int(height * _SIDE)
    in_column = _held(boxes[:, 0], boxes[:, 2], tile_width, width)
    in_row = _held(boxes[:, 1], boxes[:, 3], tile_height, height)
    tiles: list[View] = []
    while len(boxes) and len(tiles) < _MOST_TILES:
        gains = (in_column * left) @ in_row.T
        column, row = np.unravel_index(gains.argmax(), gains.shape)
        if gains[column, row] < _WORTH:
            break
        held = in_column[column] & in_row[row] & (left > 0)
        x1 = _center(boxes[held, 0].min(), boxes[held, 2].max(), tile_width, width)
        y1 = _center(boxes[held, 1].min(), boxes[held, 3].max(), tile_height, height)
        tiles.append(View(x1, y1, x1 + tile_width, y1 + tile_height))
        left[held | ~is_cut(boxes, tiles[-1], width, height)] = 0
    return tiles


def _held(starts: Scores, ends: Scores, length: int, side: int) -> Mask:
    """Return which hints each position of a tile holds along an axis, a row for each position.

    The positions are those at which a tile begins just before a hint: any other tile can be moved
    to one of them without losing a hint.
    """
    near = length * _EDGE
    first = np.clip(np.floor(starts - near) - 1, 0, side - length)[:, None]
    last = first + length
    after: Mask = (starts >= first) & ((first == 0) | (starts > first + near))
    before: Mask = (ends <= last) & ((last == side) | (ends < last - near))
    return after & before


def _center(start: float, end: float, length: int, side: int) -> int:
    """Return where a tile begins that has the hints in its middle, as far as the picture goes."""
    return int(np.clip((start + end - length) / 2, 0, side - length))
