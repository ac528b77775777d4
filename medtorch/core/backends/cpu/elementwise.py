"""Numbers one by one, natively for float32.

How each function is computed stands in docs/decisions/functions.md, with its error.

Requires  REQ-F-OPS-001
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.backends.cpu.base import FLOAT32, NativeFamily
from medtorch.core.backends.reference.base import Array
from medtorch.core.backends.reference.elementwise import ElementwiseKernels as ReferenceElementwiseKernels


class MapFamily(NativeFamily):
    """Families whose native kernels are functions of numbers."""

    def map(self, name: str, *arguments: Any) -> Array | None:
        """The native function `name` of arrays, then of numbers; None where an array is not float32."""
        out = self.set.map(name, *arguments)
        if out is not None or any(a.dtype.kind != "b" and a.dtype != FLOAT32 for a in arguments if hasattr(a, "dtype")):
            return out
        # An array that lies crookedly in memory, as the field of a record does.
        return self.set.map(name, *(a.copy() if hasattr(a, "dtype") else a for a in arguments))


class ElementwiseKernels(MapFamily, ReferenceElementwiseKernels):
    """Arithmetic, functions, comparisons and choices."""

    def add(self, a: Array, b: Array) -> Array:
        y = self.map("add", a, b)
        return super().add(a, b) if y is None else y

    def sub(self, a: Array, b: Array) -> Array:
        y = self.map("sub", a, b)
        return super().sub(a, b) if y is None else y

    def mul(self, a: Array, b: Array) -> Array:
        y = self.map("mul", a, b)
        return super().mul(a, b) if y is None else y

    def div(self, a: Array, b: Array) -> Array:
        y = self.map("div", a, b)
        return super().div(a, b) if y is None else y

    def maximum(self, a: Array, b: Array) -> Array:
        y = self.map("maximum", a, b)
        return super().maximum(a, b) if y is None else y

    def minimum(self, a: Array, b: Array) -> Array:
        y = self.map("minimum", a, b)
        return super().minimum(a, b) if y is None else y

    def fmax(self, a: Array, b: Array) -> Array:
        y = self.map("fmax", a, b)
        return super().fmax(a, b) if y is None else y

    def fmin(self, a: Array, b: Array) -> Array:
        y = self.map("fmin", a, b)
        return super().fmin(a, b) if y is None else y

    def eq(self, a: Array, b: Array) -> Array:
        y = self.map("eq", a, b)
        return super().eq(a, b) if y is None else y

    def ne(self, a: Array, b: Array) -> Array:
        y = self.map("ne", a, b)
        return super().ne(a, b) if y is None else y

    def lt(self, a: Array, b: Array) -> Array:
        y = self.map("lt", a, b)
        return super().lt(a, b) if y is None else y

    def le(self, a: Array, b: Array) -> Array:
        y = self.map("le", a, b)
        return super().le(a, b) if y is None else y

    def where(self, condition: Array, a: Array, b: Array) -> Array:
        y = self.map("where", condition, a, b)
        return super().where(condition, a, b) if y is None else y

    def neg(self, x: Array) -> Array:
        y = self.map("neg", x)
        return super().neg(x) if y is None else y

    def abs(self, x: Array) -> Array:
        y = self.map("abs", x)
        return super().abs(x) if y is None else y

    def sqrt(self, x: Array) -> Array:
        y = self.map("sqrt", x)
        return super().sqrt(x) if y is None else y

    def rsqrt(self, x: Array) -> Array:
        y = self.map("rsqrt", x)
        return super().rsqrt(x) if y is None else y

    def reciprocal(self, x: Array) -> Array:
        y = self.map("reciprocal", x)
        return super().reciprocal(x) if y is None else y

    def floor(self, x: Array) -> Array:
        y = self.map("floor", x)
        return super().floor(x) if y is None else y

    def ceil(self, x: Array) -> Array:
        y = self.map("ceil", x)
        return super().ceil(x) if y is None else y

    def trunc(self, x: Array) -> Array:
        y = self.map("trunc", x)
        return super().trunc(x) if y is None else y

    def round(self, x: Array, decimals: int) -> Array:
        y = self.map("round", x) if decimals == 0 else None
        return super().round(x, decimals) if y is None else y

    def sign(self, x: Array) -> Array:
        y = self.map("sign", x)
        return super().sign(x) if y is None else y

    def clamp(self, x: Array, low: Any, high: Any) -> Array:
        y = self.map("clamp", x, -np.inf if low is None else low, np.inf if high is None else high)
        return super().clamp(x, low, high) if y is None else y

    def isnan(self, x: Array) -> Array:
        y = self.map("isnan", x)
        return super().isnan(x) if y is None else y

    def isinf(self, x: Array) -> Array:
        y = self.map("isinf", x)
        return super().isinf(x) if y is None else y

    def isfinite(self, x: Array) -> Array:
        y = self.map("isfinite", x)
        return super().isfinite(x) if y is None else y

    def relu(self, x: Array) -> Array:
        y = self.map("relu", x)
        return super().relu(x) if y is None else y

    def exp(self, x: Array) -> Array:
        y = self.map("exp", x)
        return super().exp(x) if y is None else y

    def exp2(self, x: Array) -> Array:
        y = self.map("exp2", x)
        return super().exp2(x) if y is None else y

    def expm1(self, x: Array) -> Array:
        y = self.map("expm1", x)
        return super().expm1(x) if y is None else y

    def log(self, x: Array) -> Array:
        y = self.map("log", x)
        return super().log(x) if y is None else y

    def log1p(self, x: Array) -> Array:
        y = self.map("log1p", x)
        return super().log1p(x) if y is None else y

    def tanh(self, x: Array) -> Array:
        y = self.map("tanh", x)
        return super().tanh(x) if y is None else y

    def sigmoid(self, x: Array) -> Array:
        y = self.map("sigmoid", x)
        return super().sigmoid(x) if y is None else y

    def erf(self, x: Array) -> Array:
        y = self.map("erf", x)
        return super().erf(x) if y is None else y

    def log2(self, x: Array) -> Array:
        y = self.map("log2", x)
        return super().log2(x) if y is None else y

    def log10(self, x: Array) -> Array:
        y = self.map("log10", x)
        return super().log10(x) if y is None else y

    def sin(self, x: Array) -> Array:
        y = self.map("sin", x)
        return super().sin(x) if y is None else y

    def cos(self, x: Array) -> Array:
        y = self.map("cos", x)
        return super().cos(x) if y is None else y

    def tan(self, x: Array) -> Array:
        y = self.map("tan", x)
        return super().tan(x) if y is None else y

    def asin(self, x: Array) -> Array:
        y = self.map("asin", x)
        return super().asin(x) if y is None else y

    def acos(self, x: Array) -> Array:
        y = self.map("acos", x)
        return super().acos(x) if y is None else y

    def atan(self, x: Array) -> Array:
        y = self.map("atan", x)
        return super().atan(x) if y is None else y

    def sinh(self, x: Array) -> Array:
        y = self.map("sinh", x)
        return super().sinh(x) if y is None else y

    def cosh(self, x: Array) -> Array:
        y = self.map("cosh", x)
        return super().cosh(x) if y is None else y

    def pow(self, a: Array, b: Array) -> Array:
        y = self.map("pow", a, b)
        return super().pow(a, b) if y is None else y

    def atan2(self, a: Array, b: Array) -> Array:
        y = self.map("atan2", a, b)
        return super().atan2(a, b) if y is None else y
