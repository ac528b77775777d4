"""The order of native sums, written with NumPy from docs/decisions/reductions.md."""

from __future__ import annotations

import math

import numpy as np

BLOCK, LANES = 512, 16


def fold(terms: np.ndarray, divisor: float = 1.0) -> np.ndarray:
    """Sum float32 terms along the last dim: lanes in float32, lanes and blocks joined in float64, rounded once."""
    total = np.zeros(terms.shape[:-1], np.float64)
    for start in range(0, terms.shape[-1], BLOCK):
        total = total + _block(terms[..., start : start + BLOCK])
    with np.errstate(all="ignore"):
        return (total / divisor).astype(np.float32)


def _block(terms: np.ndarray) -> np.ndarray:
    lanes = np.zeros((*terms.shape[:-1], LANES), np.float32)
    for start in range(0, terms.shape[-1], LANES):
        part = terms[..., start : start + LANES]
        lanes[..., : part.shape[-1]] = lanes[..., : part.shape[-1]] + part
    wide = lanes.astype(np.float64)
    while wide.shape[-1] > 1:
        half = wide.shape[-1] // 2
        wide = wide[..., :half] + wide[..., half:]
    return wide[..., 0]


def ordered_sum(x: np.ndarray, dims: tuple[int, ...], divisor: float = 1.0) -> np.ndarray:
    """Sum over `dims`, which keep size 1: neighbouring dims are one run, the innermost run first."""
    todo = runs(dims)
    for first, last in todo:
        kept = [d for d in range(x.ndim) if not first <= d < last]
        terms = math.prod(x.shape[first:last])
        rows = x.transpose(*kept, *range(first, last)).reshape(*(x.shape[d] for d in kept), terms)
        shape = [1 if first <= d < last else n for d, n in enumerate(x.shape)]
        x = fold(rows, divisor if (first, last) == todo[-1] else 1.0).reshape(shape)
    return x


def runs(dims: tuple[int, ...]) -> list[tuple[int, int]]:
    """(first, one past the last) of neighbouring dims, the innermost first."""
    out: list[tuple[int, int]] = []
    for d in sorted(dims, reverse=True):
        if out and out[-1][0] == d + 1:
            out[-1] = (d, out[-1][1])
        else:
            out.append((d, d + 1))
    return out
