"""Numbers taken apart: signs, fractions and exponents, common divisors."""

from __future__ import annotations

from medtorch.core.backends.reference.base import Array, KernelFamily


class BitKernels(KernelFamily):
    """Two inputs are of one dtype and broadcast."""

    def heaviside(self, x: Array, values: Array) -> Array:
        step = self.xp.where(x > 0, self.xp.ones_like(x), self.xp.zeros_like(x))
        return self.xp.where(x == 0, values, step)

    def nextafter(self, a: Array, b: Array) -> Array:
        with self.quiet():
            return self.xp.nextafter(a, b)

    def gcd(self, a: Array, b: Array) -> Array:
        return self.xp.gcd(a, b)

    def lcm(self, a: Array, b: Array) -> Array:
        return self.xp.lcm(a, b)

    def signbit(self, x: Array) -> Array:
        return self.xp.signbit(x) if x.dtype.kind not in "iub" else x < 0

    def frexp(self, x: Array) -> tuple[Array, Array]:
        wide = x if x.dtype == self.xp.float64 else x.astype(self.xp.float32)
        mantissa, exponent = self.xp.frexp(wide)
        return self.xp.asarray(mantissa).astype(x.dtype), self.xp.asarray(exponent).astype(self.xp.int32)
