"""Functions of one or two numbers beyond the usual ones: areas, gamma, Bessel, logarithms of sums, sinc.

Every class has Shapes `x -> y: same shape` (two inputs broadcast) and the semantics of torch's function of its name.

Requires  REQ-F-OPS-200
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.ops.arithmetic import Binary, FloatBinary, Grads
from medtorch.core.ops.elementwise import FloatUnary
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.ops.arithmetic import Number
    from medtorch.core.tensor import Tensor


class FloatingPair(Binary):
    """Two inputs that are floating already."""

    def check(self, a: Spec, b: Spec) -> Spec:
        fits = a.dtype.is_floating_point and b.dtype.is_floating_point
        require(fits, DtypeError, self, "takes floating-point numbers", input=a, other=b)
        return super().check(a, b)


class Acosh(FloatUnary):
    """Math      cosh y = x, y >= 0;  dx = dy / sqrt(x^2 - 1)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.acosh(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * (x * x - 1).rsqrt()


class Asinh(FloatUnary):
    """Math      sinh y = x;  dx = dy / sqrt(x^2 + 1)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.asinh(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * (x * x + 1).rsqrt()


class Atanh(FloatUnary):
    """Math      tanh y = x;  dx = dy / (1 - x^2)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.atanh(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy / (1 - x * x)


class Hypot(FloatingPair):
    """Math      y = sqrt(a^2 + b^2);  da = dy a / y;  db = dy b / y"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.hypot(a, b)

    def vjp(self, a: Tensor, b: Tensor, y: Tensor, dy: Tensor) -> Grads:
        return sum_to(dy * (a / y), a.spec), sum_to(dy * (b / y), b.spec)


class Copysign(FloatBinary):
    """Math      y = |a| with the sign of b;  da = dy y / a, 0 where a = 0;  db = 0"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.copysign(a, b)

    def vjp(self, a: Tensor, y: Tensor, b_spec: Spec, dy: Tensor) -> Grads:
        ratio = (a.detach().sign() * y.detach().sign()).masked_fill(a == 0, 0.0)
        return sum_to(dy * ratio, a.spec), dy.new_zeros(b_spec.shape)


class Logaddexp(FloatingPair):
    """Math      y = ln(e^a + e^b);  da = dy / (1 + e^(b - a))"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.logaddexp(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        return sum_to(dy * (a - b).sigmoid(), a.spec), sum_to(dy * (b - a).sigmoid(), b.spec)


class Logaddexp2(FloatingPair):
    """Math      y = log2(2^a + 2^b);  da = dy / (1 + 2^(b - a))"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.logaddexp2(a, b)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        gap = (a - b) * math.log(2)
        return sum_to(dy * gap.sigmoid(), a.spec), sum_to(dy * (-gap).sigmoid(), b.spec)


class Lgamma(FloatUnary):
    """Math      y = ln |Gamma(x)|;  dx = digamma(x) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.lgamma(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * digamma(x)


class Polygamma(FloatUnary):
    """Math      y = the (n+1)-th derivative of ln Gamma at x;  dx = polygamma(n + 1, x) dy"""

    n: int

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.polygamma(x, self.n)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        found: Tensor = dy * Polygamma(self.n + 1)(x)
        return found


class Igamma(FloatingPair):
    """Math      y = P(a, x) (or 1 - P if `upper`);  dx = +- x^(a-1) e^-x / Gamma(a) dy

    Raises    UnsupportedError where the gradient of a is wanted: torch has none either
    """

    upper: bool

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.igamma(a, b, self.upper)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor, needs: tuple[bool, ...]) -> tuple[Tensor | None, Tensor | None]:
        if needs[0]:
            raise UnsupportedError(f"{'igammac' if self.upper else 'igamma'}: the gradient of input is not supported")
        slope = ((a - 1) * b.log() - b - lgamma(a)).exp()
        return None, sum_to(dy * (-slope if self.upper else slope), b.spec)


class BesselI(FloatUnary):
    """Math      y = I_n(x), n the order;  I0' = I1;  In' = (I(n-1) + I(n+1)) / 2"""

    order: int

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.bessel_i(x, self.order)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        above = BesselI(self.order + 1)(x)
        return dy * (above if self.order == 0 else (BesselI(self.order - 1)(x) + above) / 2)  # type: ignore[no-any-return]


class Xlogy(FloatBinary):
    """Math      y = a ln b, 0 where a = 0 (b a number);  da = ln(b) dy, 0 where a = 0, b <= 0;  db = a / b dy"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        with kernels.quiet():
            product = kernels.mul(a, kernels.log(b))
        return kernels.where((a == 0) & (b == b), kernels.zeros((), product.dtype), product)

    def vjp(self, a: Tensor, b: Tensor, dy: Tensor) -> Grads:
        dead = (a == 0) & (b <= 0)
        da = (dy * b.log()).masked_fill(dead.expand(dy.shape), 0.0)
        return sum_to(da, a.spec), sum_to(dy * (a / b), b.spec)


class Sinc(FloatUnary):
    """Math      y = the order-th derivative of sin(pi x) / (pi x), 1 at 0;  dx = the next derivative, times dy"""

    order: int = 0

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sinc(x, self.order)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * Sinc(self.order + 1)(x)  # type: ignore[no-any-return]


class Logit(Op):
    """Math      y = ln(x / (1 - x));  dx = dy / (x (1 - x)), NaN outside [0, 1]"""

    promotes = "float"

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        with kernels.quiet():
            return kernels.sub(kernels.log(x), kernels.log1p(kernels.neg(x)))

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return (dy / (x * (1 - x))).masked_fill((x < 0) | (x > 1), float("nan"))


def acosh(input: Tensor) -> Tensor:
    """The number from 0 up whose hyperbolic cosine is input."""
    return Acosh()(input)  # type: ignore[no-any-return]


def asinh(input: Tensor) -> Tensor:
    """The number whose hyperbolic sine is input."""
    return Asinh()(input)  # type: ignore[no-any-return]


def atanh(input: Tensor) -> Tensor:
    """The number whose hyperbolic tangent is input."""
    return Atanh()(input)  # type: ignore[no-any-return]


def hypot(input: Tensor, other: Tensor) -> Tensor:
    """The long side of a right triangle with the sides input and other."""
    return Hypot()(input, other)  # type: ignore[no-any-return]


def copysign(input: Tensor, other: Tensor | Number) -> Tensor:
    """The size of input with the sign of other, that of zeros included."""
    return Copysign()(input, other)  # type: ignore[no-any-return]


def logaddexp(input: Tensor, other: Tensor) -> Tensor:
    """ln(exp(input) + exp(other)), without overflow."""
    return Logaddexp()(input, other)  # type: ignore[no-any-return]


def logaddexp2(input: Tensor, other: Tensor) -> Tensor:
    """log2(2^input + 2^other), without overflow."""
    return Logaddexp2()(input, other)  # type: ignore[no-any-return]


def lgamma(input: Tensor) -> Tensor:
    """The logarithm of the size of the gamma function."""
    return Lgamma()(input)  # type: ignore[no-any-return]


def digamma(input: Tensor) -> Tensor:
    """The slope of ln Gamma."""
    return Polygamma(0)(input)  # type: ignore[no-any-return]


def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma. Raises ArgumentError for a negative n."""
    if n < 0:
        raise ArgumentError(f"polygamma: n must not be negative, got {n}")
    return Polygamma(n)(input)  # type: ignore[no-any-return]


def polygamma_method(input: Tensor, n: int) -> Tensor:
    """polygamma(n, input), as Tensor's method takes them."""
    return polygamma(n, input)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """The logarithm of the gamma function of p dimensions. Raises ArgumentError for p below 1.

    Math      p (p - 1) / 4 ln pi + sum over j = 0..p-1 of ln Gamma(input - j / 2)
    """
    if p < 1:
        raise ArgumentError(f"mvlgamma: p must be at least 1, got {p}")
    steps = input.unsqueeze(-1) - _halves(input, p)
    return lgamma(steps).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)


def _halves(like: Tensor, count: int) -> Tensor:
    values = [0.5 * j for j in range(count)]
    return like.new_tensor(values) if like.dtype.is_floating_point else (like.new_zeros(()) + 0.0).new_tensor(values)


def igamma(input: Tensor, other: Tensor) -> Tensor:
    """The regularized lower incomplete gamma function P(input, other)."""
    return Igamma(False)(input, other)  # type: ignore[no-any-return]


def igammac(input: Tensor, other: Tensor) -> Tensor:
    """The regularized upper incomplete gamma function 1 - P(input, other)."""
    return Igamma(True)(input, other)  # type: ignore[no-any-return]


def i0(input: Tensor) -> Tensor:
    """The modified Bessel function of the first kind and order 0."""
    return BesselI(0)(input)  # type: ignore[no-any-return]


def sinc(input: Tensor) -> Tensor:
    """sin(pi input) / (pi input), 1 at 0."""
    return Sinc()(input)  # type: ignore[no-any-return]


def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """ln(p / (1 - p)); with `eps`, p is input brought into [eps, 1 - eps] first, else NaN outside [0, 1]."""
    return Logit()(input if eps is None else (input + 0.0).clamp(eps, 1 - eps))  # type: ignore[no-any-return]


def xlogy(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input ln(other), 0 where input is 0 (NaN where other is NaN). One of the two may be a number."""
    return Xlogy()(input, other)  # type: ignore[no-any-return]


def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return input * (math.pi / 180.0)


def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return input * (180.0 / math.pi)


def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input times 2 to the power of other."""
    return input * (2.0**other)


def float_power(input: Tensor | Number, exponent: Tensor | Number) -> Tensor:
    """input to the power of exponent, in float64. Raises ArgumentError if both are numbers."""
    many = [v.double() if hasattr(v, "_run") else float(v) for v in (input, exponent)]  # type: ignore[union-attr]
    require(any(hasattr(v, "_run") for v in many), ArgumentError, "float_power", "needs a tensor among its arguments")
    return many[0] ** many[1]
