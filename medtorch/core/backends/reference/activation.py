"""Activations, number by number, each in the form that neither overflows nor loses digits."""

from __future__ import annotations

import math

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.halves import in_float32
from medtorch.core.backends.reference.special import erf
from medtorch.errors import ArgumentError


class ActivationKernels(KernelFamily):
    """The formulas stand at the ops (medtorch/core/ops/activation.py)."""

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
