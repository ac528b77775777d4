"""Running sums, products, extremes along one dim."""

from __future__ import annotations

from collections.abc import Callable

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32


class ScanKernels(KernelFamily):
    """Each result is what came of all numbers up to its place."""

    @in_float32
    def cumsum(self, x: Array, dim: int) -> Array:
        with self.quiet():
            return x.cumsum(axis=dim, dtype=x.dtype)

    @in_float32
    def cumprod(self, x: Array, dim: int) -> Array:
        with self.quiet():
            return x.cumprod(axis=dim, dtype=x.dtype)

    @in_float32
    def logcumsumexp(self, x: Array, dim: int) -> Array:
        with self.quiet():
            return self._doubled(x, dim, self.xp.logaddexp)

    @in_float32
    def cumulative_extreme(self, x: Array, dim: int, largest: bool) -> Array:
        """Where the largest (smallest) number so far lies; the last of equal ones, and a NaN from where it appears."""

        def later_wins(before: Array, place: Array) -> Array:
            a, b = (self.xp.take_along_axis(rows, p, axis=-1) for p in (before, place))
            wins = (b >= a) if largest else (b <= a)
            return self.xp.where(wins | (b != b), place, before)

        rows = self.xp.moveaxis(x, dim, -1)
        places = self.xp.broadcast_to(self.xp.arange(rows.shape[-1], dtype=self.xp.int64), rows.shape)
        return self.xp.moveaxis(self._doubled(places, rows.ndim - 1, later_wins), -1, dim)

    def _doubled(self, x: Array, dim: int, combine: Callable[[Array, Array], Array]) -> Array:
        """A running `combine(before, now)`, for any that can be bracketed at will, in log2(n) steps over everything."""
        out = self.xp.moveaxis(x, dim, -1).copy()
        step = 1
        while step < out.shape[-1]:
            out = self.xp.concatenate([out[..., :step], combine(out[..., :-step], out[..., step:])], axis=-1)
            step *= 2
        return self.xp.moveaxis(out, -1, dim)
