"""Functions beyond the usual ones, number by number: areas, gamma and Bessel functions, logarithms of sums.

All are computed in float64 and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from medtorch.core.backends.reference import gamma
from medtorch.core.backends.reference.base import Array, KernelFamily


class TranscendentalKernels(KernelFamily):
    """Inputs are floating, of one dtype; two inputs broadcast."""

    def acosh(self, x: Array) -> Array:
        return self.in_float64(self.xp.arccosh, x)

    def asinh(self, x: Array) -> Array:
        return self.in_float64(self.xp.arcsinh, x)

    def atanh(self, x: Array) -> Array:
        return self.in_float64(self.xp.arctanh, x)

    def hypot(self, a: Array, b: Array) -> Array:
        return self._paired(self.xp.hypot, a, b)

    def copysign(self, a: Array, b: Array) -> Array:
        return self.xp.copysign(a, b)

    def logaddexp(self, a: Array, b: Array) -> Array:
        return self._paired(self.xp.logaddexp, a, b)

    def logaddexp2(self, a: Array, b: Array) -> Array:
        return self._paired(self.xp.logaddexp2, a, b)

    def lgamma(self, x: Array) -> Array:
        return self.in_float64(lambda v: gamma.lgamma(self.xp, v), x)

    def polygamma(self, x: Array, n: int) -> Array:
        return self.in_float64(lambda v: gamma.polygamma(self.xp, n, v), x)

    def igamma(self, a: Array, x: Array, upper: bool) -> Array:
        return self._paired(lambda p, q: gamma.igamma(self.xp, p, q, upper=upper), *self.xp.broadcast_arrays(a, x))

    def bessel_i(self, x: Array, order: int) -> Array:
        return self.in_float64(lambda v: self._bessel_i(v, order), x)

    def sinc(self, x: Array, order: int) -> Array:
        return self.in_float64(lambda v: math.pi**order * self._sinc(math.pi * v, v, order), x)

    def _paired(self, function: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
        with self.quiet():
            wide = function(a.astype(self.xp.float64), b.astype(self.xp.float64))
            return self.xp.asarray(wide).astype(a.dtype)

    def _bessel_i(self, x: Array, order: int) -> Array:
        """The modified Bessel function: its power series up to 30, from there its asymptotic series."""
        xp = self.xp
        size = xp.absolute(x)
        z = xp.minimum(size, 30.0) / 2.0
        term = z**order / math.factorial(order)
        near = term
        for k in range(1, 70):
            term = term * z * z / (k * (k + order))
            near = near + term
        large = xp.maximum(size, 30.0)
        term = xp.ones_like(large)
        far = term
        for k in range(1, 25):
            term = -term * (4 * order * order - (2 * k - 1) ** 2) / (8 * k * large)
            far = far + xp.where(xp.isinf(large), 0.0, term)
        half = xp.exp(large / 2.0)  # in two factors: e^x alone overflows before the function does
        found = xp.where(size <= 30.0, near, half * (half * (far / xp.sqrt(2 * math.pi * large))))
        found = xp.where(xp.isinf(size), xp.inf, found)
        return xp.where(x < 0, -found, found) if order % 2 else found

    def _sinc(self, z: Array, x: Array, order: int) -> Array:
        """The derivative of sin(z) / z, z = pi x: its power series near 0, else z f(n) = sin(n)(z) - n f(n-1)."""
        xp = self.xp
        near = xp.minimum(xp.maximum(z, -order - 1.0), order + 1.0)
        series = xp.zeros_like(z)
        for k in range((order + 1) // 2, 40 + 3 * order):
            scale = (-1) ** k * math.factorial(2 * k) / (math.factorial(2 * k - order) * math.factorial(2 * k + 1))
            series = series + scale * near ** (2 * k - order)
        whole = xp.round(x)  # sin and cos of pi times what is left over keep the zeros at whole numbers
        odd = 1.0 - 2.0 * (xp.fmod(xp.absolute(whole), 2.0) == 1.0)
        sine, cosine = odd * xp.sin(math.pi * (x - whole)), odd * xp.cos(math.pi * (x - whole))
        far = sine / z
        for n in range(1, order + 1):
            turned = (sine, cosine, -sine, -cosine)[n % 4]
            far = (turned - n * far) / z
        return xp.where(xp.absolute(z) <= order + 1.0, series, far)
