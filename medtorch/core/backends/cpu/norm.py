"""Standardization over dims and its gradient, natively for float32.

Rows that lie side by side in memory (layer norm; instance and group norm of contiguous images) go through one kernel;
other layouts through folds and maps that do the same sums in the same order, so that the bits are the same.

Requires  REQ-F-OPS-104
"""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32, all_float32
from medtorch.core.backends.cpu.reduction import FoldFamily, count, runs
from medtorch.core.backends.cpu.softmax import LONG_ROW
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.batch_norm import BatchNormKernels as ReferenceBatchNormKernels
from medtorch.core.shapes import Shape

Three = tuple[Array, Array, Array]


class NormKernels(FoldFamily, ReferenceBatchNormKernels):
    """Moments in two passes: the mean first, then the mean square of what it leaves."""

    def standardize(self, x: Array, dims: Shape, eps: float) -> Three:
        if x.dtype != FLOAT32 or not x.size or not dims:
            return super().standardize(x, dims, eps)
        if _are_rows(x, dims):
            found: Three | None = self.set.standardize(x, len(dims), eps)
            if found is not None:
                return found
        mean, var, scale = self._moments_and_scale(x, dims, eps)
        return self.map("standardize_end", x, mean, scale), mean, var

    def standardize_input_grad(self, grad: Array, x: Array, dims: Shape, eps: float) -> Array:
        if not all_float32(grad, x) or not x.size or not dims:
            return super().standardize_input_grad(grad, x, dims, eps)
        if _are_rows(x, dims):
            found = self.set.standardize_input_grad(grad, x, len(dims), eps)
            if found is not None:
                return found
        mean, _, scale = self._moments_and_scale(x, dims, eps)
        level = self.fold_mean(grad, dims)
        n = count(x, dims)
        along = self.fold_over("sum_standardized", x, dims, g=grad, mean=mean, scale=scale, divisor=n)
        return self.map("standardize_input_grad_end", grad, x, mean, scale, level, along)

    def layer_norm(self, x: Array, weight: Array | None, bias: Array | None, dims: Shape, eps: float) -> Array:
        if weight is None or bias is None or not all_float32(x, weight, bias):
            return super().layer_norm(x, weight, bias, dims, eps)
        return self.map("scale_shift", self.standardize(x, dims, eps)[0], weight, bias)

    def normalize(self, x: Array, weight: Array, bias: Array, dims: Shape, eps: float) -> Three:
        if not all_float32(x, weight, bias) or not x.size or not dims:
            return super().normalize(x, weight, bias, dims, eps)
        mean, var, scale = self._moments_and_scale(x, dims, eps)
        return self.map("normalize_end", x, mean, scale, weight, bias), mean, var

    def normalize_input_grad(
        self, dy: Array, x: Array, weight: Array, mean: Array, var: Array, dims: Shape, eps: float
    ) -> Three:
        if not all_float32(dy, x, weight, mean, var) or not x.size or not dims:
            return super().normalize_input_grad(dy, x, weight, mean, var, dims, eps)
        n = np.float32(count(x, dims))
        scale = self._scale(var, eps)
        total, along = self._gradient_sums(dy, x, mean, scale, dims)
        level, factor = self.map("div", total, n), self.map("mul", scale, weight)
        slope = self.map("mul", scale, self.map("div", along, n))
        return self.map("normalize_input_grad_end", dy, x, mean, level, slope, factor), total, along

    def _moments_and_scale(self, x: Array, dims: Shape, eps: float) -> Three:
        mean = self.fold_mean(x, dims)
        var = self.fold_var(x, dims, mean)
        return mean, var, self._scale(var, eps)

    def _gradient_sums(self, dy: Array, x: Array, mean: Array, scale: Array, dims: Shape) -> tuple[Array, Array]:
        """The sums of dy, and of dy times standardized x, in one walk over both where they lie alike."""
        first, last = runs(dims)[0]
        found = self.set.gradient_sums(x, dy, first, last, mean, scale)
        if found is None:
            along = self.fold_over("sum_standardized", x, dims, g=dy, mean=mean, scale=scale)
            return self.fold_over("sum", dy, dims), along
        rest = tuple(d for d in dims if not first <= d < last)
        total, along = (self.fold_over("sum", each, rest) for each in found)
        return total, along

    def _scale(self, var: Array, eps: float) -> Array:
        return self.map("rsqrt_of_sum", var, eps)


def _are_rows(x: Array, dims: Shape) -> bool:
    """The last dims, and enough rows, or short ones, for threads to take whole ones."""
    last = tuple(sorted(dims)) == tuple(range(x.ndim - len(dims), x.ndim))
    return last and (count(x, dims) < LONG_ROW or x.size // count(x, dims) >= 64)
