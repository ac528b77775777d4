"""Pools and their gradients, natively for float32: tables along each dim say which places each result reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily
from medtorch.core.backends.cpu.conv import numbers, three
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.pool import PoolKernels as ReferencePoolKernels
from medtorch.core.shapes import Shape

Table = np.ndarray[Any, np.dtype[np.int64]]
Divisor = np.ndarray[Any, np.dtype[np.float32]]
MAX, MEAN, SHARE = 0, 1, 2
_NONE = np.empty(0, np.float32)
MOST_IN_A_BOX = 1 << 24
"""Places that a float32 tells apart."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """Along one dim: result o reads low[o], low[o] + step, ... below high[o]; `divisor` is its share of the count."""

    low: Table
    high: Table
    divisor: Divisor
    step: int = 1

    def turned(self, size: int) -> Boxes:
        """For each of `size` inputs, the results that read it."""
        place = np.arange(size)
        low, high = np.searchsorted(self.high, place, "right"), np.searchsorted(self.low, place, "right")
        return Boxes(low, np.maximum(low, high), self.divisor)


@lru_cache(1024)
def windows(size: int, kernel: int, stride: int, padding: int, dilation: int, count: int) -> Boxes:
    """The windows of a pool; what lies in the padding is left out, and counted by nothing yet."""
    start = np.arange(count) * stride - padding
    first = np.maximum(0, -(start // dilation))
    last = np.minimum(kernel - 1, (size - 1 - start) // dilation)
    low = np.clip(start + first * dilation, 0, size)
    return Boxes(low, np.maximum(low, start + last * dilation + 1), _NONE, dilation)


@lru_cache(1024)
def counted(size: int, kernel: int, stride: int, padding: int, count: int, padded: bool, divisor: int | None) -> Boxes:
    """The windows of a mean. A given divisor is that of the first dim alone."""
    found = windows(size, kernel, stride, padding, 1, count)
    if divisor is not None:
        return Boxes(found.low, found.high, np.full(count, divisor, np.float32))
    start = np.arange(count) * stride - padding
    end = np.minimum(start + kernel, size + padding)
    if not padded:
        start, end = np.maximum(start, 0), np.minimum(end, size)
    return Boxes(found.low, found.high, (end - start).astype(np.float32))


@lru_cache(1024)
def adaptive(size: int, count: int) -> Boxes:
    """Windows from floor(i size / count) to ceil((i + 1) size / count)."""
    which = np.arange(count)
    low, high = which * size // count, -(-(which + 1) * size // count)
    return Boxes(low, high, (high - low).astype(np.float32))


_ALONE = adaptive(1, 1)


class PoolKernels(NativeFamily, ReferencePoolKernels):
    """Greatest and mean of windows; what comes out has its channels side by side in memory."""

    def max_pool(self, x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, count: Shape) -> Array:
        if _is_for_reference(x, count):
            return super().max_pool(x, kernel, stride, padding, dilation, count)
        boxes = [windows(*each) for each in zip(x.shape[2:], kernel, stride, padding, dilation, count, strict=True)]
        return self._pooled(MAX, x, boxes)

    def max_pool_indices(
        self, x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, count: Shape
    ) -> Array:
        if _is_for_reference(x, count):
            return super().max_pool_indices(x, kernel, stride, padding, dilation, count)
        boxes = [windows(*each) for each in zip(x.shape[2:], kernel, stride, padding, dilation, count, strict=True)]
        return self._greatest_places(x, boxes)

    def max_pool_input_grad(
        self, dy: Array, x: Array, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape
    ) -> Array:
        count = dy.shape[2:]
        if _is_for_reference(x, count) or dy.dtype != FLOAT32 or math.prod(kernel) > MOST_IN_A_BOX:
            return super().max_pool_input_grad(dy, x, kernel, stride, padding, dilation)
        found = [windows(*each) for each in zip(x.shape[2:], kernel, stride, padding, dilation, count, strict=True)]
        boxes = [*[_ALONE] * (3 - len(found)), *found]
        dx = self.new_channels_last(x.shape)
        low, high = tuple(b.low for b in boxes), tuple(b.high for b in boxes)
        self.set.max_pool_input_grad(three(x), three(dy), low, high, numbers([b.step for b in found], 1), three(dx))
        return dx

    def adaptive_max_pool(self, x: Array, count: Shape) -> Array:
        if _is_for_reference(x, count):
            return super().adaptive_max_pool(x, count)
        return self._pooled(MAX, x, _adaptive(x.shape[2:], count))

    def adaptive_max_pool_indices(self, x: Array, count: Shape) -> Array:
        if _is_for_reference(x, count):
            return super().adaptive_max_pool_indices(x, count)
        return self._greatest_places(x, _adaptive(x.shape[2:], count))

    def pool_scatter(self, dy: Array, indices: Array, size: Shape) -> Array:
        if _is_for_reference(dy, size):
            return super().pool_scatter(dy, indices, size)
        (n, channels), pixels = dy.shape[:2], math.prod(dy.shape[2:])
        dx = self.new((n, math.prod(size), channels))
        self.set.pool_scatter(dy.reshape(n, channels, pixels), indices.reshape(n, channels, pixels), dx)
        return np.moveaxis(dx.reshape(n, *size, channels), -1, 1)

    def avg_pool(
        self,
        x: Array,
        kernel: Shape,
        stride: Shape,
        padding: Shape,
        count: Shape,
        count_include_pad: bool,
        divisor: int | None,
    ) -> Array:
        if _is_for_reference(x, count):
            return super().avg_pool(x, kernel, stride, padding, count, count_include_pad, divisor)
        return self._pooled(MEAN, x, _counted(x.shape[2:], kernel, stride, padding, count, count_include_pad, divisor))

    def avg_pool_input_grad(
        self,
        grad: Array,
        size: Shape,
        kernel: Shape,
        stride: Shape,
        padding: Shape,
        count_include_pad: bool,
        divisor: int | None,
    ) -> Array:
        if _is_for_reference(grad, size):
            return super().avg_pool_input_grad(grad, size, kernel, stride, padding, count_include_pad, divisor)
        boxes = _counted(size, kernel, stride, padding, grad.shape[2:], count_include_pad, divisor)
        return self._pooled(SHARE, grad, [b.turned(n) for b, n in zip(boxes, size, strict=True)])

    def adaptive_avg_pool(self, x: Array, count: Shape) -> Array:
        if _is_for_reference(x, count):
            return super().adaptive_avg_pool(x, count)
        return self._pooled(MEAN, x, _adaptive(x.shape[2:], count))

    def adaptive_avg_pool_input_grad(self, grad: Array, size: Shape) -> Array:
        if _is_for_reference(grad, size):
            return super().adaptive_avg_pool_input_grad(grad, size)
        boxes = _adaptive(size, grad.shape[2:])
        return self._pooled(SHARE, grad, [b.turned(n) for b, n in zip(boxes, size, strict=True)])

    def _pooled(self, kind: int, x: Array, boxes: list[Boxes], place: Array | None = None) -> Array:
        y = self.new_channels_last((*x.shape[:2], *(len(b.low) for b in boxes)))
        alone = [_ALONE] * (3 - len(boxes))
        tables = [*alone, *boxes]
        self.set.pool(
            kind,
            three(x),
            tuple(t.low for t in tables),
            tuple(t.high for t in tables),
            numbers([b.step for b in boxes], 1),
            tuple(_NONE if kind == MAX else t.divisor for t in tables),
            three(y),
            None if place is None else three(place),
        )
        return y

    def _greatest_places(self, x: Array, boxes: list[Boxes]) -> Array:
        count = (len(b.low) for b in boxes)
        place = np.moveaxis(np.empty((x.shape[0], *count, x.shape[1]), np.int64), -1, 1)
        self._pooled(MAX, x, boxes, place)
        return place


def _is_for_reference(x: Array, count: Shape) -> bool:
    return x.dtype != FLOAT32 or not x.size or 0 in count


def _adaptive(size: Shape, count: Shape) -> list[Boxes]:
    return [adaptive(n, c) for n, c in zip(size, count, strict=True)]


def _counted(
    size: Shape, kernel: Shape, stride: Shape, padding: Shape, count: Shape, padded: bool, divisor: int | None
) -> list[Boxes]:
    dims = enumerate(zip(size, kernel, stride, padding, count, strict=True))
    return [counted(*each, padded, None if divisor is None else divisor if d == 0 else 1) for d, each in dims]
