"""Products of matrices, natively for float32."""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily, all_float32
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.linear import LinearKernels as ReferenceLinearKernels


class MatmulKernels(NativeFamily, ReferenceLinearKernels):
    """(..., n, k) times (..., k, m) with broadcast leading dims."""

    def matmul(self, a: Array, b: Array) -> Array:
        if a.dtype != FLOAT32 or b.dtype != FLOAT32:
            return super().matmul(a, b)
        a, b = (x if _has_a_unit_stride(x) else self.row_major(x) for x in (a, b))
        if a.ndim == b.ndim == 2 and a.size and b.size:
            y = self.new((a.shape[0], b.shape[1]))
            self.set.matmul(a, b, y)
            return y
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        y = self.new((*lead, a.shape[-2], b.shape[-1]))
        if not y.size or not a.shape[-1]:
            y[...] = 0
        elif b.ndim == 2 and a.ndim > 2 and a.flags.c_contiguous:  # one matrix of many rows
            rows = y.size // b.shape[1]
            self.set.matmul(a.reshape(rows, a.shape[-1]), b, y.reshape(rows, b.shape[1]))
        else:
            self.set.matmul(np.broadcast_to(a, (*lead, *a.shape[-2:])), np.broadcast_to(b, (*lead, *b.shape[-2:])), y)
        return y

    def linear(self, x: Array, weight: Array, bias: Array | None) -> Array:
        """The bias is added to the finished sums, as they are written."""
        if not all_float32(x, weight, bias):
            return super().linear(x, weight, bias)
        rows = x if x.ndim == 2 else self.row_major(x).reshape(-1, x.shape[-1])
        rows, columns = (a if _has_a_unit_stride(a) else self.row_major(a) for a in (rows, weight.T))
        y = self.new((rows.shape[0], weight.shape[0]))
        self.set.matmul(rows, columns, y, None if bias is None else self.row_major(bias))
        return y if x.ndim == 2 else y.reshape((*x.shape[:-1], weight.shape[0]))


def _has_a_unit_stride(x: Array) -> bool:
    """Whether its rows or its columns lie without gaps."""
    if x.flags.c_contiguous or (x.ndim == 2 and x.flags.f_contiguous):
        return True
    unit = any(n == 1 or s == x.itemsize for n, s in zip(x.shape[-2:], x.strides[-2:], strict=True))
    return unit and all(s % x.itemsize == 0 for s in x.strides)
