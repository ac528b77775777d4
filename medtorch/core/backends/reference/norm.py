"""Standardization over dims, and its gradient."""

from __future__ import annotations

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.shapes import Shape


class NormKernels(KernelFamily):
    """Moments are computed in two passes: the mean first, then the mean square of what it leaves."""

    def standardize(self, x: Array, dims: Shape, eps: float) -> tuple[Array, Array, Array]:
        wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
        with self.quiet():
            mean, var, centred = self._moments(wide, dims)
            centred *= 1 / self.xp.sqrt(var + wide.dtype.type(eps))
        return centred.astype(x.dtype, copy=False), mean, var

    @in_float32
    def standardize_input_grad(self, grad: Array, x: Array, dims: Shape, eps: float) -> Array:
        with self.quiet():
            _, var, y = self._moments(x, dims)
            rstd = 1 / self.xp.sqrt(var + x.dtype.type(eps))
            y *= rstd
            out = grad - self._mean(grad, dims)
            out -= y * self._mean(y * grad, dims)
            out *= rstd
            return out

    def normalize(self, x: Array, weight: Array, bias: Array, dims: Shape, eps: float) -> tuple[Array, Array, Array]:
        y, mean, var = self.standardize(x, dims, eps)
        with self.quiet():
            return y * weight + bias, mean, var

    def normalize_input_grad(
        self, dy: Array, x: Array, weight: Array, mean: Array, var: Array, dims: Shape, eps: float
    ) -> tuple[Array, Array, Array]:
        with self.quiet():
            rstd = 1 / self.xp.sqrt(var + x.dtype.type(eps))
            gap = x - mean
            n = x.dtype.type(np.prod([x.shape[d] for d in dims]))
            total, along = self._mean(dy, dims) * n, self._mean(gap * rstd * dy, dims) * n
            return ((dy - total / n) - gap * (rstd * (along / n))) * (rstd * weight), total, along

    def running_moment(self, running: Array, own: Array, momentum: float, factor: float) -> Array:
        one = running.dtype.type
        own = own if factor == 1 else own * one(factor)
        return running * one(1 - momentum) + own * one(momentum)

    def _moments(self, x: Array, dims: Shape) -> tuple[Array, Array, Array]:
        mean = self._mean(x, dims)
        centred = x - mean
        return mean, self._mean(centred * centred, dims), centred

    def _mean(self, x: Array, dims: Shape) -> Array:
        """The innermost dims first: NumPy adds pairwise along the innermost one only."""
        count = int(np.prod([x.shape[d] for d in dims]))
        inner = [d for d in dims if d >= x.ndim - _tail(dims, x.ndim)]
        total = x.sum(axis=tuple(inner), keepdims=True) if inner else x
        outer = tuple(d for d in dims if d not in inner)
        total = total.sum(axis=outer, keepdims=True) if outer else total
        return total / x.dtype.type(count)


def _tail(dims: Shape, ndim: int) -> int:
    """How many of the last dims are all among `dims`."""
    return next((n for n in range(ndim) if ndim - 1 - n not in dims), ndim)
