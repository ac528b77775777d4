"""Resizing and its gradient, natively for float32: the tables of the reference backend, another loop over them.

The sums are those of the reference kernel, term by term, so that the bits are equal.

Requires  REQ-F-OPS-105
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.interpolate import InterpolateKernels as ReferenceInterpolateKernels
from medtorch.core.backends.reference.interpolate import Scales, resize_tables
from medtorch.core.backends.reference.taps import Taps
from medtorch.core.shapes import Shape

Table = tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.float32]]]


class InterpolateKernels(NativeFamily, ReferenceInterpolateKernels):
    """Along one dim after the other, the innermost first."""

    def interpolate(
        self, x: Array, mode: str, size: Shape, scales: Scales, align_corners: bool, antialias: bool
    ) -> Array:
        if x.dtype != FLOAT32 or not x.size:
            return super().interpolate(x, mode, size, scales, align_corners, antialias)
        return self._along_all(x, _forward(mode, x.shape[2:], size, scales, align_corners, antialias))

    def interpolate_input_grad(
        self, grad: Array, size: Shape, mode: str, scales: Scales, align_corners: bool, antialias: bool
    ) -> Array:
        if grad.dtype != FLOAT32 or not grad.size:
            return super().interpolate_input_grad(grad, size, mode, scales, align_corners, antialias)
        return self._along_all(grad, _backward(mode, size, grad.shape[2:], scales, align_corners, antialias))

    def _along_all(self, x: Array, tables: tuple[Table, ...]) -> Array:
        for axis in reversed(range(len(tables))):
            y = self.set.weighted_sum(x, 2 + axis, *tables[axis])
            x = self.set.weighted_sum(self._without_gaps(x), 2 + axis, *tables[axis]) if y is None else y
        return x

    def _without_gaps(self, x: Array) -> Array:
        """A copy that lies in memory in the order that x does."""
        out = self.new_in_order(x.shape, tuple(sorted(range(x.ndim), key=lambda d: (-abs(x.strides[d]), d))))
        if not self.set.copy_into(x, out):
            out[...] = x
        return out


@functools.lru_cache(maxsize=64)
def _forward(
    mode: str, size: Shape, count: Shape, scales: Scales, align_corners: bool, antialias: bool
) -> tuple[Table, ...]:
    tables = resize_tables(mode, size, count, scales, align_corners, antialias, FLOAT32)
    return tuple(_native_table(t) for t in tables)


@functools.lru_cache(maxsize=64)
def _backward(
    mode: str, size: Shape, count: Shape, scales: Scales, align_corners: bool, antialias: bool
) -> tuple[Table, ...]:
    tables = resize_tables(mode, size, count, scales, align_corners, antialias, FLOAT32)
    return tuple(_native_table(t.transposed(n)) for t, n in zip(tables, size, strict=True))


def _native_table(taps: Taps) -> Table:
    return np.ascontiguousarray(taps.index, np.int32), np.ascontiguousarray(taps.weight, np.float32)
