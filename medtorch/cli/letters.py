"""Letters on pictures: the one door to Pillow's drawing; decoding and encoding is medtorch.data's."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from medtorch.cli.pictures import Colour, Rgb
from medtorch.errors import MissingDependencyError


def written(picture: Rgb, place: tuple[int, int], text: str, colour: Colour, size: int) -> Rgb:
    """A copy with text whose upper left corner is at `place` (row, column)."""
    image, draw, font = _pillow()
    canvas = image.fromarray(picture)
    draw.Draw(canvas).text((place[1], place[0]), text, fill=colour, font=font.load_default(size=size))
    return np.asarray(canvas).copy()


def width_of(text: str, size: int) -> int:
    """Pixels that a text takes."""
    _, _, font = _pillow()
    return int(font.load_default(size=size).getlength(text)) + 1


@functools.cache
def _pillow() -> tuple[Any, Any, Any]:
    try:
        from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415  optional: only who draws needs it
    except ImportError as error:
        raise MissingDependencyError("pillow", extra="imaging") from error
    return Image, ImageDraw, ImageFont
