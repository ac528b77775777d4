"""Turn, scale and shift an image about its centre.

Math      the output pixel at c + d shows the input at c + R(-angle) (d - shift) / zoom, c the centre (side - 1) / 2
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def warp(
    image: Array,
    angle: float,
    zoom: float,
    shift: tuple[float, float],
    interpolation: Literal["nearest", "bilinear"],
    fill: float,
) -> Array:
    """Resample (H, W, C) on its own grid; `fill` where the source lies outside of the image.

    Units     angle in radians, counter-clockwise as seen; shift in pixels (down, right)
    """
    rows, columns = _source_places(image.shape[:2], angle, zoom, shift)
    if interpolation == "nearest":
        return _taken(image, np.floor(rows + 0.5).astype(np.int64), np.floor(columns + 0.5).astype(np.int64), fill)
    top, left = np.floor(rows).astype(np.int64), np.floor(columns).astype(np.int64)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    upper = _taken(image, top, left, fill) * (1 - right) + _taken(image, top, left + 1, fill) * right
    lower = _taken(image, top + 1, left, fill) * (1 - right) + _taken(image, top + 1, left + 1, fill) * right
    mixed = upper * (1 - down) + lower * down
    if image.dtype.kind in "ui":
        limits = np.iinfo(image.dtype)
        mixed = np.clip(np.rint(mixed), limits.min, limits.max)
    return mixed.astype(image.dtype)


def _source_places(
    size: tuple[int, ...], angle: float, zoom: float, shift: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    middle_row, middle_column = (size[0] - 1) / 2, (size[1] - 1) / 2
    down = (np.arange(size[0]) - middle_row - shift[0])[:, None] / zoom
    right = (np.arange(size[1]) - middle_column - shift[1])[None, :] / zoom
    cosine, sine = math.cos(angle), math.sin(angle)
    return middle_row + cosine * down + sine * right, middle_column - sine * down + cosine * right


def _taken(image: Array, rows: NDArray[np.int64], columns: NDArray[np.int64], fill: float) -> Array:
    height, width = image.shape[:2]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    found = image[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]
    return np.where(inside[..., None], found, np.asarray(fill, image.dtype))
