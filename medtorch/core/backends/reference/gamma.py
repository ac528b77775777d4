"""The gamma function's family in float64, from array arithmetic alone, so that any array module can run them.

Math      arguments are moved up to 10 or more by the recurrence, then Stirling's series holds to float64;
          arguments below 1/2 come from above by reflection
Source    NIST Digital Library of Mathematical Functions, chapters 5 and 8 (5.5, 5.11, 5.15, 8.7.1, 8.9.2)
"""

from __future__ import annotations

import math
from typing import Any

from medtorch.errors import ArgumentError

Array = Any

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)
_FAR = 10
_STEPS = 20000
_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def lgamma(xp: Any, x: Array) -> Array:
    """ln |Gamma(x)|; infinite at 0, -1, -2, ... and at both infinities."""
    low = x < 0.5
    up = xp.where(low, 1.0 - x, x)
    above = _lgamma_above(xp, up)
    size = xp.absolute(_sin_pi(xp, x))
    below = xp.where(xp.isinf(x), xp.inf, math.log(math.pi) - xp.log(size) - above)
    tiny = xp.absolute(x) < 1e-300
    return xp.where(tiny, -xp.log(xp.absolute(x)), xp.where(low, below, above))


def _lgamma_above(xp: Any, x: Array) -> Array:
    """ln Gamma(x) for x >= 1/2."""
    factor = xp.ones_like(x)
    at = x
    for _ in range(_FAR):
        near = at < _FAR
        factor = xp.where(near, factor * at, factor)
        at = xp.where(near, at + 1.0, at)
    finite = xp.where(xp.isinf(at), 1.0, at)
    series = _stirling_rest(xp, finite)
    found = (finite - 0.5) * xp.log(finite) - finite + _HALF_LOG_TWO_PI + series - xp.log(factor)
    exact = (x == 1.0) | (x == 2.0)
    return xp.where(exact, 0.0, xp.where(xp.isinf(x), x, found))


def _stirling_rest(xp: Any, x: Array) -> Array:
    """What ln Gamma(x) has beyond (x - 1/2) ln x - x + ln(2 pi)/2, for x >= 10."""
    out = xp.zeros_like(x)
    inverse = 1.0 / x
    power = inverse
    for k, b in enumerate(_BERNOULLI, start=1):
        out = out + b / (2 * k * (2 * k - 1)) * power
        power = power * inverse * inverse
    return out


def _sin_pi(xp: Any, x: Array) -> Array:
    """sin(pi x), exactly 0 at whole numbers."""
    finite = xp.where(xp.isinf(x), 0.0, x)
    whole = xp.round(finite)
    odd = xp.fmod(xp.absolute(whole), 2.0) == 1.0
    found = xp.sin(math.pi * (finite - whole))
    return xp.where(odd, -found, found)


def polygamma(xp: Any, n: int, x: Array) -> Array:
    """The (n+1)-th derivative of ln Gamma."""
    low = x < 0.5
    above = _polygamma_above(xp, n, xp.where(low, 1.0 - x, x))
    finite = xp.where(xp.isinf(x), 0.25, x)
    turned = finite - xp.round(finite)  # in [-1/2, 1/2]
    cot = xp.cos(math.pi * turned) / xp.sin(math.pi * turned)
    below = (-1) ** n * above - math.pi * _cot_derivative(xp, n, cot)
    pole = (x <= 0) & (xp.floor(x) == x)
    at_pole = _pole(xp, n, x)
    found = xp.where(pole, at_pole, xp.where(low, below, above))
    if n == 0:
        return found
    return xp.where(x == -xp.inf, (-1.0) ** (n + 1) * xp.inf, found)


def _pole(xp: Any, n: int, x: Array) -> Array:
    """digamma: -+inf at +-0, NaN at the poles below; the others have one sign or, where n is even, torch's."""
    if n == 0:
        return xp.where(x == 0, -xp.copysign(xp.inf, x), xp.nan)
    return xp.full_like(x, (-1.0) ** (n + 1) * math.inf)


def _polygamma_above(xp: Any, n: int, x: Array) -> Array:
    """polygamma for x >= 1/2."""
    shift = max(_FAR, 10 + n)
    out, at = xp.zeros_like(x), x
    sign = (-1.0) ** (n + 1)
    for _ in range(shift):
        near = at < shift
        term = -1.0 / at if n == 0 else sign * math.factorial(n) / at ** (n + 1)
        out = xp.where(near, out + term, out)
        at = xp.where(near, at + 1.0, at)
    if n == 0:
        tail = xp.log(at) - 0.5 / at
    else:
        tail = sign * (math.factorial(n - 1) / at**n + math.factorial(n) / (2.0 * at ** (n + 1)))
    for k, b in enumerate(_BERNOULLI, start=1):
        scale = b * math.factorial(2 * k + n - 1) / math.factorial(2 * k)
        tail = tail - scale / at ** (2 * k) if n == 0 else tail + sign * scale / at ** (2 * k + n)
    return out + tail


def _cot_derivative(xp: Any, n: int, cot: Array) -> Array:
    """The n-th derivative of cot(pi x), a polynomial in cot(pi x): P' -> -pi (1 + c^2) dP/dc."""
    coefficients = [0.0, 1.0]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(coefficients)][1:]
        coefficients = [0.0] * (len(slope) + 2)
        for k, c in enumerate(slope):
            coefficients[k] -= math.pi * c
            coefficients[k + 2] -= math.pi * c
    out = xp.zeros_like(cot)
    for c in reversed(coefficients):
        out = out * cot + c
    return out


def igamma(xp: Any, a: Array, x: Array, *, upper: bool) -> Array:
    """The regularized incomplete gamma function P(a, x), or Q = 1 - P if `upper`.

    Raises    ArgumentError where neither series nor fraction has settled, for a or x beyond some millions
    """
    good = (a > 0) & (x > 0) & xp.isfinite(a) & xp.isfinite(x)
    a_in, x_in = xp.where(good, a, 1.0), xp.where(good, x, 1.0)
    below = x_in < a_in + 1.0
    scale = _gamma_density(xp, a_in, x_in)
    lower_part = scale * _lower_series(xp, a_in, xp.where(below, x_in, 0.5 * a_in))
    upper_part = scale * _upper_fraction(xp, a_in, xp.where(below, a_in + 1.0, x_in))
    p = xp.where(below, lower_part, 1.0 - upper_part)
    q = xp.where(below, 1.0 - lower_part, upper_part)
    p = _igamma_edges(xp, a, x, good, p)
    return _igamma_upper_edges(xp, p, good, q) if upper else p


def _igamma_edges(xp: Any, a: Array, x: Array, good: Array, p: Array) -> Array:
    """Where an argument is 0, infinite or not allowed; as torch's igamma."""
    bad = (x < 0) | (a < 0) | xp.isnan(a) | xp.isnan(x)
    bad = bad | ((a == 0) & (x == 0)) | (xp.isinf(a) & xp.isinf(x))
    edge = xp.where((x == 0) | xp.isinf(a), 0.0, 1.0)
    return xp.where(bad, xp.nan, xp.where(good, p, edge))


def _igamma_upper_edges(xp: Any, p: Array, good: Array, q: Array) -> Array:
    return xp.where(good, q, 1.0 - p)


def _gamma_density(xp: Any, a: Array, x: Array) -> Array:
    """x^a e^-x / Gamma(a), without the cancellation of its parts where a is large."""
    far = a >= _FAR
    large = xp.where(far, a, _FAR * 1.0)
    off = (x - large) / large
    swing = xp.where(xp.absolute(off) < 0.5, _log1p_minus(xp, off), xp.log(x / large) - off)
    stirling = large * swing + 0.5 * xp.log(large) - _HALF_LOG_TWO_PI - _stirling_rest(xp, large)
    small = xp.where(far, 1.0, a)
    return xp.where(far, xp.exp(stirling), xp.exp(small * xp.log(x) - x - lgamma(xp, small)))


def _log1p_minus(xp: Any, u: Array) -> Array:
    """ln(1 + u) - u; its series where they nearly cancel."""
    series, power = xp.zeros_like(u), u * u
    for k in range(2, 22):
        series = series - (-1.0) ** k * power / k
        power = power * u
    return xp.where(xp.absolute(u) < 0.1, series, xp.log1p(xp.maximum(u, -0.9)) - u)


def _lower_series(xp: Any, a: Array, x: Array) -> Array:
    """sum over k of x^k / (a (a+1) ... (a+k)), for x < a + 1."""
    term = 1.0 / a
    total = term
    for k in range(1, _STEPS):
        term = term * x / (a + k)
        total = total + term
        if bool((term <= 1e-17 * total).all()):
            return total
    raise ArgumentError("igamma: the series has not settled; input is too large")


def _upper_fraction(xp: Any, a: Array, x: Array) -> Array:
    """The continued fraction of Gamma(a, x) x^-a e^x, for x >= a + 1, by Lentz's method."""
    b = x + 1.0 - a
    c, d = xp.full_like(b, 1e300), 1.0 / b
    found = d
    for k in range(1, _STEPS):
        an = -k * (k - a)
        b = b + 2.0
        d = 1.0 / _not_zero(xp, an * d + b)
        c = _not_zero(xp, b + an / c)
        step = c * d
        found = found * step
        if bool((xp.absolute(step - 1.0) < 1e-15).all()):
            return found
    raise ArgumentError("igamma: the continued fraction has not settled; other is too large")


def _not_zero(xp: Any, x: Array) -> Array:
    return xp.where(xp.absolute(x) < 1e-300, 1e-300, x)
