"""Resizing pixel by pixel, from the definitions. Slow on purpose."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Weights = list[tuple[int, float]]


def _keys(x: float, a: float) -> float:
    """Keys' cubic kernel."""
    x = abs(x)
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def _step(n: int, m: int, scale: float | None, corners: bool) -> float:
    if corners:
        return (n - 1) / (m - 1) if m > 1 else 0.0
    return 1 / scale if scale else n / m


def _nearest(i: int, n: int, m: int, step: float, corners: bool) -> Weights:
    return [(min(math.floor(i * step), n - 1), 1.0)]


def _nearest_exact(i: int, n: int, m: int, step: float, corners: bool) -> Weights:
    return [(min(math.floor((i + 0.5) * step), n - 1), 1.0)]


def _linear(i: int, n: int, m: int, step: float, corners: bool) -> Weights:
    place = i * step if corners else max((i + 0.5) * step - 0.5, 0.0)
    low = min(int(place), n - 1)
    return [(low, 1 - (place - low)), (min(low + 1, n - 1), place - low)]


def _cubic(i: int, n: int, m: int, step: float, corners: bool) -> Weights:
    place = i * step if corners else (i + 0.5) * step - 0.5
    low = math.floor(place)
    return [(min(max(low + j, 0), n - 1), _keys(place - low - j, -0.75)) for j in range(-1, 3)]


def _filtered(kernel: Callable[[float], float], reach: float) -> Callable[..., Weights]:
    def weights(i: int, n: int, m: int, step: float, corners: bool) -> Weights:
        wide = max(step, 1.0)
        centre = (i + 0.5) * step
        first, last = max(int(centre - reach * wide + 0.5), 0), min(int(centre + reach * wide + 0.5), n)
        raw = [(j, kernel((j + 0.5 - centre) / wide)) for j in range(first, last)]
        total = sum(w for _, w in raw)
        return [(j, w / total) for j, w in raw]

    return weights


_RULES = {
    ("nearest", False): _nearest,
    ("nearest-exact", False): _nearest_exact,
    ("linear", False): _linear,
    ("bilinear", False): _linear,
    ("trilinear", False): _linear,
    ("bicubic", False): _cubic,
    ("bilinear", True): _filtered(lambda x: max(1 - abs(x), 0.0), 1.0),
    ("bicubic", True): _filtered(lambda x: _keys(x, -0.5), 2.0),
}


def interpolate(
    x: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """(N, C, *any) to (N, C, *size)."""
    spatial = x.ndim - 2
    scales: list[float | None] = [None] * spatial
    if size is None:
        factors = [scale_factor] * spatial if isinstance(scale_factor, (int, float)) else list(scale_factor)
        size = [int(n * f) for n, f in zip(x.shape[2:], factors, strict=True)]
        scales = scales if recompute_scale_factor else factors
    size = [size] * spatial if isinstance(size, int) else list(size)
    rule = _RULES[mode, antialias]
    corners = bool(align_corners)
    tables = [
        [rule(i, n, m, _step(n, m, s, corners), corners) for i in range(m)]
        for n, m, s in zip(x.shape[2:], size, scales, strict=True)
    ]
    out = np.zeros((*x.shape[:2], *size))
    for at in itertools.product(*(range(m) for m in size)):
        for taps in itertools.product(*(table[i] for table, i in zip(tables, at, strict=True))):
            weight = math.prod(w for _, w in taps)
            out[(slice(None), slice(None), *at)] += weight * x[(slice(None), slice(None), *(j for j, _ in taps))]
    return out
