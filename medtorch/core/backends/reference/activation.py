"""Activations, number by number, each in the form that neither overflows nor loses digits."""

from __future__ import annotations

import math
from typing import Any

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.backends.reference.special import erf
from medtorch.errors import ArgumentError


class ActivationKernels(KernelFamily):
    """The formulas stand at the ops (medtorch/core/ops/activation.py)."""

    def activation_input_grad(self, function: str, dy: Array, saved: Array, numbers: tuple[float, ...]) -> Array:
        """The gradient of an activation; `saved` is its result for relu, sigmoid and tanh, else its input."""
        if dy.dtype.itemsize == 2:
            wide = self.activation_input_grad(function, dy.astype("float32"), saved.astype("float32"), numbers)
            return wide.astype(dy.dtype)
        one = dy.dtype.type
        with self.quiet():
            if function == "gelu":
                return dy * self._gelu_slope(saved)
            if function == "silu":
                s = self._sigmoid(saved)
                return dy * (s * (saved * (one(1) - s) + one(1)))
            if function == "sigmoid":
                return dy * (saved * (one(1) - saved))
            if function == "tanh":
                return dy * (one(1) - saved * saved)
            return self._cut_grad(function, dy, saved, tuple(one(n) for n in numbers))

    def _cut_grad(self, function: str, dy: Array, x: Array, numbers: tuple[Any, ...]) -> Array:
        """Of the functions made of straight pieces."""
        none, three = dy.dtype.type(0), dy.dtype.type(3)
        if function == "relu":
            return self.xp.where(x <= none, none, dy)
        if function == "leaky_relu":
            return self.xp.where(x > none, dy, dy * numbers[0])
        if function == "clamp":
            return self.xp.where((x <= numbers[0]) | (x >= numbers[1]), none, dy)
        if function == "hardsigmoid":
            return self.xp.where((x <= -three) | (x >= three), none, dy / dy.dtype.type(6))
        if function == "hardswish":
            inside = self.xp.where(x < three, dy * (x / three + dy.dtype.type(0.5)), dy)
            return self.xp.where(x <= -three, none, inside)
        raise ArgumentError(f"activation_input_grad: no activation {function!r}")

    def _gelu_slope(self, x: Array) -> Array:
        kind = x.dtype.type
        share = erf(self.xp, x.astype(self.xp.float64) * math.sqrt(0.5)).astype(x.dtype)
        density = self.xp.exp(x * x * kind(-0.5)) * kind(1 / math.sqrt(2 * math.pi))
        return (share + kind(1)) * kind(0.5) + x * density

    @in_float32
    def leaky_relu(self, x: Array, slope: float) -> Array:
        return self.xp.where(x > 0, x, x * x.dtype.type(slope))

    @in_float32
    def elu(self, x: Array, alpha: float, scale: float, input_scale: float) -> Array:
        kind = x.dtype.type
        below = self.xp.expm1(self.xp.minimum(x, kind(0)) * kind(input_scale)) * kind(alpha * scale)
        return self.xp.where(x > 0, x * kind(scale), below)

    @in_float32
    def silu(self, x: Array) -> Array:
        with self.quiet():
            return x * self._sigmoid(x)

    @in_float32
    def mish(self, x: Array) -> Array:
        with self.quiet():
            return x * self.xp.tanh(self._softplus(x))

    @in_float32
    def gelu(self, x: Array) -> Array:
        with self.quiet():
            share = erf(self.xp, x.astype(self.xp.float64) * math.sqrt(0.5)).astype(x.dtype)
            return x * ((share + x.dtype.type(1)) * x.dtype.type(0.5))

    @in_float32
    def gelu_tanh(self, x: Array) -> Array:
        kind = x.dtype.type
        with self.quiet():
            inner = kind(math.sqrt(2 / math.pi)) * (x + kind(0.044715) * x * x * x)
            return x * kind(0.5) * (kind(1) + self.xp.tanh(inner))

    @in_float32
    def hardswish(self, x: Array) -> Array:
        kind = x.dtype.type
        with self.quiet():
            return x * self.xp.clip(x + kind(3), kind(0), kind(6)) / kind(6)

    @in_float32
    def hardsigmoid(self, x: Array) -> Array:
        kind = x.dtype.type
        return self.xp.clip(x + kind(3), kind(0), kind(6)) / kind(6)

    @in_float32
    def softplus(self, x: Array, beta: float, threshold: float) -> Array:
        kind = x.dtype.type
        with self.quiet():
            scaled = x * kind(beta)
            return self.xp.where(scaled > threshold, x, self._softplus(scaled) / kind(beta))

    @in_float32
    def logsigmoid(self, x: Array) -> Array:
        with self.quiet():
            return -self._softplus(-x)

    @in_float32
    def softshrink(self, x: Array, lambd: float) -> Array:
        kind = x.dtype.type
        moved = self.xp.where(x > 0, x - kind(lambd), x + kind(lambd))
        return self.xp.where(self.xp.absolute(x) <= kind(lambd), kind(0), moved)

    @in_float32
    def hardshrink(self, x: Array, lambd: float) -> Array:
        return self.xp.where(self.xp.absolute(x) <= x.dtype.type(lambd), x.dtype.type(0), x)

    @in_float32
    def threshold(self, x: Array, threshold: float, value: float) -> Array:
        return self.xp.where(x <= threshold, self.xp.asarray(value, x.dtype), x)

    @in_float32
    def binary_cross_entropy(self, x: Array, target: Array) -> Array:
        outside = (x < 0) | (x > 1)
        if bool(outside.any()):
            raise ArgumentError(f"binary_cross_entropy: input {float(x[outside][0])} is not a probability in [0, 1]")
        kind = x.dtype.type
        with self.quiet():
            yes = self.xp.maximum(self.xp.log(x), kind(-100))
            no = self.xp.maximum(self.xp.log1p(-x), kind(-100))
            return (target - kind(1)) * no - target * yes

    def _sigmoid(self, x: Array) -> Array:
        small = self.xp.exp(-self.xp.absolute(x))
        return self.xp.where(x >= 0, 1 / (1 + small), small / (1 + small))

    def _softplus(self, x: Array) -> Array:
        return self.xp.maximum(x, x.dtype.type(0)) + self.xp.log1p(self.xp.exp(-self.xp.absolute(x)))
