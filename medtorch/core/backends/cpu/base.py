"""What the families of native kernels stand on.

A family derives from the reference family of the same name and computes float32 natively. Other dtypes, and shapes that
its native kernel does not take, are computed by the reference kernel: float64, halves and whole numbers always are.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily

FLOAT32 = np.dtype(np.float32)


class NativeFamily(KernelFamily):
    """A group of kernels that has a native kernel set at hand."""

    native: ModuleType
    """The extension: memory for arrays."""
    set: Any
    """The kernel set, `_native.KernelSet`."""

    def new(self, shape: tuple[int, ...]) -> Array:
        """Float32 numbers of any value, in memory order."""
        return self.native.empty(shape)

    def new_in_order(self, shape: tuple[int, ...], order: tuple[int, ...]) -> Array:
        """Float32 numbers of any value, with the dims `order` from the longest step in memory to the shortest."""
        back = sorted(range(len(shape)), key=order.__getitem__)
        return self.native.empty(tuple(shape[d] for d in order)).transpose(back)

    def row_major(self, x: Array) -> Array:
        """float32 x in row-major memory: itself, or a native copy."""
        if x.flags.c_contiguous:
            return x
        out = self.new(x.shape)
        return out if self.set.map_into(out, "identity", (x,), (), "", ()) else np.ascontiguousarray(x)

    def new_channels_last(self, shape: tuple[int, ...]) -> Array:
        """Float32 numbers of any value, (N, C, *size) with channels side by side in memory."""
        last = len(shape) - 1
        return self.native.empty((shape[0], *shape[2:], shape[1])).transpose((0, last, *range(1, last)))


def all_float32(*arrays: Array | None) -> bool:
    """Whether every array that is there is float32 in this machine's byte order."""
    return all(a is None or a.dtype == FLOAT32 for a in arrays)
