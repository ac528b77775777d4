"""Linear maps along one dim that read few places each: windows of pools, weights of interpolation, transposes.

A table of taps says for each output place which inputs it reads and how much each counts. It is small, lies on the
host, and the transpose of a map is another table, so that a gradient is computed by the same loop as the map itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.shapes import Shape

Array = Any


@dataclass(frozen=True, eq=False)
class Taps:
    """`index` and `weight`, both (outputs, taps). A weight of exactly 0 marks a tap that is not there."""

    index: np.ndarray[Any, np.dtype[np.int64]]
    weight: np.ndarray[Any, np.dtype[np.float64]]

    def transposed(self, inputs: int) -> Taps:
        """The map back: for each of `inputs`, the outputs that read it."""
        outputs, columns = np.nonzero(self.weight)
        read = self.index[outputs, columns]
        order = np.argsort(read, kind="stable")
        read, outputs, weights = read[order], outputs[order], self.weight[outputs, columns][order]
        counts = np.bincount(read, minlength=inputs)
        place = np.arange(len(read)) - np.repeat(np.cumsum(counts) - counts, counts)
        width = int(counts.max(initial=1))
        index, weight = np.zeros((inputs, width), np.int64), np.zeros((inputs, width))
        index[read, place], weight[read, place] = outputs, weights
        return Taps(index, weight)


def windows(size: int, kernel: int, stride: int, padding: int, dilation: int, count: int) -> Taps:
    """The windows of a pool; a tap in the padding is not there, and its index is that of the nearest one that is."""
    place = np.arange(count)[:, None] * stride - padding + np.arange(kernel) * dilation
    return _inside(place, (place >= 0) & (place < size))


def adaptive_windows(size: int, count: int) -> Taps:
    """Windows from floor(i size / count) to ceil((i + 1) size / count)."""
    which = np.arange(count)
    start, end = which * size // count, -(-(which + 1) * size // count)
    place = start[:, None] + np.arange(int((end - start).max(initial=1)))
    return _inside(place, place < end[:, None])


def _inside(place: np.ndarray[Any, Any], valid: np.ndarray[Any, Any]) -> Taps:
    columns = np.arange(place.shape[1])
    first = np.where(valid, columns, place.shape[1]).min(1, keepdims=True)
    last = np.where(valid, columns, -1).max(1, keepdims=True)
    nearest = np.clip(columns, first, last)
    return Taps(np.take_along_axis(place, nearest, 1), valid.astype(np.float64))


def pick(xp: Any, x: Array, axis: int, index: np.ndarray[Any, Any]) -> Array:
    """`x` at `index` along `axis`: a view where the steps are regular, else a copy."""
    steps = np.diff(index)
    if len(index) and (len(index) == 1 or (steps[0] > 0 and (steps == steps[0]).all())):
        step = int(steps[0]) if len(steps) else 1
        return x[(slice(None),) * axis + (slice(int(index[0]), int(index[-1]) + 1, step),)]
    return xp.take(x, xp.asarray(index), axis=axis)


def weighted_sum(xp: Any, x: Array, axis: int, taps: Taps) -> Array:
    """Sum of weight times x[index] along `axis`. What a tap that is not there would read, even NaN, has no effect."""
    out = xp.zeros((*x.shape[:axis], len(taps.index), *x.shape[axis + 1 :]), x.dtype)
    if not out.size or not x.size:
        return out
    shape = (-1, *(1,) * (x.ndim - axis - 1))
    for index, weight in zip(taps.index.T, taps.weight.T, strict=True):
        part = pick(xp, x, axis, index)
        if (weight != 1).any():
            part = part * xp.asarray(weight.astype(x.dtype)).reshape(shape)
        absent = np.flatnonzero(weight == 0)
        if len(absent):
            part[(slice(None),) * axis + (xp.asarray(absent),)] = 0
        out += part
    return out


def along_all(xp: Any, x: Array, tables: list[Taps]) -> Array:
    """`weighted_sum` along each of the last dims, the innermost first."""
    for axis in reversed(range(len(tables))):
        x = weighted_sum(xp, x, x.ndim - len(tables) + axis, tables[axis])
    return x


def largest(xp: Any, x: Array, axis: int, taps: Taps) -> Array:
    """The greatest of x[index] along `axis`; NaN where one is NaN."""
    out = pick(xp, x, axis, taps.index[:, 0]).copy()
    for index in taps.index.T[1:]:
        xp.maximum(out, pick(xp, x, axis, index), out=out)
    return out


def largest_with_place(xp: Any, x: Array, place: Array, axis: int, taps: Taps) -> tuple[Array, Array]:
    """The greatest of x[index] along `axis` and its `place`: the first of equals, the last of NaNs, as in torch."""
    best, where = pick(xp, x, axis, taps.index[:, 0]), pick(xp, place, axis, taps.index[:, 0])
    for index in taps.index.T[1:]:
        value = pick(xp, x, axis, index)
        better = value > best
        if x.dtype.kind not in "iub":
            better |= value != value
        best = xp.where(better, value, best)
        where = xp.where(better, pick(xp, place, axis, index), where)
    return best, where


def plane_places(xp: Any, size: Shape) -> Array:
    """For each place of a box of `size`, its number in row-major order."""
    return xp.arange(int(np.prod(size)), dtype=np.int64).reshape((1, 1, *size))
