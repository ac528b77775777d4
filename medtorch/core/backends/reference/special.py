"""erf, erfc and erfinv in float64, from +, *, /, exp, log and sqrt alone, so that any array module can run them.

Source    W. J. Cody, Rational Chebyshev approximations for the error function, Math. Comp. 23 (1969) 631-637;
          P. J. Acklam's starting value for the normal quantile, refined by two Halley steps
"""

from __future__ import annotations

from typing import Any

Array = Any

_ERF_P = (
    3.20937758913846947e03,
    3.77485237685302021e02,
    1.13864154151050156e02,
    3.16112374387056560e00,
    1.85777706184603153e-1,
)
_ERF_Q = (2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02, 2.36012909523441209e01, 1.0)
_ERFC_P = (
    1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03, 8.81952221241769090e02,
    2.98635138197400131e02,
    6.61191906371416295e01, 8.88314979438837594e00, 5.64188496988670089e-1, 2.15311535474403846e-8,
)  # fmt: skip
_ERFC_Q = (
    1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03, 3.29079923573345963e03,
    1.62138957456669019e03,
    5.37181101862009858e02, 1.17693950891312499e02, 1.57449261107098347e01, 1.0,
)  # fmt: skip
_TAIL_P = (
    6.58749161529837803e-4,
    1.60837851487422766e-2,
    1.25781726111229246e-1,
    3.60344899949804439e-1,
    3.05326634961232344e-1,
    1.63153871373020978e-2,
)
_TAIL_Q = (
    2.33520497626869185e-3,
    6.05183413124413191e-2,
    5.27905102951428412e-1,
    1.87295284992346725e00,
    2.56852019228982242e00,
    1.0,
)
_ONE_OVER_SQRT_PI = 0.56418958354775628695


def _poly(coefficients: tuple[float, ...], x: Array) -> Array:
    """Coefficients from the lowest power up."""
    out = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        out = out * x + c
    return out


def erf(xp: Any, x: Array) -> Array:
    """The error function."""
    z = x * x
    near = x * (_poly(_ERF_P, xp.minimum(z, 1.0)) / _poly(_ERF_Q, xp.minimum(z, 1.0)))
    far = xp.copysign(1.0 - _erfc_positive(xp, xp.maximum(xp.absolute(x), 0.46875)), x)
    return xp.where(xp.absolute(x) <= 0.46875, near, far)


def erfc(xp: Any, x: Array) -> Array:
    """1 - erf(x), without cancellation for large x."""
    size = xp.absolute(x)
    tail = _erfc_positive(xp, xp.maximum(size, 0.46875))
    return xp.where(size <= 0.46875, 1.0 - erf(xp, x), xp.where(x > 0, tail, 2.0 - tail))


def _erfc_positive(xp: Any, y: Array) -> Array:
    """erfc for y >= 0.46875."""
    y = xp.minimum(y, 30.0)  # 0 from there on; infinity would become inf - inf below
    middle = xp.minimum(y, 4.0)
    near = _poly(_ERFC_P, middle) / _poly(_ERFC_Q, middle)
    large = xp.maximum(y, 4.0)
    z = 1.0 / (large * large)
    far = (_ONE_OVER_SQRT_PI - z * (_poly(_TAIL_P, z) / _poly(_TAIL_Q, z))) / large
    # exp(-y^2) in two factors: the first square is exact, so no digits of the exponent are lost.
    coarse = xp.floor(y * 16.0) / 16.0
    rest = (y - coarse) * (y + coarse)
    scale = xp.where(y < 27.0, xp.exp(-coarse * coarse) * xp.exp(-rest), 0.0 * y)
    return xp.where(xp.isnan(y), y, scale * xp.where(y <= 4.0, near, far))


def erfinv(xp: Any, x: Array) -> Array:
    """The inverse of erf on [-1, 1]; infinite at the ends, NaN beyond."""
    tail = 1.0 - xp.absolute(x)
    w = -xp.log(tail * (1.0 + xp.absolute(x)))
    # Winitzki's closed form as a start, good to 2e-3.
    a = 0.147
    mid = 2.0 / (3.141592653589793 * a) - w / 2.0
    y = xp.sqrt(xp.sqrt(mid * mid + w / a) - mid)
    slope = 2.0 * _ONE_OVER_SQRT_PI
    for _ in range(3):
        error = xp.where(tail < 0.5, tail - erfc(xp, y), erf(xp, y) - xp.absolute(x))
        step = error / (slope * xp.exp(-y * y))
        y = y - step / (1.0 + y * step)
    inside = xp.copysign(xp.where(x == 0, xp.absolute(x), y), x)
    edge = xp.where(xp.absolute(x) == 1.0, xp.copysign(xp.inf, x), xp.nan)
    return xp.where(xp.absolute(x) < 1.0, inside, edge)
