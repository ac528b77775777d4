"""Putting numbers in order, finding places in ordered numbers, counting. NaN counts as the largest number.

Sorting is always stable, so the same input gives the same order on every machine.
"""

from __future__ import annotations

from typing import Any

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32


class SortingKernels(KernelFamily):
    """argsort, unique, searchsorted, histograms."""

    @in_float32
    def argsort(self, x: Array, dim: int, descending: bool) -> Array:
        if not descending:
            return self.xp.argsort(x, axis=dim, kind="stable").astype(self.xp.int64, copy=False)
        # Turned round twice, so that equal numbers keep their order.
        turned = self.xp.flip(self.xp.argsort(self.xp.flip(x, dim), axis=dim, kind="stable"), dim)
        return (x.shape[dim] - 1 - turned).astype(self.xp.int64, copy=False)

    @in_float32
    def unique_rows(self, rows: Array, ordered: bool) -> tuple[Array, Array, Array]:
        """Of rows of numbers: where the first of each kind lies, to which kind each row belongs, how many of each.

        With `ordered` kinds are in ascending order, else a kind is a run of equal neighbours. A NaN equals nothing.
        """
        xp, count = self.xp, rows.shape[0]
        if not count:
            nothing = xp.zeros((0,), xp.int64)
            return nothing, nothing, nothing
        order = xp.arange(count)
        if ordered and rows.shape[1]:
            order = (
                xp.lexsort(xp.ascontiguousarray(rows.T[::-1]))
                if rows.shape[1] > 1
                else xp.argsort(rows[:, 0], kind="stable")
            )
        sorted_rows = rows[order]
        starts = xp.ones((count,), dtype=bool)
        starts[1:] = (sorted_rows[1:] != sorted_rows[:-1]).any(axis=1)
        kind = xp.cumsum(starts) - 1
        inverse = xp.zeros((count,), xp.int64)
        inverse[order] = kind
        firsts = xp.nonzero(starts)[0]
        ends = xp.concatenate([firsts[1:], xp.asarray([count])])
        return order[firsts].astype(xp.int64), inverse, (ends - firsts).astype(xp.int64)

    @in_float32
    def searchsorted(self, sequence: Array, x: Array, right: bool) -> Array:
        """Where x fits into ascending numbers: one sequence for all, or one a row."""
        side = "right" if right else "left"
        if sequence.ndim == 1:
            return self.xp.asarray(self.xp.searchsorted(sequence, x, side=side)).astype(self.xp.int64)
        rows, wanted = sequence.reshape(-1, sequence.shape[-1]), x.reshape(-1, x.shape[-1])
        found = self.xp.zeros(wanted.shape, self.xp.int64)
        for row in range(rows.shape[0]):
            found[row] = self.xp.searchsorted(rows[row], wanted[row], side=side)
        return found.reshape(x.shape)

    def bincount(self, x: Array, weights: Array | None, minlength: int) -> Array:
        found = self.xp.bincount(x, weights, minlength)
        return found.astype(self.xp.int64 if weights is None else weights.dtype, copy=False)

    @in_float32
    def histc(self, x: Array, bins: int, low: float, high: float) -> Array:
        """How many numbers fall into each of `bins` equal parts of [low, high]; the last part holds its upper end."""
        xp, flat = self.xp, x.ravel()
        inside = flat[(flat >= low) & (flat <= high)]
        place = ((inside - x.dtype.type(low)) * (bins / (x.dtype.type(high) - x.dtype.type(low)))).astype(xp.int64)
        return xp.bincount(xp.clip(place, 0, bins - 1), None, bins).astype(x.dtype)

    def isin(self, x: Array, test: Array) -> Array:
        any_: Any = self.xp.isin(x, test)
        return self.xp.asarray(any_)
