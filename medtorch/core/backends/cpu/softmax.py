"""Scores to probabilities along one dim, natively for float32.

Rows that lie side by side in memory go through one kernel; other layouts through folds and maps that do the same sums
in the same order, so that the bits are the same.

Requires  REQ-F-OPS-106
"""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32
from medtorch.core.backends.cpu.reduction import FoldFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.softmax import SoftmaxKernels as ReferenceSoftmaxKernels

LONG_ROW = 1 << 16
"""Few rows of this length are better shared among threads piece by piece."""


class SoftmaxKernels(FoldFamily, ReferenceSoftmaxKernels):
    """Softmax and its logarithm."""

    def softmax(self, x: Array, dim: int) -> Array:
        if x.dtype != FLOAT32 or not x.size or not x.ndim:
            return super().softmax(x, dim)
        dim %= x.ndim
        y = self._in_rows(x, dim, False)
        if y is not None:
            return y
        powers = self.map("exp_less", x, self.fold_over("max", x, (dim,)))
        return self.map("div", powers, self.fold_over("sum", powers, (dim,)))

    def log_softmax(self, x: Array, dim: int) -> Array:
        if x.dtype != FLOAT32 or not x.size or not x.ndim:
            return super().log_softmax(x, dim)
        dim %= x.ndim
        y = self._in_rows(x, dim, True)
        if y is not None:
            return y
        top = self.fold_over("max", x, (dim,))
        total = self.fold_over("sum_exp_gaps", x, (dim,), mean=top)
        return self.map("log_softmax_end", x, top, self.map("log", total))

    def _in_rows(self, x: Array, dim: int, logarithm: bool) -> Array | None:
        if x.shape[dim] >= LONG_ROW:
            return None
        if dim == x.ndim - 1:
            return self.set.softmax(x, logarithm)
        y = self.set.softmax(np.moveaxis(x, dim, -1), logarithm)
        return None if y is None else np.moveaxis(y, -1, dim)
