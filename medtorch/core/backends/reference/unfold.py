"""Windows of images as columns, and back."""

from __future__ import annotations

import math

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.backends.reference.windows import offsets, padded, sliding, tap
from medtorch.core.shapes import Shape
from medtorch.core.windows import both_sides, window_outputs


class UnfoldKernels(KernelFamily):
    """Copies of windows, and their sums."""

    def unfold(self, x: Array, kernel: Shape, dilation: Shape, padding: Shape, stride: Shape) -> Array:
        count = window_outputs(x.shape[2:], kernel, stride, both_sides(padding), dilation)
        windows = sliding(self.xp, padded(self.xp, x, both_sides(padding)), kernel, count, stride, dilation)
        return windows.reshape(x.shape[0], x.shape[1] * math.prod(kernel), math.prod(count))

    @in_float32
    def fold(self, x: Array, size: Shape, kernel: Shape, dilation: Shape, padding: Shape, stride: Shape) -> Array:
        count = window_outputs(size, kernel, stride, both_sides(padding), dilation)
        channels = x.shape[1] // math.prod(kernel)
        columns = x.reshape(x.shape[0], channels, math.prod(kernel), *count)
        whole = tuple(n + 2 * p for n, p in zip(size, padding, strict=True))
        out = self.xp.zeros((x.shape[0], channels, *whole), x.dtype)
        every = tuple(slice(0, n) for n in count)
        for place, offset in enumerate(offsets(kernel, dilation)):
            out[(slice(None), slice(None), *tap(offset, every, stride))] += columns[:, :, place]
        inner = tuple(slice(p, p + n) for n, p in zip(size, padding, strict=True))
        return self.xp.ascontiguousarray(out[(slice(None), slice(None), *inner)])
