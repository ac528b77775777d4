"""Which source pixels make a resized pixel, and with which weights: one axis at a time.

With antialiasing the filter is widened when shrinking (Pillow's arithmetic, torch's `antialias=True`); without it the
filter has its natural width (torch's `interpolate(align_corners=False)`). Weights and sums are float64.

Source    Pillow, src/libImaging/Resample.c (precompute_coeffs); semantics of torch.nn.functional.interpolate
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Interpolation = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]
INTERPOLATIONS = ("nearest", "box", "bilinear", "bicubic", "lanczos")
SUPPORT = {"box": 0.5, "bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}
# Two conventions meet here: Pillow and antialiased torch use -0.5, torch's plain bicubic -0.75.
_CUBIC_ANTIALIASED, _CUBIC_PLAIN = -0.5, -0.75


@dataclass(frozen=True, eq=False)
class Taps:
    """For each output position, the source positions (out, k) and their weights (out, k)."""

    indices: NDArray[np.int64]
    weights: NDArray[np.float64]


def nearest_indices(before: int, after: int) -> NDArray[np.int64]:
    """Source position under the centre of each output pixel, in whole-number arithmetic.

    Math      floor((i + 1/2) * before / after)
    Source    Pillow's NEAREST; semantics of torch.nn.functional.interpolate(mode="nearest-exact")
    """
    return (2 * np.arange(after, dtype=np.int64) + 1) * before // (2 * after)


@functools.lru_cache(maxsize=64)
def taps(before: int, after: int, interpolation: Interpolation, antialias: bool) -> Taps:
    """Weights of one axis from `before` to `after` positions."""
    if antialias:
        return _widened_taps(before, after, interpolation)
    return _plain_linear(before, after) if interpolation == "bilinear" else _plain_cubic(before, after)


def apply_taps(array: NDArray[Any], axis: int, chosen: Taps) -> NDArray[np.float64]:
    """Weighted sums along one axis, the terms added in order."""
    moved = np.moveaxis(array, axis, 0)
    shape = (-1,) + (1,) * (moved.ndim - 1)
    total = np.zeros((len(chosen.indices), *moved.shape[1:]))
    for tap in range(chosen.indices.shape[1]):
        total += chosen.weights[:, tap].reshape(shape) * moved[chosen.indices[:, tap]]
    return np.moveaxis(total, 0, axis)


def _widened_taps(before: int, after: int, interpolation: Interpolation) -> Taps:
    scale = before / after
    widening = max(scale, 1.0)
    support = SUPPORT[interpolation] * widening
    centres = (np.arange(after) + 0.5) * scale
    first = np.maximum(np.trunc(centres - support + 0.5), 0).astype(np.int64)
    last = np.minimum(np.trunc(centres + support + 0.5), before).astype(np.int64)
    places = first[:, None] + np.arange(int((last - first).max()))
    weights = _kernel(interpolation, (places - centres[:, None] + 0.5) / widening)
    weights = np.where(places < last[:, None], weights, 0.0)
    return Taps(np.minimum(places, before - 1), weights / weights.sum(axis=1, keepdims=True))


def _kernel(interpolation: Interpolation, x: NDArray[np.float64]) -> NDArray[np.float64]:
    match interpolation:
        case "box":
            return ((x > -0.5) & (x <= 0.5)).astype(np.float64)
        case "bilinear":
            return np.maximum(1.0 - np.abs(x), 0.0)
        case "bicubic":
            return _cubic(x, _CUBIC_ANTIALIASED)
        case _:
            return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' cubic convolution (Keys 1981, IEEE ASSP 29(6), 1153-1160)."""
    far = np.abs(x)
    inner = ((a + 2.0) * far - (a + 3.0)) * far * far + 1.0
    outer = (((far - 5.0) * far + 8.0) * far - 4.0) * a
    return np.where(far < 1.0, inner, np.where(far < 2.0, outer, 0.0))


def _plain_linear(before: int, after: int) -> Taps:
    places = np.maximum((np.arange(after) + 0.5) * (before / after) - 0.5, 0.0)
    low = places.astype(np.int64)
    part = places - low
    return Taps(np.stack([low, np.minimum(low + 1, before - 1)], axis=1), np.stack([1.0 - part, part], axis=1))


def _plain_cubic(before: int, after: int) -> Taps:
    places = (np.arange(after) + 0.5) * (before / after) - 0.5
    low = np.floor(places).astype(np.int64)
    offsets = np.arange(-1, 3)
    weights = _cubic((places - low)[:, None] - offsets, _CUBIC_PLAIN)
    return Taps(np.clip(low[:, None] + offsets, 0, before - 1), weights)
