"""Many numbers to one, natively for float32, in an order that the logical shape alone decides.

Neighbouring dims are one run of terms in row-major order. The innermost run is folded first, then the next one over the
results. How a run is folded stands in docs/decisions/reductions.md.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

import functools
import math

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32
from medtorch.core.backends.cpu.elementwise import MapFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.reduction import ReductionKernels as ReferenceReductionKernels

Dims = tuple[int, ...]


class FoldFamily(MapFamily):
    """Families whose native kernels fold numbers."""

    def fold_over(
        self,
        name: str,
        x: Array,
        dims: Dims,
        *,
        then: str = "sum",
        divisor: float = 1.0,
        g: Array | None = None,
        mean: Array | None = None,
        scale: Array | None = None,
    ) -> Array:
        """float32 x folded over `dims`, which keep size 1: the innermost run as `name` says, what is left as `then`.

        The result is divided by `divisor` before it is rounded.
        """
        found = runs(dims)
        for first, last in found:
            by = divisor if (first, last) == found[-1] else 1.0
            x = self._fold_run(name, x, first, last, by, g, mean, scale)
            name, g, mean, scale = then, None, None, None
        return x

    def fold_neighbours(self, name: str, x: Array, dims: Dims, keepdim: bool, divisor: float = 1.0) -> Array | None:
        """The quick way for one run of an array that lies evenly in memory; None otherwise."""
        found = runs(dims)
        return self.set.fold(name, x, *found[0], keepdim, divisor) if len(found) == 1 and x.ndim else None

    def _fold_run(
        self,
        name: str,
        x: Array,
        first: int,
        last: int,
        divisor: float,
        g: Array | None,
        mean: Array | None,
        scale: Array | None,
    ) -> Array:
        y = self.set.fold(name, x, first, last, True, divisor, g, mean, scale)
        if y is None:  # the terms do not lie evenly in memory: brought into order first, which changes no bit
            x, g = self._afresh(x), None if g is None else self._afresh(g)
            y = self.set.fold(name, x, first, last, True, divisor, g, mean, scale)
        return y

    def _afresh(self, x: Array) -> Array:
        """A copy in row-major memory; arrays without numbers may call any steps row-major."""
        return np.array(x, order="C") if x.flags.c_contiguous else self.row_major(x)

    def fold_mean(self, x: Array, dims: Dims) -> Array:
        return self.fold_over("sum", x, dims, divisor=count(x, dims))

    def fold_var(self, x: Array, dims: Dims, mean: Array, correction: float = 0.0) -> Array:
        """The mean square around `mean`, with `count - correction` for the number of terms."""
        degrees = max(0.0, count(x, dims) - correction)
        return self.fold_over("sum_square_gaps", x, dims, mean=mean, divisor=degrees)


class ReductionKernels(FoldFamily, ReferenceReductionKernels):
    """Reductions over `dims`, each of which stays with size 1 if `keepdim`."""

    def sum(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        y = self.fold_neighbours("sum", x, dims, keepdim)
        if y is not None:
            return y
        if x.dtype != FLOAT32:
            return super().sum(x, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        return self.fold_over("sum", x, dims).reshape(shape)

    def mean(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        y = self.fold_neighbours("sum", x, dims, keepdim, count(x, dims)) if x.ndim else None
        if y is not None:
            return y
        if x.dtype != FLOAT32:
            return super().mean(x, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        return self.fold_mean(x, dims).reshape(shape)

    def prod(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        y = self.fold_neighbours("product", x, dims, keepdim)
        if y is not None:
            return y
        if x.dtype != FLOAT32:
            return super().prod(x, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        return self.fold_over("product", x, dims, then="product").reshape(shape)

    def amax(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        y = self.fold_neighbours("max", x, dims, keepdim) if x.size else None
        if y is not None:
            return y
        if x.dtype != FLOAT32 or not x.size:
            return super().amax(x, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        return self.fold_over("max", x, dims, then="max").reshape(shape)

    def amin(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        y = self.fold_neighbours("min", x, dims, keepdim) if x.size else None
        if y is not None:
            return y
        if x.dtype != FLOAT32 or not x.size:
            return super().amin(x, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        return self.fold_over("min", x, dims, then="min").reshape(shape)

    def argmax(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        found = self._extreme(x, dim, keepdim, True)
        return super().argmax(x, dim, keepdim) if found is None else found

    def argmin(self, x: Array, dim: int | None, keepdim: bool) -> Array:
        found = self._extreme(x, dim, keepdim, False)
        return super().argmin(x, dim, keepdim) if found is None else found

    def var(self, x: Array, dims: Dims, correction: float, keepdim: bool) -> Array:
        """Two passes: the mean first, then the squares around it."""
        if x.dtype != FLOAT32:
            return super().var(x, dims, correction, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        return self.fold_var(x, dims, self.fold_mean(x, dims), correction).reshape(shape)

    def std(self, x: Array, dims: Dims, correction: float, keepdim: bool) -> Array:
        if x.dtype != FLOAT32:
            return super().std(x, dims, correction, keepdim)
        return self.map("sqrt", self.var(x, dims, correction, keepdim))

    def vector_norm(self, x: Array, order: float, dims: Dims, keepdim: bool) -> Array:
        """Orders other than 0, 1, 2 and infinity go through powers."""
        if x.dtype != FLOAT32 or not x.size or order == 0:
            return super().vector_norm(x, order, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        if math.isinf(order):
            name = "max" if order > 0 else "min"
            return self.fold_over(f"{name}_abs", x, dims, then=name).reshape(shape)
        if order == 1:
            return self.fold_over("sum_abs", x, dims).reshape(shape)
        if order == 2:
            return self.map("sqrt", self.fold_over("sum_squares", x, dims).reshape(shape))
        powers = self.map("pow", self.map("abs", x), np.float32(order))
        return self.map("pow", self.fold_over("sum", powers, dims).reshape(shape), np.float32(1.0 / order))

    def logsumexp(self, x: Array, dims: Dims, keepdim: bool) -> Array:
        if x.dtype != FLOAT32 or not x.size:
            return super().logsumexp(x, dims, keepdim)
        x, dims, shape = _with_dims(x, dims, keepdim)
        top = self.fold_over("max", x, dims, then="max")
        top = np.where(np.isfinite(top), top, np.float32(0))  # inf - inf would be NaN
        total = self.fold_over("sum_exp_gaps", x, dims, mean=top)
        out = self.map("add", self.map("log", total), top)
        return np.asarray(out).reshape(shape)

    def _extreme(self, x: Array, dim: int | None, keepdim: bool, greatest: bool) -> Array | None:
        if x.dtype != FLOAT32 or not x.size or x.ndim == 0:
            return None
        rows = x.reshape(-1) if dim is None else x
        found = self.set.place(rows, 0 if dim is None else dim, greatest)
        if found is None:
            found = self.set.place(np.array(rows, order="C"), 0 if dim is None else dim, greatest)
        if found is None:
            return None
        places = found.view(np.int32).astype(np.int64)
        if dim is None:
            return places.reshape((1,) * x.ndim if keepdim else ())
        return places if keepdim else places.squeeze(dim)


@functools.cache
def runs(dims: Dims) -> list[tuple[int, int]]:
    """Neighbouring dims as (first, one past the last), the innermost first."""
    out: list[tuple[int, int]] = []
    for d in sorted(dims, reverse=True):
        if out and out[-1][0] == d + 1:
            out[-1] = (d, out[-1][1])
        else:
            out.append((d, d + 1))
    return out


def count(x: Array, dims: Dims) -> int:
    return math.prod(x.shape[d] for d in dims)


def _with_dims(x: Array, dims: Dims, keepdim: bool) -> tuple[Array, Dims, Dims]:
    """x with at least one dim to fold, those dims, and the shape of the result."""
    shape = tuple(1 if d in dims else s for d, s in enumerate(x.shape) if keepdim or d not in dims)
    if not dims or not x.ndim:
        return x[..., None], (x.ndim,), x.shape
    return x, dims, shape
