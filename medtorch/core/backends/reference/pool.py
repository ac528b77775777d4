"""Pools of any number of dims, one dim after the other, and their gradients. Arrays are (N, C, *size)."""

from __future__ import annotations

import math

import numpy as np

from medtorch.core.backends.reference import taps
from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.backends.reference.taps import Taps
from medtorch.core.shapes import Shape
from medtorch.errors import DimError


class PoolKernels(KernelFamily):
    """Greatest and mean of windows."""

    def max_pool(self, x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, count: Shape) -> Array:
        return self._largest(x, _windows(x.shape[2:], kernel, stride, padding, dilation, count))

    def max_pool_indices(
        self, x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, count: Shape
    ) -> Array:
        return self._places(x, _windows(x.shape[2:], kernel, stride, padding, dilation, count))

    def adaptive_max_pool(self, x: Array, count: Shape) -> Array:
        return self._largest(x, _adaptive(x.shape[2:], count))

    def adaptive_max_pool_indices(self, x: Array, count: Shape) -> Array:
        return self._places(x, _adaptive(x.shape[2:], count))

    def max_pool_input_grad(
        self, dy: Array, x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
    ) -> Array:
        places = self.max_pool_indices(x, kernel, stride, padding, dilation, dy.shape[2:])
        return self.pool_scatter(dy, places, x.shape[2:])

    def pool_gather(self, x: Array, indices: Array) -> Array:
        flat = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
        places = indices.reshape(*indices.shape[:2], math.prod(indices.shape[2:]))
        return self.xp.take_along_axis(flat, places, 2).reshape(indices.shape)

    @in_float32
    def pool_scatter(self, dy: Array, indices: Array, size: Shape) -> Array:
        planes, area = math.prod(dy.shape[:2]), math.prod(size)
        flat = indices.reshape(planes, math.prod(dy.shape[2:])) + self.xp.arange(planes, dtype=np.int64)[:, None] * area
        # float64 sums rounded once; bincount adds in the order of its input.
        sums = self.xp.bincount(flat.reshape(-1), weights=dy.reshape(-1), minlength=planes * area)
        return sums.astype(dy.dtype).reshape(*dy.shape[:2], *size)

    def max_unpool(self, x: Array, indices: Array, size: Shape) -> Array:
        planes, area = math.prod(x.shape[:2]), math.prod(size)
        wrong = (indices < 0) | (indices >= area)
        if bool(wrong.any()):
            raise DimError(f"max_unpool: index {int(indices[wrong][0])} is outside of a plane of size {size}")
        out = self.xp.zeros((planes, area), x.dtype)
        count = math.prod(x.shape[2:])
        self.xp.put_along_axis(out, indices.reshape(planes, count), x.reshape(planes, count), 1)
        return out.reshape(*x.shape[:2], *size)

    @in_float32
    def avg_pool(
        self,
        x: Array,
        kernel: Shape,
        stride: Shape,
        padding: Shape,
        count: Shape,
        count_include_pad: bool,
        divisor: int | None,
    ) -> Array:
        tables = _windows(x.shape[2:], kernel, stride, padding, (1,) * len(kernel), count)
        totals = taps.along_all(self.xp, x, tables)
        counts = self._counts(x.shape[2:], kernel, stride, padding, count, count_include_pad, divisor)
        return self._divided(totals, counts)

    @in_float32
    def avg_pool_input_grad(
        self,
        grad: Array,
        size: Shape,
        kernel: Shape,
        stride: Shape,
        padding: Shape,
        count_include_pad: bool,
        divisor: int | None,
    ) -> Array:
        count = grad.shape[2:]
        tables = _windows(size, kernel, stride, padding, (1,) * len(kernel), count)
        counts = self._counts(size, kernel, stride, padding, count, count_include_pad, divisor)
        back = [table.transposed(n) for table, n in zip(tables, size, strict=True)]
        return taps.along_all(self.xp, self._divided(grad, counts), back)

    @in_float32
    def adaptive_avg_pool(self, x: Array, count: Shape) -> Array:
        tables = _adaptive(x.shape[2:], count)
        return taps.along_all(self.xp, x, tables) / self._product(x, [t.weight.sum(1) for t in tables])

    @in_float32
    def adaptive_avg_pool_input_grad(self, grad: Array, size: Shape) -> Array:
        tables = _adaptive(size, grad.shape[2:])
        shares = grad / self._product(grad, [t.weight.sum(1) for t in tables])
        return taps.along_all(self.xp, shares, [t.transposed(n) for t, n in zip(tables, size, strict=True)])

    def _largest(self, x: Array, tables: list[Taps]) -> Array:
        for axis in reversed(range(2, x.ndim)):
            x = taps.largest(self.xp, x, axis, tables[axis - 2])
        return x

    def _places(self, x: Array, tables: list[Taps]) -> Array:
        where = self.xp.broadcast_to(taps.plane_places(self.xp, x.shape[2:]), x.shape)
        for axis in reversed(range(2, x.ndim)):
            x, where = taps.largest_with_place(self.xp, x, where, axis, tables[axis - 2])
        return self.xp.ascontiguousarray(where)

    def _product(self, like: Array, factors: list[np.ndarray]) -> Array:
        """The outer product of one vector a spatial dim."""
        out = np.ones((1,) * len(factors))
        for axis, factor in enumerate(factors):
            out = out * factor.reshape(-1, *(1,) * (len(factors) - axis - 1))
        return self.xp.asarray(out.astype(like.dtype))

    def _counts(
        self,
        size: Shape,
        kernel: Shape,
        stride: Shape,
        padding: Shape,
        count: Shape,
        count_include_pad: bool,
        divisor: int | None,
    ) -> np.ndarray:
        if divisor is not None:
            return np.full((1,) * len(size), divisor)
        out = np.ones((1,) * len(size), np.int64)
        for axis, (n, k, s, p, c) in enumerate(zip(size, kernel, stride, padding, count, strict=True)):
            start = np.arange(c) * s - p
            end = np.minimum(start + k, n + p)
            if not count_include_pad:
                start, end = np.maximum(start, 0), np.minimum(end, n)
            out = out * (end - start).reshape(-1, *(1,) * (len(size) - axis - 1))
        return out

    def _divided(self, totals: Array, counts: np.ndarray) -> Array:
        divisor = self.xp.asarray(counts.astype(totals.dtype))
        if totals.dtype.kind != "i":
            return totals / divisor
        return self.xp.sign(totals) * self.xp.sign(divisor) * (self.xp.abs(totals) // self.xp.abs(divisor))


def _windows(size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, count: Shape) -> list[Taps]:
    return [taps.windows(*each) for each in zip(size, kernel, stride, padding, dilation, count, strict=True)]


def _adaptive(size: Shape, count: Shape) -> list[Taps]:
    return [taps.adaptive_windows(n, c) for n, c in zip(size, count, strict=True)]
