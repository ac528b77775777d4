"""Where numbers lie: copies, casts, strides, putting together."""

from __future__ import annotations

from typing import Any

from medtorch.core import shapes
from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.dtypes import dtype, number


class LayoutKernels(KernelFamily):
    """Copies, casts, views by strides, concatenation."""

    def full(self, shape: tuple[int, ...], value: Any, wanted: dtype) -> Array:
        return self.xp.zeros(shape, wanted.numpy) if value == 0 else self.xp.full(shape, number(value, wanted)[()])

    def zeros(self, shape: tuple[int, ...], numpy_dtype: Any) -> Array:
        return self.xp.zeros(shape, numpy_dtype)

    def copy(self, x: Array, memory_format: str) -> Array:
        """x in memory of its own; "preserve_format" keeps the order of dense strides, others force theirs."""
        if memory_format == "preserve_format":
            return x.copy(order="K")
        order = shapes.memory_order(x.ndim, memory_format)
        back = sorted(range(x.ndim), key=order.__getitem__)
        return self.xp.ascontiguousarray(x.transpose(order)).reshape([x.shape[d] for d in order]).transpose(back)

    def cast(self, x: Array, wanted: dtype) -> Array:
        with self.quiet():
            if x.dtype.kind == "c" and not wanted.is_complex:
                x = x != 0 if wanted.category == 0 else x.real
            return x.astype(wanted.numpy, order="K")

    def expand(self, x: Array, shape: tuple[int, ...]) -> Array:
        lead = len(shape) - x.ndim
        strides = (0,) * lead + tuple(0 if have == 1 else s for have, s in zip(x.shape, x.strides, strict=True))
        return self.as_strided(x, shape, strides)

    def as_strided(self, x: Array, shape: tuple[int, ...], strides: tuple[int, ...]) -> Array:
        """The memory of x from its first element on, read by `strides` in bytes. The caller keeps inside it."""
        return self.xp.lib.stride_tricks.as_strided(x, shape, strides)

    def reread(self, x: Array, shape: tuple[int, ...], strides: tuple[int, ...], shift: int) -> Array:
        """The memory around x, from `shift` elements after its start on, read by `strides` in elements."""
        step = x.itemsize if shift >= 0 else -x.itemsize
        first = self.as_strided(x, (abs(shift) + 1,), (step,))[abs(shift) :]
        return self.as_strided(first, shape, tuple(s * x.itemsize for s in strides))

    def cat(self, xs: tuple[Array, ...], dim: int) -> Array:
        return self.xp.concatenate(xs, axis=dim)

    def roll(self, x: Array, shifts: tuple[int, ...], dims: tuple[int, ...]) -> Array:
        return self.xp.roll(x, shifts, dims)
