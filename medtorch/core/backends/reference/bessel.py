"""Bessel functions and the scaled complementary error function, in float64.

Up to 25 the functions are means over a period of their integral (exact beyond rounding once the points outnumber the
argument), above it Hankel's expansion. K is an integral whose integrand dies doubly exponentially.

Source    Abramowitz & Stegun 1964, 9.1.20-22, 9.1.88-89, 9.2.5-6, 9.6.19, 9.7.1; Trefethen & Weideman 2014, SIAM Review
          56(3), 385-458
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from medtorch.core.backends.reference.base import Array, KernelFamily

_SWITCH, _POINTS, _TERMS = 25.0, 160, 30
_EULER = 0.57721566490153286060


class BesselKernels(KernelFamily):
    """Numbers one by one; `order` is a whole number from 0 up."""

    def bessel_j(self, x: Array, order: int) -> Array:
        return self.in_float64(lambda v: self._j(v, order), x)

    def bessel_y(self, x: Array, order: int) -> Array:
        return self.in_float64(lambda v: self._y(v, order), x)

    def bessel_ie(self, x: Array, order: int) -> Array:
        """I_n(x) e^-|x|."""
        return self.in_float64(lambda v: self._ie(v, order), x)

    def bessel_ke(self, x: Array, order: int) -> Array:
        """K_n(x) e^x."""
        return self.in_float64(lambda v: self._ke(v, order), x)

    def erfcx(self, x: Array) -> Array:
        """erfc(x) e^(x^2)."""
        return self.in_float64(self._erfcx, x)

    def _near_and_far(self, x: Array, near: Callable[[Array], Array], far: Callable[[Array], Array]) -> Array:
        """`near` up to the switch, `far` beyond, each on the numbers it is for."""
        xp: Any = self.xp
        flat = x.reshape(-1)
        close = xp.absolute(flat) <= _SWITCH
        out = xp.full(flat.shape, xp.nan)
        out[close] = near(flat[close])
        rest = ~close & (flat == flat)
        out[rest] = far(flat[rest])
        return out.reshape(x.shape)

    def _mean_over_period(self, x: Array, value: Callable[[Array, float], Array]) -> Array:
        total = self.xp.zeros_like(x)
        for point in range(_POINTS):
            total = total + value(x, 2 * math.pi * point / _POINTS)
        return total / _POINTS

    def _j(self, x: Array, order: int) -> Array:
        xp: Any = self.xp
        near = self._j_near(order)

        def far(v: Array) -> Array:
            p, q, phase = self._hankel(xp.absolute(v), order)
            found = xp.sqrt(2 / (math.pi * xp.absolute(v))) * (p * xp.cos(phase) - q * xp.sin(phase))
            found = xp.where(xp.isinf(v), 0.0, found)
            return xp.where(v < 0, (-1.0) ** order * found, found)

        found = self._near_and_far(x, near, far)
        return xp.where(xp.absolute(x) < 1e-6, (x / 2) ** order / math.factorial(order), found)

    def _j_near(self, order: int) -> Callable[[Array], Array]:
        return lambda v: self._mean_over_period(v, lambda t, a: self.xp.cos(order * a - t * math.sin(a)))

    def _hankel(self, x: Array, order: int) -> tuple[Array, Array, Array]:
        """P, Q and the phase of the expansion for large x."""
        p, q, term = self.xp.ones_like(x), self.xp.zeros_like(x), self.xp.ones_like(x)
        for k in range(1, _TERMS):
            term = term * ((4 * order**2 - (2 * k - 1) ** 2) / (8.0 * k)) / x
            if k % 2:
                q = q + (-1) ** (k // 2) * term
            else:
                p = p + (-1) ** (k // 2) * term
        return p, q, x - (0.5 * order + 0.25) * math.pi

    def _y(self, x: Array, order: int) -> Array:
        xp: Any = self.xp

        def far(v: Array) -> Array:
            p, q, phase = self._hankel(xp.absolute(v), order)
            found = xp.sqrt(2 / (math.pi * xp.absolute(v))) * (p * xp.sin(phase) + q * xp.cos(phase))
            return xp.where(xp.isinf(v), 0.0, found)

        near = {0: self._y0_near, 1: self._y1_near}
        if order in near:
            found = self._near_and_far(x, near[order], far)
        else:  # upwards, which is stable
            found = 2 * (order - 1) / x * self._y(x, order - 1) - self._y(x, order - 2)
        return xp.where(x == 0, -math.inf, xp.where(x < 0, math.nan, found))

    def _y0_near(self, x: Array) -> Array:
        """Neumann's series in J of even order."""
        total = (self.xp.log(x / 2) + _EULER) * self._j_near(0)(x)
        for k in range(1, 36):
            total = total - 2 * (-1) ** k * self._j_near(2 * k)(x) / k
        return total * (2 / math.pi)

    def _y1_near(self, x: Array) -> Array:
        """Neumann's series in J of odd order."""
        total = (self.xp.log(x / 2) + _EULER - 1) * self._j_near(1)(x) - self._j_near(0)(x) / x
        for k in range(1, 36):
            total = total - (-1) ** k * (2 * k + 1) / (k * (k + 1)) * self._j_near(2 * k + 1)(x)
        return total * (2 / math.pi)

    def _ie(self, x: Array, order: int) -> Array:
        xp: Any = self.xp

        def near(v: Array) -> Array:
            size = xp.absolute(v)
            return self._mean_over_period(size, lambda t, a: xp.exp(t * (math.cos(a) - 1)) * math.cos(order * a))

        def far(v: Array) -> Array:
            size = xp.absolute(v)
            total, term = xp.ones_like(size), xp.ones_like(size)
            for k in range(1, _TERMS):
                term = term * (-(4 * order**2 - (2 * k - 1) ** 2) / (8.0 * k)) / size
                total = total + term
            return total / xp.sqrt(2 * math.pi * size)

        found = self._near_and_far(x, near, far)
        tiny = (xp.absolute(x) / 2) ** order / math.factorial(order) * xp.exp(-xp.absolute(x))
        found = xp.where(xp.absolute(x) < 1e-6, tiny, found)
        return xp.where(x < 0, (-1.0) ** order * found, found)

    def _ke(self, x: Array, order: int) -> Array:
        """The integral of e^(-x (cosh t - 1)) cosh(n t) over t from 0 up, by steps that narrow with it."""
        xp: Any = self.xp
        step, total = 1 / (32 * xp.sqrt(xp.maximum(x, 1.0))), 0.5 * xp.ones_like(x)
        for k in range(1, 32 * 30):
            t = k * step
            total = total + xp.exp(-x * (2 * xp.sinh(t / 2) ** 2)) * xp.cosh(order * t)
        small = self._ke_small(x, order)
        found = xp.where(x < 1e-6, small, total * step)
        return xp.where(x == 0, math.inf, xp.where(x < 0, math.nan, found))

    def _ke_small(self, x: Array, order: int) -> Array:
        """The first term at 0: -ln(x / 2) - gamma, or (n - 1)! / 2 (2 / x)^n."""
        if order == 0:
            return (-self.xp.log(x / 2) - _EULER) * self.xp.exp(x)
        return self.xp.exp(x) * 0.5 * math.factorial(order - 1) * (2 / x) ** order

    def _erfcx(self, x: Array) -> Array:
        xp: Any = self.xp
        size = xp.maximum(x, 5.0)
        below = size.copy()
        for k in range(60, 0, -1):  # Laplace's continued fraction
            below = size + 0.5 * k / below
        far = 1 / (math.sqrt(math.pi) * below)
        near = xp.exp(xp.minimum(x, 5.0) ** 2) * self.erfc(xp.minimum(x, 5.0))  # type: ignore[attr-defined]
        return xp.where(x > 5.0, far, near)

    def ndtri(self, x: Array) -> Array:
        """The quantile of the standard normal distribution."""
        return self.in_float64(self._ndtri, x)

    def _ndtri(self, p: Array) -> Array:
        """From erfinv, or far out from the tail's first term, by Newton's steps on the logarithm of the chance."""
        xp: Any = self.xp
        small = xp.where(p > 0.5, 1 - p, p)
        inside = (small > 0) & (small <= 0.5)
        target = xp.log(xp.where(inside, small, 0.25))
        near = math.sqrt(2) * self.erfinv(2 * xp.exp(target) - 1)  # type: ignore[attr-defined]
        far = -xp.sqrt(xp.maximum(-2 * target - xp.log(xp.maximum(-2 * target, 1.0)), 0.0))
        y = xp.where(target < -20, far, near)
        for _ in range(4):
            at = xp.log(self._erfcx(-y * math.sqrt(0.5)) / 2) - y * y / 2
            y = y - (at - target) * xp.exp(at + y * y / 2) * math.sqrt(2 * math.pi)
        found = xp.where(p > 0.5, -y, y)
        found = xp.where(p == 0, -math.inf, xp.where(p == 1, math.inf, found))
        return xp.where((p >= 0) & (p <= 1), found, math.nan)
