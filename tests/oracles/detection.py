"""Boxes that overlap, and features of boxes, one number at a time.

Source    He et al., Mask R-CNN, ICCV 2017, section 3: a cell is the mean of places that lie evenly in it, each weighted
          from its four pixels; a place further than one pixel outside counts as zero
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def overlap(a: Any, b: Any) -> float:
    """Intersection over union of two boxes."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = wide * high
    everything = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return float(both / everything) if everything else math.nan


def nms(boxes: Any, scores: Any, threshold: float) -> list[int]:
    """Places of the boxes that are kept."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda place: -float(scores[place])):
        if not any(overlap(boxes[k], boxes[i]) > threshold for k in kept):
            kept.append(i)
    return kept


def _weighted(picture: np.ndarray, y: float, x: float) -> np.ndarray:
    height, width = picture.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(len(picture))
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    out = np.zeros(len(picture))
    for row in range(height):
        for column in range(width):
            out += picture[:, row, column] * max(0.0, 1 - abs(row - y)) * max(0.0, 1 - abs(column - x))
    return out


def roi_align(x: Any, rois: Any, size: Any, scale: float, ratio: int, aligned: bool) -> np.ndarray:
    """Shapes    x (n, c, h, w), rois (k, 5) -> (k, c, *size)"""
    out = np.zeros((len(rois), x.shape[1], *size))
    for k, (image, *corners) in enumerate(np.asarray(rois, float)):
        x1, y1, x2, y2 = (c * scale - (0.5 if aligned else 0.0) for c in corners)
        high, wide = y2 - y1, x2 - x1
        if not aligned:
            high, wide = max(high, 1.0), max(wide, 1.0)
        high, wide = high / size[0], wide / size[1]
        rows, columns = (ratio, ratio) if ratio > 0 else (math.ceil(high), math.ceil(wide))
        for i, j in np.ndindex(*size):
            for a, b in np.ndindex(rows, columns):
                y = y1 + high * (i + (a + 0.5) / rows)
                place = x1 + wide * (j + (b + 0.5) / columns)
                out[k, :, i, j] += _weighted(x[int(image)], y, place) / (rows * columns)
    return out


def shares(first: float, last: float, cells: int, size: int, ratio: int, aligned: bool) -> np.ndarray:
    """How much of each pixel along one side goes into each cell: roi_align is this on both sides.

    Shapes    -> (cells, size)
    """
    length = last - first if aligned else max(last - first, 1.0)
    number = ratio if ratio > 0 else math.ceil(length / cells)
    out = np.zeros((cells, size))
    for cell, step in np.ndindex(cells, number):
        place = first + length / cells * (cell + (step + 0.5) / number)
        if -1 <= place <= size:
            near = min(max(place, 0.0), size - 1.0)
            out[cell] += np.maximum(0.0, 1 - np.abs(np.arange(size) - near)) / number
    return out
