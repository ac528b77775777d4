"""Resizing as one small table of neighbours and weights a dim. Arrays are (N, C, *size).

Places are computed in the precision that the numbers have, as torch does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.backends.reference.taps import Taps, along_all, weighted_sum
from medtorch.core.shapes import Shape

Scales = tuple[float | None, ...]
Vector = np.ndarray[Any, Any]


class InterpolateKernels(KernelFamily):
    """Resizing and its gradient."""

    @in_float32
    def interpolate(
        self, x: Array, mode: str, size: Shape, scales: Scales, align_corners: bool, antialias: bool
    ) -> Array:
        tables = resize_tables(mode, x.shape[2:], size, scales, align_corners, antialias, x.dtype)
        if x.dtype.kind != "u" or mode.startswith("nearest"):
            return along_all(self.xp, x, tables)
        for axis in reversed(range(2, x.ndim)):
            x = self._bytes_along(x, axis, tables[axis - 2])
        return x

    def _bytes_along(self, x: Array, axis: int, taps: Taps) -> Array:
        """Bytes weighed with 16-bit weights and rounded after each dim, as torch (and Pillow before it) does it."""
        taps = _merged(taps)
        bits = next((b for b in range(22) if int(0.5 + taps.weight.max() * (1 << (b + 1))) >= 1 << 15), 22)
        whole = np.trunc(taps.weight * (1 << bits) + np.copysign(0.5, taps.weight))
        total = weighted_sum(self.xp, x.astype(np.int64), axis, Taps(taps.index, whole))
        return self.xp.clip((total + (1 << (bits - 1))) >> bits, 0, 255).astype(x.dtype)

    @in_float32
    def interpolate_input_grad(
        self, grad: Array, size: Shape, mode: str, scales: Scales, align_corners: bool, antialias: bool
    ) -> Array:
        tables = resize_tables(mode, size, grad.shape[2:], scales, align_corners, antialias, grad.dtype)
        return along_all(self.xp, grad, [table.transposed(n) for table, n in zip(tables, size, strict=True)])


def resize_tables(
    mode: str, size: Shape, count: Shape, scales: Scales, align_corners: bool, antialias: bool, numpy_dtype: Any
) -> list[Taps]:
    """One table a dim, from `size` to `count` places."""
    nearest = mode in ("nearest", "nearest-exact")
    wide = numpy_dtype == np.float64 or (numpy_dtype == np.uint8 and not nearest)
    real = np.float64 if wide else np.float32
    out = []
    for n, c, given in zip(size, count, scales, strict=True):
        step = _step(n, c, given, align_corners, real)
        if nearest:
            # torch rounds the steps of images to float32 whatever their dtype is, those of lines and volumes not
            out.append(_nearest(n, c, given, mode == "nearest-exact", np.float32 if len(size) == 2 else real))
        elif antialias:
            out.append(_filtered(n, c, step, mode == "bicubic", real))
        elif mode == "bicubic":
            out.append(_cubic(n, _places(c, step, align_corners, real)))
        else:
            out.append(_linear(n, c, _places(c, step, align_corners, real)))
    return out


def _step(size: int, count: int, given: float | None, align_corners: bool, real: Any) -> Any:
    """How far apart in the input neighbouring outputs lie."""
    if align_corners:
        return real(size - 1) / real(count - 1) if count > 1 else real(0)
    return real(1.0 / given) if given is not None else real(size) / real(count)


def _places(count: int, step: Any, align_corners: bool, real: Any) -> Vector:
    at = np.arange(count).astype(real)
    places: Vector = at * step if align_corners else step * (at + real(0.5)) - real(0.5)
    return places


def _nearest(size: int, count: int, given: float | None, exact: bool, real: Any) -> Taps:
    """Which pixel is nearest can hang on the last bit, so that each step is rounded where torch rounds it."""
    which = np.arange(count)
    step = _step(size, count, given, False, real)
    places: Vector
    if exact:
        places = (which + 0.5) * np.float64(step)
    elif count in (size, 2 * size):
        places = which // (count // size)
    else:
        places = which.astype(real) * step
    index = np.minimum(np.floor(places.astype(np.float32)).astype(np.int64), size - 1)[:, None]
    return Taps(index, np.ones(index.shape))


def _linear(size: int, count: int, places: Vector) -> Taps:
    if size == count:
        places = np.arange(count).astype(places.dtype)
    places = np.maximum(places, 0)
    low = np.minimum(places.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = np.clip(places - low.astype(places.dtype), 0, 1)
    return Taps(np.stack([low, high], 1), np.stack([1 - share, share], 1).astype(np.float64))


def _cubic(size: int, places: Vector) -> Taps:
    low = np.minimum(np.floor(places).astype(np.int64), size - 1)
    share = np.clip(places - low.astype(places.dtype), 0, 1)
    weights = [_cubic_filter(share + 1, -0.75), _cubic_filter(share, -0.75)]
    weights += [_cubic_filter(1 - share, -0.75), _cubic_filter(2 - share, -0.75)]
    index = np.clip(low[:, None] + np.arange(-1, 3), 0, size - 1)
    return Taps(index, np.stack(weights, 1).astype(np.float64))


def _filtered(size: int, count: int, step: Any, cubic: bool, real: Any) -> Taps:
    """The filter is as wide as a step where that is more than a pixel, and its weights add up to 1."""
    stretch = max(step, real(1))
    support = real(2 if cubic else 1) * stretch
    centre = step * (np.arange(count).astype(real) + real(0.5))
    start = np.maximum((centre - support + real(0.5)).astype(np.int64), 0)
    end = np.minimum((centre + support + real(0.5)).astype(np.int64), size)
    place = start[:, None] + np.arange(max(int((end - start).max()), 1))
    apart = (place.astype(real) - centre[:, None] + real(0.5)) / stretch
    weight = _cubic_filter(np.abs(apart), -0.5) if cubic else np.maximum(1 - np.abs(apart), 0)
    weight = np.where(place < end[:, None], weight, 0)
    weight = weight / weight.sum(1, keepdims=True)
    return Taps(np.minimum(place, size - 1), weight.astype(np.float64))


def _merged(taps: Taps) -> Taps:
    """What reads the same pixel twice, at a border, reads it once with both weights. Indices never fall along a row."""
    weight = taps.weight.copy()
    for column in range(1, weight.shape[1]):
        same = taps.index[:, column] == taps.index[:, column - 1]
        weight[same, column] += weight[same, column - 1]
        weight[same, column - 1] = 0
    return Taps(taps.index, weight)


def _cubic_filter(x: Vector, a: float) -> Vector:
    """Keys' kernel at distances x >= 0."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0)).astype(x.dtype)
