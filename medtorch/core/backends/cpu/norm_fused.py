"""Normalization with an activation behind it in one pass over memory, for compiled graphs.

Requires  REQ-F-CMP-003
"""

from __future__ import annotations

from typing import ClassVar

from medtorch.core.backends.cpu.base import all_float32
from medtorch.core.backends.cpu.fused import ACTIVATIONS, FusedKernels
from medtorch.core.backends.cpu.norm import NormKernels
from medtorch.core.backends.reference.base import Array
from medtorch.core.shapes import Shape


class NormFusedKernels(FusedKernels, NormKernels):
    """The same sums and the same roundings as the ops one after the other."""

    writes: ClassVar[frozenset[str]] = FusedKernels.writes | {"normalize_fused"}

    def normalize_fused(
        self,
        x: Array,
        weight: Array,
        bias: Array,
        dims: Shape,
        eps: float,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        if not all_float32(x, weight, bias, out) or not x.size or not dims or activation not in ACTIVATIONS:
            return super().normalize_fused(x, weight, bias, dims, eps, activation, alpha, out)
        mean, _, scale = self._moments_and_scale(x, dims, eps)
        y = self._like(x) if out is None else out
        found = self._mapped("normalize_end", (x, mean, scale, weight, bias), activation, alpha, y)
        return super().normalize_fused(x, weight, bias, dims, eps, activation, alpha, out) if found is None else found
