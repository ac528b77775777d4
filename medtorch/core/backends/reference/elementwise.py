"""Numbers one by one, alone and in pairs. Arrays broadcast; dtypes are equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.backends.reference.base import Array, KernelFamily
from medtorch.core.backends.reference.special import erf, erfc, erfinv
from medtorch.core.shapes import broadcast_shapes
from medtorch.errors import ArgumentError


class ElementwiseKernels(KernelFamily):
    """Arithmetic, functions, comparisons, bits and choices."""

    def add(self, a: Array, b: Array) -> Array:
        return self.xp.add(a, b)

    def sub(self, a: Array, b: Array) -> Array:
        return self.xp.subtract(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return self.xp.multiply(a, b)

    def div(self, a: Array, b: Array) -> Array:
        with self.quiet():
            return self.xp.divide(a, b)

    def floor_divide(self, a: Array, b: Array) -> Array:
        self._no_zero("floor_divide", b)
        with self.quiet():
            if b.dtype.kind in "iub":
                return self.xp.floor_divide(a, b)
            # Not NumPy's: a / 0 is infinite as in torch, and the quotient is corrected by the exact remainder.
            rest = self.xp.fmod(a, b)
            whole = (a - rest) / b
            whole = self.xp.where((rest != 0) & ((rest < 0) != (b < 0)), whole - 1, whole)
            near = self.xp.floor(whole)
            near = self.xp.where(whole - near > 0.5, near + 1, near)
            near = self.xp.where(whole == 0, self.xp.copysign(self.xp.zeros_like(whole), a / b), near)
            return self.xp.where(b == 0, a / b, near).astype(a.dtype)

    def trunc_divide(self, a: Array, b: Array) -> Array:
        self._no_zero("trunc_divide", b)
        with self.quiet():
            if b.dtype.kind in "iub":
                rest = self.xp.fmod(a, b)
                return self.xp.floor_divide(a - rest, b)
            return self.xp.trunc(self.xp.divide(a, b))

    def remainder(self, a: Array, b: Array) -> Array:
        self._no_zero("remainder", b)
        with self.quiet():
            return self.xp.remainder(a, b)

    def fmod(self, a: Array, b: Array) -> Array:
        self._no_zero("fmod", b)
        with self.quiet():
            return self.xp.fmod(a, b)

    def pow(self, a: Array, b: Array) -> Array:
        if b.dtype.kind in "i" and bool((b < 0).any()):
            raise ArgumentError("pow: whole numbers cannot be raised to a negative power; use floating-point tensors")
        with self.quiet():
            if a.dtype.kind == "b":
                return self.xp.logical_or(a, self.xp.logical_not(b))
            return self.xp.power(a, b)

    def atan2(self, a: Array, b: Array) -> Array:
        return self.xp.arctan2(a, b)

    def maximum(self, a: Array, b: Array) -> Array:
        return self.xp.maximum(a, b)

    def minimum(self, a: Array, b: Array) -> Array:
        return self.xp.minimum(a, b)

    def fmax(self, a: Array, b: Array) -> Array:
        return self.xp.fmax(a, b)

    def fmin(self, a: Array, b: Array) -> Array:
        return self.xp.fmin(a, b)

    def bitwise_and(self, a: Array, b: Array) -> Array:
        return self.xp.bitwise_and(a, b)

    def bitwise_or(self, a: Array, b: Array) -> Array:
        return self.xp.bitwise_or(a, b)

    def bitwise_xor(self, a: Array, b: Array) -> Array:
        return self.xp.bitwise_xor(a, b)

    def bitwise_not(self, x: Array) -> Array:
        return self.xp.invert(x)

    def left_shift(self, a: Array, b: Array) -> Array:
        return self.xp.left_shift(a, b)

    def right_shift(self, a: Array, b: Array) -> Array:
        return self.xp.right_shift(a, b)

    def neg(self, x: Array) -> Array:
        return self.xp.negative(x)

    def conj(self, x: Array) -> Array:
        return self.xp.conjugate(x)

    def complex(self, a: Array, b: Array) -> Array:
        out = self.xp.empty(broadcast_shapes(a.shape, b.shape), np.result_type(a.dtype, np.complex64))
        out.real, out.imag = a, b
        return out

    def abs(self, x: Array) -> Array:
        return self.xp.absolute(x)

    def exp(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.exp(x)

    def exp2(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.exp2(x)

    def expm1(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.expm1(x)

    def log(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.log(x)

    def log2(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.log2(x)

    def log10(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.log10(x)

    def log1p(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.log1p(x)

    def sqrt(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.sqrt(x)

    def rsqrt(self, x: Array) -> Array:
        with self.quiet():
            return self.reciprocal(self.xp.sqrt(x))

    def reciprocal(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.divide(self.xp.ones((), x.dtype), x)

    def sin(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.sin(x)

    def cos(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.cos(x)

    def tan(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.tan(x)

    def asin(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.arcsin(x)

    def acos(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.arccos(x)

    def atan(self, x: Array) -> Array:
        return self.xp.arctan(x)

    def sinh(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.sinh(x)

    def cosh(self, x: Array) -> Array:
        with self.quiet():
            return self.xp.cosh(x)

    def tanh(self, x: Array) -> Array:
        return self.xp.tanh(x)

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + e^-x), with e^-|x| so that nothing overflows and small results keep their digits."""
        small = self.xp.exp(-self.xp.absolute(x))
        one = self.xp.ones((), x.dtype)
        return self.xp.where(x >= 0, one / (one + small), self.xp.where(x < 0, small / (one + small), x)).astype(
            x.dtype
        )

    def erf(self, x: Array) -> Array:
        return self.in_float64(lambda wide: erf(self.xp, wide), x)

    def erfc(self, x: Array) -> Array:
        return self.in_float64(lambda wide: erfc(self.xp, wide), x)

    def erfinv(self, x: Array) -> Array:
        return self.in_float64(lambda wide: erfinv(self.xp, wide), x)

    def relu(self, x: Array) -> Array:
        return self.xp.maximum(x, self.xp.zeros((), x.dtype))

    def floor(self, x: Array) -> Array:
        return x.copy() if x.dtype.kind in "iu" else self.xp.floor(x)

    def ceil(self, x: Array) -> Array:
        return x.copy() if x.dtype.kind in "iu" else self.xp.ceil(x)

    def trunc(self, x: Array) -> Array:
        return x.copy() if x.dtype.kind in "iu" else self.xp.trunc(x)

    def sign(self, x: Array) -> Array:
        if x.dtype.kind == "b":
            return x.copy()
        return self.xp.where(x == x, self.xp.sign(x), x.dtype.type(0))  # 0 for NaN, as torch

    def round(self, x: Array, decimals: int) -> Array:
        return x.copy() if x.dtype.kind in "iu" else self.xp.round(x, decimals).astype(x.dtype)

    def clamp(self, x: Array, low: Any, high: Any) -> Array:
        out = x
        if low is not None:
            out = self.xp.maximum(out, self.xp.asarray(low, x.dtype))
        if high is not None:
            out = self.xp.minimum(out, self.xp.asarray(high, x.dtype))
        return out

    def nan_to_num(self, x: Array, nan: float, posinf: float | None, neginf: float | None) -> Array:
        if x.dtype.kind in "iub":
            return x.copy()
        return self.xp.nan_to_num(x, copy=True, nan=nan, posinf=posinf, neginf=neginf)

    def eq(self, a: Array, b: Array) -> Array:
        return self.xp.equal(a, b)

    def ne(self, a: Array, b: Array) -> Array:
        return self.xp.not_equal(a, b)

    def lt(self, a: Array, b: Array) -> Array:
        return self.xp.less(a, b)

    def le(self, a: Array, b: Array) -> Array:
        return self.xp.less_equal(a, b)

    def logical_and(self, a: Array, b: Array) -> Array:
        return self.xp.logical_and(a, b)

    def logical_or(self, a: Array, b: Array) -> Array:
        return self.xp.logical_or(a, b)

    def logical_xor(self, a: Array, b: Array) -> Array:
        return self.xp.logical_xor(a, b)

    def logical_not(self, x: Array) -> Array:
        return self.xp.logical_not(x)

    def isnan(self, x: Array) -> Array:
        return self.xp.zeros(x.shape, bool) if x.dtype.kind in "iub" else self.xp.isnan(x)

    def isinf(self, x: Array) -> Array:
        return self.xp.zeros(x.shape, bool) if x.dtype.kind in "iub" else self.xp.isinf(x)

    def isfinite(self, x: Array) -> Array:
        return self.xp.ones(x.shape, bool) if x.dtype.kind in "iub" else self.xp.isfinite(x)

    def where(self, condition: Array, a: Array, b: Array) -> Array:
        return self.xp.where(condition, a, b)

    def _no_zero(self, name: str, b: Array) -> None:
        if b.dtype.kind in "iu" and bool((b == 0).any()):
            raise ArgumentError(f"{name}: whole numbers cannot be divided by zero")
