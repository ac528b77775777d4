"""More or fewer elements around an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.backends.reference import taps
from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.shapes import Shape
from medtorch.core.windows import Pads


class PadKernels(KernelFamily):
    """Pads with a number, or with the array's own elements."""

    def pad_constant(self, x: Array, pads: Pads, value: Any) -> Array:
        lead = x.ndim - len(pads)
        sizes = x.shape[lead:]
        shape = (*x.shape[:lead], *(n + before + after for n, (before, after) in zip(sizes, pads, strict=True)))
        out = self.xp.full(shape, value, x.dtype)
        source = tuple(slice(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(sizes, pads, strict=True))
        target = tuple(slice(max(b, 0), n + b + min(a, 0)) for n, (b, a) in zip(sizes, pads, strict=True))
        if out.size:
            out[(..., *target)] = x[(..., *source)]
        return out

    def pad_by_index(self, x: Array, mode: str, pads: Pads) -> Array:
        lead = x.ndim - len(pads)
        for axis, (before, after) in enumerate(pads, lead):
            x = self.xp.take(x, self.xp.asarray(_source(mode, x.shape[axis], before, after)), axis=axis)
        return x

    @in_float32
    def pad_by_index_input_grad(self, grad: Array, mode: str, pads: Pads, shape: Shape) -> Array:
        lead = grad.ndim - len(pads)
        for axis, (before, after) in enumerate(pads, lead):
            index = _source(mode, shape[axis], before, after)[:, None]
            grad = taps.weighted_sum(
                self.xp, grad, axis, taps.Taps(index, np.ones(index.shape)).transposed(shape[axis])
            )
        return grad


def _source(mode: str, n: int, before: int, after: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which of `n` elements stands at each place."""
    place = np.arange(-before, n + after)
    if mode == "circular":  # what is cut away is gone before anything is repeated
        cut = max(-before, 0)
        return cut + (place - cut) % max(n + min(before, 0) + min(after, 0), 1)
    if mode == "replicate":
        return np.clip(place, 0, n - 1)
    mirrored: np.ndarray[Any, np.dtype[np.int64]] = (n - 1) - np.abs((n - 1) - np.abs(place))
    return mirrored
