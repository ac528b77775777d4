"""A large image seen through windows that overlap: scores blended with a Gaussian weight.

Math      score = sum_w g_w * score_w / sum_w g_w;  g: Gaussian around the window's centre, sigma = side / 8,
          never below 1e-3 of its peak, so that the border of the image is weighted too
Source    Isensee et al. 2021, Nature Methods 18, 203-211 (nnU-Net), section on inference
Requires  REQ-F-MOD-905
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.errors import ShapeError

Array = NDArray[Any]

_LEAST = 1e-3


def window_starts(length: int, side: int, overlap: float) -> list[int]:
    """First pixels of windows of `side` that cover `length` evenly and overlap by at least the share `overlap`."""
    if length <= side:
        return [0]
    count = math.ceil((length - side) / max(1, int(side * (1 - overlap)))) + 1
    return [round(at * (length - side) / (count - 1)) for at in range(count)]


def window_weight(size: tuple[int, ...]) -> NDArray[np.float64]:
    """The weight of each pixel of a window."""
    weight: NDArray[np.float64] = np.ones(size)
    for axis, side in enumerate(size):
        place = (np.arange(side) - (side - 1) / 2) / (side / 8)
        weight = weight * np.exp(-0.5 * place**2).reshape([-1 if at == axis else 1 for at in range(len(size))])
    floored: NDArray[np.float64] = np.maximum(weight, _LEAST * weight.max())
    return floored


def blend(score: Callable[[Array], Array], image: Array, size: tuple[int, ...], overlap: float) -> NDArray[np.float32]:
    """Scores of a whole image from a `score` that sees windows of `size`; a smaller image is padded with zeros.

    Shapes    image (C, *spatial), score: (C, *size) -> (K, *size)  ->  (K, *spatial)
    Raises    ShapeError where image and window have different numbers of axes, or the scores another grid
    """
    spatial = image.shape[1:]
    if len(spatial) != len(size):
        raise ShapeError(f"sliding_window: windows of {size} for an image of {spatial}")
    padded = np.pad(image, [(0, 0), *((0, max(0, side - have)) for have, side in zip(spatial, size, strict=True))])
    grid = [window_starts(have, side, overlap) for have, side in zip(padded.shape[1:], size, strict=True)]
    boxes = [
        (slice(None), *(slice(start, start + side) for start, side in zip(starts, size, strict=True)))
        for starts in itertools.product(*grid)
    ]
    weight = window_weight(size)
    first = _scores(score, padded[boxes[0]], size)
    total = np.zeros((first.shape[0], *padded.shape[1:]))
    weights = np.zeros((1, *padded.shape[1:]))
    for place, box in enumerate(boxes):
        total[box] += weight * (_scores(score, padded[box], size) if place else first)
        weights[box] += weight
    whole = (total / weights)[(slice(None), *(slice(0, side) for side in spatial))]
    return np.ascontiguousarray(whole, dtype=np.float32)


def _scores(score: Callable[[Array], Array], window: Array, size: tuple[int, ...]) -> Array:
    scores = score(np.ascontiguousarray(window))
    if scores.shape[1:] != size:
        raise ShapeError(f"sliding_window: the model gives scores of {scores.shape[1:]} for a window of {size}")
    return scores
