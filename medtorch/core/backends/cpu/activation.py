"""Activations, natively for float32.

Requires  REQ-F-OPS-109
"""

from __future__ import annotations

from medtorch.core.backends.cpu.base import FLOAT32, all_float32
from medtorch.core.backends.cpu.elementwise import MapFamily
from medtorch.core.backends.reference.activation import ActivationKernels as ReferenceActivationKernels
from medtorch.core.backends.reference.base import Array


class ActivationKernels(MapFamily, ReferenceActivationKernels):
    """The formulas stand at the ops (medtorch/core/ops/activation.py)."""

    def leaky_relu(self, x: Array, slope: float) -> Array:
        y = self.map("leaky_relu", x, slope)
        return super().leaky_relu(x, slope) if y is None else y

    def elu(self, x: Array, alpha: float, scale: float, input_scale: float) -> Array:
        y = self.map("elu", x, alpha * scale, scale, input_scale)
        return super().elu(x, alpha, scale, input_scale) if y is None else y

    def silu(self, x: Array) -> Array:
        y = self.map("silu", x)
        return super().silu(x) if y is None else y

    def mish(self, x: Array) -> Array:
        y = self.map("mish", x)
        return super().mish(x) if y is None else y

    def gelu(self, x: Array) -> Array:
        y = self.map("gelu", x)
        return super().gelu(x) if y is None else y

    def gelu_tanh(self, x: Array) -> Array:
        y = self.map("gelu_tanh", x)
        return super().gelu_tanh(x) if y is None else y

    def hardswish(self, x: Array) -> Array:
        y = self.map("hardswish", x)
        return super().hardswish(x) if y is None else y

    def hardsigmoid(self, x: Array) -> Array:
        y = self.map("hardsigmoid", x)
        return super().hardsigmoid(x) if y is None else y

    def softplus(self, x: Array, beta: float, threshold: float) -> Array:
        y = self.map("softplus", x, beta, threshold)
        return super().softplus(x, beta, threshold) if y is None else y

    def logsigmoid(self, x: Array) -> Array:
        y = self.map("logsigmoid", x)
        return super().logsigmoid(x) if y is None else y

    def softshrink(self, x: Array, lambd: float) -> Array:
        y = self.map("softshrink", x, lambd)
        return super().softshrink(x, lambd) if y is None else y

    def hardshrink(self, x: Array, lambd: float) -> Array:
        y = self.map("hardshrink", x, lambd)
        return super().hardshrink(x, lambd) if y is None else y

    def threshold(self, x: Array, threshold: float, value: float) -> Array:
        y = self.map("threshold", x, threshold, value)
        return super().threshold(x, threshold, value) if y is None else y

    def activation_input_grad(self, function: str, dy: Array, saved: Array, numbers: tuple[float, ...]) -> Array:
        y = self.map(f"{function}_input_grad", dy, saved, *numbers) if all_float32(dy, saved) else None
        return super().activation_input_grad(function, dy, saved, numbers) if y is None else y

    def binary_cross_entropy(self, x: Array, target: Array) -> Array:
        if x.dtype != FLOAT32 or target.dtype != FLOAT32 or bool(((x < 0) | (x > 1)).any()):
            return super().binary_cross_entropy(x, target)  # which refuses what is no probability
        return self.map("binary_cross_entropy", x, target)
