"""Copies natively: whatever moves numbers from one order of memory to another.

What is put together (cat, pad) lies in memory as its largest part does, so that channels-last images stay so.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core import shapes
from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.layout import LayoutKernels as ReferenceLayoutKernels
from medtorch.core.backends.reference.pad import PadKernels as ReferencePadKernels
from medtorch.core.shapes import Shape
from medtorch.core.windows import Pads


class LayoutKernels(NativeFamily, ReferenceLayoutKernels, ReferencePadKernels):
    """Copies, concatenation, pads."""

    def copy(self, x: Array, memory_format: str) -> Array:
        if x.dtype != FLOAT32 or not x.size:
            return super().copy(x, memory_format)
        kept = memory_format == "preserve_format"
        out = self.new_in_order(x.shape, _order(x) if kept else shapes.memory_order(x.ndim, memory_format))
        return out if self.set.copy_into(x, out) else super().copy(x, memory_format)

    def roll(self, x: Array, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
        if x.dtype != FLOAT32 or not x.size or not dims:
            return super().roll(x, shifts, dims)
        for shift, dim in zip(shifts, dims, strict=True):
            size, lead = x.shape[dim], (slice(None),) * (dim % x.ndim)
            by = shift % size
            out = self.new_in_order(x.shape, _order(x))
            for source, target in ((slice(size - by, size), slice(0, by)), (slice(0, size - by), slice(by, size))):
                part = out[(*lead, target)]
                if not self.set.map_into(part, "identity", (x[(*lead, source)],), (), "", ()):
                    part[...] = x[(*lead, source)]
            x = out
        return x

    def regroup(self, x: Array, shape: tuple[int, ...]) -> Array:
        view = _view(x, shape)
        return self.copy(x, "contiguous_format").reshape(shape) if view is None else view

    def copy_into(self, x: Array, out: Array) -> Array:
        if np.may_share_memory(x, out) or not self.set.copy_into(x, out):
            out[...] = x
        return out

    def cat(self, xs: tuple[Array, ...], dim: int) -> Array:
        if any(x.dtype != FLOAT32 for x in xs) or not any(x.size for x in xs):
            return super().cat(xs, dim)
        shape = list(xs[0].shape)
        shape[dim] = sum(x.shape[dim] for x in xs)
        out = self.new_in_order(tuple(shape), _order_of_parts(max(xs, key=lambda x: x.size)))
        start = 0
        for x in xs:
            part = (*(slice(None),) * dim, slice(start, start + x.shape[dim]))
            self.copy_into(x, out[part])
            start += x.shape[dim]
        return out

    def pad_constant(self, x: Array, pads: Pads, value: Any) -> Array:
        lead = x.ndim - len(pads)
        sizes = x.shape[lead:]
        shape = (*x.shape[:lead], *(n + before + after for n, (before, after) in zip(sizes, pads, strict=True)))
        if x.dtype != FLOAT32 or not x.size or min(shape, default=0) <= 0:
            return super().pad_constant(x, pads, value)
        out = self.new_in_order(shape, _order_of_parts(x))
        source = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(sizes, pads, strict=True))
        target = tuple(slice(max(b, 0), n + b + min(a, 0)) for n, (b, a) in zip(sizes, pads, strict=True))
        self.copy_into(x[(..., *source)], out[(..., *target)])
        for nr, (before, after) in enumerate(pads):  # around what was copied, dim by dim
            around = (..., *target[:nr]), (slice(None),) * (len(pads) - nr - 1)
            for end in _ends(shape[lead + nr], before, after):
                part = out[(*around[0], end, *around[1])]
                if not self.set.fill_into(part, value):
                    part[...] = value
        return out

    def pad_by_index(self, x: Array, mode: str, pads: Pads) -> Array:
        if x.dtype != FLOAT32 or not x.size or min((n for pair in pads for n in pair), default=0) < 0:
            return super().pad_by_index(x, mode, pads)
        for dim, (before, after) in enumerate(pads, x.ndim - len(pads)):
            if before or after:
                x = self._extended(x, mode, dim, before, after)
        return x

    def _extended(self, x: Array, mode: str, dim: int, before: int, after: int) -> Array:
        """x with its own elements before and after it along one dim."""
        n = x.shape[dim]
        shape = (*x.shape[:dim], before + n + after, *x.shape[dim + 1 :])
        out = self.new_in_order(shape, _order_of_parts(x))
        lead = (slice(None),) * dim
        self.copy_into(x, out[(*lead, slice(before, before + n))])
        first, last = _own_ends(mode, n, before, after)
        if before:
            part = out[(*lead, slice(0, before))]
            self.copy_into(np.broadcast_to(x[(*lead, first)], part.shape), part)
        if after:
            part = out[(*lead, slice(before + n, None))]
            self.copy_into(np.broadcast_to(x[(*lead, last)], part.shape), part)
        return out


def _ends(size: int, before: int, after: int) -> list[slice]:
    """What lies before and after along a dim of `size`; nothing where something is cut away."""
    found = [slice(0, before)] if before > 0 else []
    return [*found, slice(size - after, size)] if after > 0 else found


def _own_ends(mode: str, n: int, before: int, after: int) -> tuple[slice, slice]:
    """Which of `n` elements stand before them and after them; one that stands for all where edges are repeated."""
    if mode == "replicate":
        return slice(0, 1), slice(n - 1, n)
    if mode == "circular":
        return slice(n - before, n), slice(0, after)
    return slice(before, 0, -1), slice(n - 2, None if n - 2 - after < 0 else n - 2 - after, -1)


def _order(x: Array) -> Shape:
    """The dims from the outermost in memory on, as NumPy's order "K" has them."""
    return tuple(sorted(range(x.ndim), key=lambda d: (-abs(x.strides[d]), d)))


def _order_of_parts(x: Array) -> Shape:
    """That of x where its elements fill a stretch of memory, else row-major."""
    expected = x.itemsize
    for d in sorted((d for d in range(x.ndim) if x.shape[d] != 1), key=lambda d: x.strides[d]):
        if x.strides[d] != expected:
            return tuple(range(x.ndim))
        expected *= x.shape[d]
    return _order(x)


def _view(x: Array, shape: tuple[int, ...]) -> Array | None:
    """x as another shape, without a copy; None where its memory does not allow that."""
    if x.flags.c_contiguous:
        return x.reshape(shape)
    try:
        return np.reshape(x, shape, copy=False)
    except ValueError:  # the one way in which NumPy tells
        return None
