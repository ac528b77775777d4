"""Copies that change the order of memory, natively for float32.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

import numpy as np

from medtorch.core import shapes
from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.layout import LayoutKernels as ReferenceLayoutKernels


class LayoutKernels(NativeFamily, ReferenceLayoutKernels):
    """Copies, and reshapes that need one."""

    def copy(self, x: Array, memory_format: str) -> Array:
        if x.dtype != FLOAT32 or not x.size:
            return super().copy(x, memory_format)
        kept = memory_format == "preserve_format"
        by_step = _order(x)
        out = self.new_in_order(x.shape, by_step if kept else shapes.memory_order(x.ndim, memory_format))
        return out if self.set.map_into(out, "identity", (x,), (), "", ()) else super().copy(x, memory_format)

    def roll(self, x: Array, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
        if x.dtype != FLOAT32 or not x.size or not dims:
            return super().roll(x, shifts, dims)
        for shift, dim in zip(shifts, dims, strict=True):
            size, lead = x.shape[dim], (slice(None),) * (dim % x.ndim)
            by = shift % size
            out = self.new_in_order(x.shape, _order(x))
            for source, target in ((slice(size - by, size), slice(0, by)), (slice(0, size - by), slice(by, size))):
                part = out[(*lead, target)]
                if not self.set.map_into(part, "identity", (x[(*lead, source)],), (), "", ()):
                    part[...] = x[(*lead, source)]
            x = out
        return x

    def regroup(self, x: Array, shape: tuple[int, ...]) -> Array:
        view = _view(x, shape)
        return self.copy(x, "contiguous_format").reshape(shape) if view is None else view


def _view(x: Array, shape: tuple[int, ...]) -> Array | None:
    """x as another shape, without a copy; None where its memory does not allow that."""
    if x.flags.c_contiguous:
        return x.reshape(shape)
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:  # the one way in which NumPy tells
        return None


def _order(x: Array) -> tuple[int, ...]:
    """The dims from the longest step in memory to the shortest."""
    return tuple(sorted(range(x.ndim), key=lambda d: (-abs(x.strides[d]), d)))
