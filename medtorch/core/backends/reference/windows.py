"""Sliding windows over padded arrays, without copies, and cutting the work into pieces that stay in the cache."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from medtorch.core.windows import Pads

Array = Any
Block = tuple[slice, ...]

PIECE = 1 << 19
"""Elements in a piece of unfolded windows. 2 MB pieces run a 3x3 convolution at 95 % of the matrix product."""


def padded(xp: Any, x: Array, padding: Pads, value: Any = 0) -> Array:
    """Row-major copy of `x` (N, C, *size) with `padding` around its spatial dims; negative padding crops."""
    crop = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(x.shape[2:], padding, strict=True))
    x = x[(slice(None), slice(None), *crop)]
    if all(b <= 0 and a <= 0 for b, a in padding):
        return xp.ascontiguousarray(x)
    around = [(max(b, 0), max(a, 0)) for b, a in padding]
    out = xp.full((*x.shape[:2], *(n + b + a for n, (b, a) in zip(x.shape[2:], around, strict=True))), value, x.dtype)
    out[(slice(None), slice(None), *(slice(b, b + n) for n, (b, _) in zip(x.shape[2:], around, strict=True)))] = x
    return out


def sliding(
    xp: Any,
    x: Array,
    kernel: tuple[int, ...],
    count: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Array:
    """View (*leading, *kernel, *count) of the windows of a row-major `x` (*leading, *size)."""
    leading = x.ndim - len(kernel)
    steps = x.strides[leading:]
    within = (s * d for s, d in zip(steps, dilation, strict=True))
    between = (s * t for s, t in zip(steps, stride, strict=True))
    shape = (*x.shape[:leading], *kernel, *count)
    return xp.lib.stride_tricks.as_strided(x, shape, (*x.strides[:leading], *within, *between))


def tap(offset: tuple[int, ...], block: Block, stride: tuple[int, ...]) -> Block:
    """The places that windows `block` see at `offset` from their first element."""
    return tuple(
        slice(o + b.start * s, o + (b.stop - 1) * s + 1, s) for o, b, s in zip(offset, block, stride, strict=True)
    )


def offsets(kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Where the elements of a kernel lie from its first one, in row-major order."""
    return list(itertools.product(*(range(0, k * d, d) for k, d in zip(kernel, dilation, strict=True))))


def blocks(sizes: tuple[int, ...], cost: int, piece: int = PIECE) -> Iterator[Block]:
    """Cut a box of `sizes` into boxes, in order, of about `piece` / `cost` places each, contiguous row-major."""
    room = max(piece // max(cost, 1), 1)
    steps = []
    for axis, size in enumerate(sizes):
        inner = math.prod(sizes[axis + 1 :])
        steps.append(min(max(room // max(inner, 1), 1), max(size, 1)))
    ranges = [[slice(a, min(a + step, n)) for a in range(0, n, step)] for n, step in zip(sizes, steps, strict=True)]
    return itertools.product(*ranges)
