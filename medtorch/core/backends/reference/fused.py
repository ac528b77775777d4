"""Several ops in one call, for compiled graphs: here one after the other, so the numbers are those of the ops alone.

Each takes `out`, the memory that the result goes to, or None. A backend names in `writes` those that compute straight
into it; the others copy, and a plan does not hand them any.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from medtorch.core.backends.reference.activation import ActivationKernels
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.conv import ConvKernels
from medtorch.core.backends.reference.elementwise import ElementwiseKernels
from medtorch.core.backends.reference.matmul import MatmulKernels
from medtorch.core.backends.reference.norm import NormKernels
from medtorch.core.shapes import Shape
from medtorch.core.windows import Pads
from medtorch.errors import ArgumentError

ACTIVATIONS = (
    *("none", "relu", "relu6", "leaky_relu", "elu", "silu", "mish", "gelu", "gelu_tanh"),
    *("hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus"),
)
"""What may end a fused kernel. alpha is the slope of leaky_relu or the alpha of elu; softplus: beta 1, threshold 20."""


class FusedKernels(ActivationKernels, ConvKernels, ElementwiseKernels, MatmulKernels, NormKernels):
    """A product with what follows it, and runs of elementwise ops."""

    writes: ClassVar[frozenset[str]] = frozenset({"scale_shift", "add_activated", "activate", "copy_into"})

    def packed_forms(self, weight: Array) -> dict[Any, Any]:
        """Nothing is packed here."""
        return {}

    def lend_packed(self, weight: Array, forms: dict[Any, Any]) -> None:
        """Nothing is packed here."""

    def stand_in(self, weight: Array) -> Array | None:
        """Nothing is packed here."""
        return None

    def passing(self, weight: Array) -> Array:
        """The array itself."""
        return weight

    def conv_fused(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        y = self.conv(input, weight, bias, stride, padding, dilation, groups)
        return self._finished(y, residual, activation, alpha, out)

    def conv_gated(
        self,
        input: Array,
        gate: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        """input (N, C, ...) times gate (N, C, 1, ...), and of that the convolution: two steps."""
        geometry = (stride, padding, dilation, groups)
        return self.conv_fused(self.mul(input, gate), weight, bias, residual, *geometry, activation, alpha, out)

    def conv_transpose_fused(
        self,
        input: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        size: Shape,
        stride: Shape,
        padding: Pads,
        dilation: Shape,
        groups: int,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        y = self.conv_input_grad(input, weight, bias, size, stride, padding, dilation, groups)
        return self._finished(y, residual, activation, alpha, out)

    def linear_fused(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        residual: Array | None,
        activation: str,
        alpha: float,
        out: Array | None,
    ) -> Array:
        """x (..., I), weight (O, I). Leading dims become rows."""
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
        y = self.matmul(rows, weight.T).reshape(*x.shape[:-1], weight.shape[0])
        y = y if bias is None else self.add(y, bias)
        return self._finished(y, residual, activation, alpha, out)

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
        across = (-1, *(1,) * (x.ndim - 1 - dim))
        with self.quiet():
            y = self.xp.multiply(x, scale.reshape(across), out=out)
            y = y if shift is None else self.xp.add(y, shift.reshape(across), out=y)
        return self._finished(y, None, activation, alpha, out)

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
        """weight and bias broadcast to x."""
        return self._finished(self.normalize(x, weight, bias, dims, eps)[0], None, activation, alpha, out)

    def add_activated(self, a: Array, b: Array, activation: str, alpha: float, out: Array | None) -> Array:
        return self._finished(self.xp.add(a, b, out=out), None, activation, alpha, out)

    def activate(self, x: Array, activation: str, alpha: float, out: Array | None) -> Array:
        return self._finished(x, None, activation, alpha, out)

    def regroup(self, x: Array, shape: Shape) -> Array:
        """x as another shape: a view where its memory allows that, else a copy."""
        return x.reshape(shape)

    def copy_into(self, x: Array, out: Array) -> Array:
        """The numbers of x into `out`, of the same shape and dtype."""
        out[...] = x
        return out

    def _finished(self, y: Array, residual: Array | None, activation: str, alpha: float, out: Array | None) -> Array:
        y = y if residual is None else self.add(y, residual)
        y = self._activated(y, activation, alpha)
        if out is None or y is out:
            return y
        return self.copy_into(y, out)

    def _activated(self, y: Array, activation: str, alpha: float) -> Array:
        if activation in ("relu", "silu", "mish", "gelu", "gelu_tanh", "hardswish", "hardsigmoid", "sigmoid", "tanh"):
            function: Callable[[Array], Array] = getattr(self, activation)
            return function(y)
        if activation == "relu6":
            return self.clamp(y, 0.0, 6.0)
        if activation == "leaky_relu":
            return self.leaky_relu(y, alpha)
        if activation == "elu":
            return self.elu(y, alpha, 1.0, 1.0)
        if activation == "softplus":
            return self.softplus(y, 1.0, 20.0)
        if activation != "none":
            raise ArgumentError(f"unknown activation {activation!r}; have {', '.join(ACTIVATIONS)}")
        return y
