"""Many numbers to one: sums, extremes, moments, norms. Dims arrive as a tuple counted from the front.

float16 and bfloat16 are added up in float32. NumPy adds float32 and float64 pairwise along the innermost dim.
"""

from __future__ import annotations

import math
from typing import Any

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32

Dims = tuple[int, ...]


class ReductionKernels(KernelFamily):
    """Reductions over `dims`, each of which stays with size 1 if `keepdim`."""

    @in_float32
    def sum(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        with self.quiet():
            return x.sum(axis=_axes(x, dims), keepdims=keepdim, dtype=x.dtype)

    @in_float32
    def mean(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        with self.quiet():
            return x.sum(axis=_axes(x, dims), keepdims=keepdim) / x.dtype.type(_count(x, dims))

    @in_float32
    def prod(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        with self.quiet():
            return x.prod(axis=_axes(x, dims), keepdims=keepdim, dtype=x.dtype)

    @in_float32
    def amax(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        return x.max(axis=_axes(x, dims), keepdims=keepdim)

    @in_float32
    def amin(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        return x.min(axis=_axes(x, dims), keepdims=keepdim)

    @in_float32
    def argmax(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self._place(x.argmax(axis=dim if x.ndim else None), x, dim, keepdim)

    @in_float32
    def argmin(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        return self._place(x.argmin(axis=dim if x.ndim else None), x, dim, keepdim)

    def _place(self, found: Array, x: Array, dim: int | None, keepdim: bool) -> Array:
        out = self.xp.asarray(found).astype(self.xp.int64, copy=False)
        return out.reshape([1 if dim in (None, d) else size for d, size in enumerate(x.shape)]) if keepdim else out

    @in_float32
    def any(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        return (x != 0).any(axis=_axes(x, dims), keepdims=keepdim)

    @in_float32
    def all(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        return (x != 0).all(axis=_axes(x, dims), keepdims=keepdim)

    @in_float32
    def count_nonzero(self, x: Array, dims: Dims) -> Array:
        return (x != 0).sum(axis=_axes(x, dims), dtype=self.xp.int64)

    @in_float32
    def var(self, x: Array, dims: Dims, correction: float, keepdim: bool) -> Array:
        """Two passes: the mean first, then the squares around it."""
        with self.quiet():
            count = _count(x, dims)
            around = x - x.sum(axis=_axes(x, dims), keepdims=True) / x.dtype.type(count)
            degrees = x.dtype.type(max(0.0, count - correction))
            return (around * around).sum(axis=_axes(x, dims), keepdims=keepdim) / degrees

    @in_float32
    def std(self, x: Array, dims: Dims, correction: float, keepdim: bool) -> Array:
        return self.xp.sqrt(self.var(x, dims, correction, keepdim))

    @in_float32
    def vector_norm(self, x: Array, order: float, dims: Dims, keepdim: bool) -> Array:
        """Math      (sum |x|^order)^(1/order); max |x|, min |x|, number of x != 0 for inf, -inf, 0"""
        how: dict[str, Any] = {"axis": _axes(x, dims), "keepdims": keepdim}
        size = self.xp.abs(x)
        with self.quiet():
            if math.isinf(order):
                return size.max(**how) if order > 0 else size.min(**how)
            if order == 0:
                return (size != 0).sum(dtype=size.dtype, **how)
            if order == 1:
                return size.sum(**how)
            if order == 2:
                return self.xp.sqrt((size * size).sum(**how))
            return (size ** size.dtype.type(order)).sum(**how) ** size.dtype.type(1.0 / order)

    @in_float32
    def logsumexp(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        with self.quiet():
            if x.size == 0:
                return self.xp.log(x.sum(axis=_axes(x, dims), keepdims=keepdim))
            top = x.max(axis=_axes(x, dims), keepdims=True)
            top = self.xp.where(self.xp.isfinite(top), top, x.dtype.type(0))  # inf - inf would be NaN
            out = self.xp.log(self.xp.exp(x - top).sum(axis=_axes(x, dims), keepdims=True)) + top
            return out if keepdim else out.reshape([s for d, s in enumerate(x.shape) if d not in dims])

    @in_float32
    def median_index(self, x: Array, dim: int, ignore_nan: bool) -> Array:
        """Where the lower median along `dim` lies, keeping the dim; a NaN is it unless NaNs are to be ignored."""
        order = self.xp.argsort(x, axis=dim, kind="stable")  # NaNs come last
        count = x.shape[dim]
        nans = (x != x).sum(axis=dim, keepdims=True)
        if ignore_nan:
            rank = self.xp.maximum((count - nans - 1) // 2, 0)
        else:
            rank = self.xp.where(nans > 0, count - nans, (count - 1) // 2)
        return self.xp.take_along_axis(order, rank.astype(self.xp.int64), axis=dim).astype(self.xp.int64, copy=False)

    @in_float32
    def mode_index(self, x: Array, dim: int) -> Array:
        """Where the smallest of the most frequent numbers along `dim` last appears, keeping the dim."""
        xp, rows = self.xp, self.xp.moveaxis(x, dim, -1)
        order = xp.argsort(rows, axis=-1, kind="stable")
        ordered = xp.take_along_axis(rows, order, axis=-1)
        starts = xp.ones(rows.shape, dtype=bool)
        starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
        place = xp.arange(rows.shape[-1])
        run = place - running_max(xp, xp.where(starts, place, 0))
        longest = run.argmax(axis=-1)[..., None]
        return xp.moveaxis(xp.take_along_axis(order, longest, axis=-1), -1, dim).astype(xp.int64, copy=False)


def _axes(x: Array, dims: Dims) -> Dims | None:
    """What array modules call the dims; None where x has none."""
    return dims if x.ndim else None


def _count(x: Array, dims: Dims) -> int:
    return math.prod(x.shape[d] for d in dims)


def running_max(xp: Any, x: Array) -> Array:
    """The largest number so far along the last dim, in log2(n) doublings (CuPy has no maximum.accumulate)."""
    out, step = x.copy(), 1
    while step < x.shape[-1]:
        out[..., step:] = xp.maximum(out[..., step:], out[..., :-step].copy())
        step *= 2
    return out
