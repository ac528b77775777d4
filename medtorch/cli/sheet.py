"""A contact sheet: many pictures on one page, each with a caption, under a title and a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medtorch.cli.letters import width_of, written
from medtorch.cli.pictures import Colour, Rgb
from medtorch.data import resize

_PAPER: Colour = (250, 250, 248)
_INK: Colour = (34, 34, 34)
_FAINT: Colour = (112, 112, 112)
_GAP = 14
_TITLE = 24
_TEXT = 15


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture with one line of caption, and a colour for the mark in front of it."""

    picture: Rgb
    caption: str
    note: str = ""
    mark: Colour | None = None


def sheet(tiles: Sequence[Tile], *, title: str, legend: Sequence[tuple[Colour, str]], columns: int, side: int) -> Rgb:
    """Lay the tiles out in rows, each scaled to fit a square of `side` pixels.

    Shapes    -> (H, W, 3)
    """
    rows = math.ceil(len(tiles) / columns)
    head, foot = _TITLE + 2 * _GAP + 24, 44
    page = np.full((head + rows * (side + foot) + _GAP, columns * (side + _GAP) + _GAP, 3), _PAPER, np.uint8)
    page = written(page, (_GAP, _GAP), title, _INK, _TITLE)
    page = _with_legend(page, legend, _GAP + _TITLE + 10)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        page = _with_tile(page, tile, head + row * (side + foot), _GAP + column * (side + _GAP), side)
    return page


def fitted(picture: Rgb, side: int) -> Rgb:
    """Scaled, keeping its proportions, so that the longer side has `side` pixels; enlarged only by whole pixels."""
    scale = side / max(picture.shape[:2])
    size = tuple(max(1, round(length * scale)) for length in picture.shape[:2])
    made: Rgb = resize(picture, size, "lanczos" if scale < 1 else "nearest")
    return made


def _with_tile(page: Rgb, tile: Tile, top: int, left: int, side: int) -> Rgb:
    picture = fitted(tile.picture, side)
    height, width = picture.shape[:2]
    down, right = top + (side - height) // 2, left + (side - width) // 2
    page[down : down + height, right : right + width] = picture
    text = left
    if tile.mark is not None:
        page[top + side + 9 : top + side + 19, left : left + 10] = tile.mark
        text += 16
    page = written(page, (top + side + 4, text), tile.caption, _INK, _TEXT)
    return written(page, (top + side + 22, text), tile.note, _FAINT, 13) if tile.note else page


def _with_legend(page: Rgb, legend: Sequence[tuple[Colour, str]], top: int) -> Rgb:
    left = _GAP
    for colour, text in legend:
        page[top + 6 : top + 16, left : left + 18] = colour
        page = written(page, (top + 2, left + 24), text, _FAINT, _TEXT)
        left += 24 + width_of(text, _TEXT) + 22
    return page
