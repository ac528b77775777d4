"""Batch norm by moments that are known, by the backend's own kernels for the steps of it."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.fused import FusedKernels


class BatchNormKernels(FusedKernels, ElementwiseKernels):
    """x (N, C, ...); all others (C)."""

    def batch_norm(
        self, x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, eps: float
    ) -> Array:
        scale = self.rsqrt(self.add(var, self.xp.asarray(eps, dtype=x.dtype)))
        scale = scale if weight is None else self.mul(scale, weight)
        shift = self.mul(self.neg(mean), scale) if bias is None else self.sub(bias, self.mul(mean, scale))
        return self.scale_shift(x, scale, shift, 1, "none", 0.0, None)
