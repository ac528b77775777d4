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
        by_step = sorted(range(x.ndim), key=lambda d: (-abs(x.strides[d]), d))
        out = self.new_in_order(x.shape, tuple(by_step if kept else shapes.memory_order(x.ndim, memory_format)))
        return out if self.set.map_into(out, "identity", (x,), (), "", ()) else super().copy(x, memory_format)

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
