"""Batch norm by moments that are known, and layer norm, by the backend's own kernels for the steps of them."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.fused import FusedKernels
from medtorch.core.shapes import Shape


class BatchNormKernels(FusedKernels, ElementwiseKernels):
    """Several steps in one call, with the roundings of each."""

    def batch_norm(
        self, x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> Array:
        """x (N, C, ...); all others (C)."""
        scale = self.rsqrt(self.add(var, self.xp.asarray(eps, dtype=x.dtype)))
        scale = scale if weight is None else self.mul(scale, weight)
        shift = self.mul(self.neg(mean), scale) if bias is None else self.sub(bias, self.mul(mean, scale))
        return self.scale_shift(x, scale, shift, 1, "none", 0.0, None)

    def layer_norm(self, x: Array, weight: Array | None, bias: Array | None, dims: Shape, eps: float) -> Array:
        """x over its last dims, `dims`, whose shape weight and bias have."""
        y = self.standardize(x, dims, eps)[0]
        y = y if weight is None else self.mul(y, weight)
        return y if bias is None else self.add(y, bias)
