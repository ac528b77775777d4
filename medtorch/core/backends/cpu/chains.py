"""Elementwise steps of compiled graphs and of in-place ops, natively into given memory.

Requires  REQ-F-CMP-003
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.backends.cpu.base import all_float32
from medtorch.core.backends.cpu.elementwise import MapFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.fused import FusedKernels as ReferenceFusedKernels


class ChainKernels(MapFamily, ReferenceFusedKernels):
    """Scale and shift, sums, activations; float32, else the reference's."""

    def scale_shift(
        self,
        x: Array,
        scale: Array,
        shift: Array | None,
        dim: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        """Two roundings, as of two ops: no fused multiply-add."""
        if not all_float32(x, scale, shift, out) or activation not in _ACTIVATIONS:
            return super().scale_shift(x, scale, shift, dim, activation, alpha, out)
        across = (-1, *(1,) * (x.ndim - 1 - dim))
        scale, rest = scale.reshape(across), None if shift is None else shift.reshape(across)
        if rest is None:
            y = self.into(out, "mul", x, scale)
        else:
            y = self.into(out, "scale_shift", x, scale, rest)
        return y if activation == "none" else self.activate(y, activation, alpha, y)

    def add_activated(self, a: Array, b: Array, activation: str, alpha: float, out: Array | None) -> Array:
        if not all_float32(a, b, out) or activation not in _ACTIVATIONS:
            return super().add_activated(a, b, activation, alpha, out)
        if activation == "relu":
            return self.into(out, "add_relu", a, b)
        y = self.into(out, "add", a, b)
        return y if activation == "none" else self.activate(y, activation, alpha, y)

    def activate(self, x: Array, activation: str, alpha: float, out: Array | None) -> Array:
        if not all_float32(x, out) or activation not in _ACTIVATIONS:
            return super().activate(x, activation, alpha, out)
        name, *numbers = _ACTIVATIONS[activation]
        return self.into(out, name, x, *(alpha if n is None else n for n in numbers))

    def into(self, out: Array | None, name: str, *arguments: Any) -> Array:
        """The native function `name`, its result in `out` where there is one."""
        if out is None:
            return self.map(name, *arguments)
        apart = [a for a in arguments if isinstance(a, np.ndarray) and not _is_same(a, out)]
        if not any(np.may_share_memory(a, out) for a in apart) and self.set.map_into(name, out, *arguments):
            return out
        return self.copy_into(self.map(name, *arguments), out)


_ACTIVATIONS: dict[str, tuple[Any, ...]] = {
    "none": ("clamp", -np.inf, np.inf),
    "relu": ("relu",),
    "relu6": ("clamp", 0.0, 6.0),
    "leaky_relu": ("leaky_relu", None),
}
"""Each activation's native function and its numbers; None stands for alpha."""


def _is_same(a: Array, b: Array) -> bool:
    """Whether two arrays are the same places of memory in the same order."""
    same = a.shape == b.shape and a.strides == b.strides
    return same and bool(a.__array_interface__["data"][0] == b.__array_interface__["data"][0])
