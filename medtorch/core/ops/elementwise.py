"""One tensor, number by number.

Every class has Shapes `x -> y: same shape` and the semantics of torch's function of its name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from medtorch.core.ops.activation_grad import input_grad, is_one_kernel
from medtorch.core.ops.op import Array, Op, Tangents, require
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.ops.arithmetic import Number
    from medtorch.core.tensor import Tensor


class Unary(Op):
    """Keeps the dtype. Raises DtypeError for bool."""

    tangents: ClassVar[Tangents] = "diagonal"

    def check(self, x: Spec) -> Spec:
        require(x.dtype.category > 0, DtypeError, self, "does not take bool", input=x)
        return x


class FloatUnary(Op):
    """Whole numbers become floating ones first."""

    tangents = "diagonal"

    promotes = "float"

    def check(self, x: Spec) -> Spec:
        return x


class Neg(Unary):
    """Math      y = -x"""

    tangents = "linear"
    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.neg(x)

    def vjp(self, dy: Tensor) -> Tensor:
        return -dy


class Abs(Unary):
    """Math      y = |x|;  dx = sign(x) dy, 0 at 0; of complex x, dx = x / |x| dy"""

    takes_complex = True

    def check(self, x: Spec) -> Spec:
        return x.with_dtype(x.dtype.parts)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.abs(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * x.sgn()


class Exp(FloatUnary):
    """Math      y = e^x;  dx = y dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.exp(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * y.conj()


class Exp2(FloatUnary):
    """Math      y = 2^x;  dx = ln(2) y dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.exp2(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * y.conj() * math.log(2)


class Expm1(FloatUnary):
    """Math      y = e^x - 1;  dx = (y + 1) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.expm1(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * (y + 1)


class Log(FloatUnary):
    """Math      y = ln x;  dx = dy / x"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.log(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy / x.conj()


class Log2(FloatUnary):
    """Math      y = log2 x;  dx = dy / (x ln 2)"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.log2(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy / (x.conj() * math.log(2))


class Log10(FloatUnary):
    """Math      y = log10 x;  dx = dy / (x ln 10)"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.log10(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy / (x.conj() * math.log(10))


class Log1p(FloatUnary):
    """Math      y = ln(1 + x);  dx = dy / (1 + x)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.log1p(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy / (x + 1)


class Sqrt(FloatUnary):
    """Math      y = sqrt x;  dx = dy / (2 y)"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sqrt(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy / (2 * y.conj())


class Rsqrt(FloatUnary):
    """Math      y = 1 / sqrt x;  dx = -y^3 dy / 2"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.rsqrt(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * (-0.5 * (y * y * y)).conj()


class Reciprocal(FloatUnary):
    """Math      y = 1 / x;  dx = -y^2 dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.reciprocal(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return -dy * (y * y).conj()


class Sin(FloatUnary):
    """Math      y = sin x;  dx = cos(x) dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sin(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * x.conj().cos()


class Cos(FloatUnary):
    """Math      y = cos x;  dx = -sin(x) dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.cos(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return -dy * x.conj().sin()


class Tan(FloatUnary):
    """Math      y = tan x;  dx = (1 + y^2) dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.tan(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * (y * y + 1).conj()


class Asin(FloatUnary):
    """Math      y = asin x;  dx = dy / sqrt(1 - x^2)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.asin(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * (1 - x * x).rsqrt()


class Acos(FloatUnary):
    """Math      y = acos x;  dx = -dy / sqrt(1 - x^2)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.acos(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return -dy * (1 - x * x).rsqrt()


class Atan(FloatUnary):
    """Math      y = atan x;  dx = dy / (1 + x^2)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.atan(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy / (x * x + 1)


class Sinh(FloatUnary):
    """Math      y = sinh x;  dx = cosh(x) dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sinh(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * x.conj().cosh()


class Cosh(FloatUnary):
    """Math      y = cosh x;  dx = sinh(x) dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.cosh(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * x.conj().sinh()


class Tanh(FloatUnary):
    """Math      y = tanh x;  dx = (1 - y^2) dy"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.tanh(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return input_grad("tanh", dy, y) if is_one_kernel(dy, y) else dy * (1 - y * y).conj()


class Sigmoid(FloatUnary):
    """Math      y = 1 / (1 + e^-x);  dx = y (1 - y) dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sigmoid(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return input_grad("sigmoid", dy, y) if is_one_kernel(dy, y) else dy * (y * (1 - y))


class Erf(FloatUnary):
    """Math      y = 2/sqrt(pi) integral of e^-t^2 from 0 to x;  dx = 2/sqrt(pi) e^-x^2 dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.erf(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * ((-x * x).exp() * (2 / math.sqrt(math.pi)))


class Erfc(FloatUnary):
    """Math      y = 1 - erf(x), without cancellation;  dx = -2/sqrt(pi) e^-x^2 dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.erfc(x)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy * ((-x * x).exp() * (-2 / math.sqrt(math.pi)))


class Erfinv(FloatUnary):
    """Math      erf(y) = x;  dx = sqrt(pi)/2 e^y^2 dy"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.erfinv(x)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return dy * ((y * y).exp() * (math.sqrt(math.pi) / 2))


class Relu(Unary):
    """Math      y = max(x, 0), NaN stays;  dx = dy where y > 0, else 0"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.relu(x)

    def write(self, kernels: Kernels, out: Array, x: Array) -> Array:
        return kernels.activate(x, "relu", 0.0, out)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        return input_grad("relu", dy, y) if is_one_kernel(dy, y) else dy.masked_fill(y <= 0, 0.0)


class _Step(Op):
    """A step function: its gradient is zero wherever it exists."""

    def check(self, x: Spec) -> Spec:
        require(x.dtype.category > 0, DtypeError, self, "does not take bool", input=x)
        return x

    def vjp(self, dy: Tensor) -> Tensor:
        return dy.new_zeros(dy.shape)


class Floor(_Step):
    """Math      y = the largest whole number not above x"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.floor(x)


class Ceil(_Step):
    """Math      y = the smallest whole number not below x"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.ceil(x)


class Trunc(_Step):
    """Math      y = x without its fraction"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.trunc(x)


class Sign(_Step):
    """Math      y = -1, 0 or 1"""

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sign(x)


class Round(_Step):
    """Math      y = the nearest number with `decimals` decimals, the even one of two"""

    decimals: int = 0

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.round(x, self.decimals)


class Frac(Op):
    """Math      y = x - trunc(x);  dx = dy"""

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "takes floating-point numbers", input=x)
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sub(x, kernels.trunc(x))

    def vjp(self, dy: Tensor) -> Tensor:
        return dy


class Clamp(Op):
    """Math      y = min(max(x, low), high);  dx = dy where low <= x <= high (NaN included), else 0"""

    low: Number | None
    high: Number | None
    promotes = "none"

    def check(self, x: Spec) -> Spec:
        require(x.dtype.category > 0, DtypeError, self, "does not take bool", input=x)
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.clamp(x, self.low, self.high)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        if self.low is not None:
            dy = dy.masked_fill(x < self.low, 0.0)
        return dy if self.high is None else dy.masked_fill(x > self.high, 0.0)


class NanToNum(Op):
    """Math      y = x, with numbers in place of NaN, +inf, -inf;  dx = dy where x is finite, else 0"""

    nan: float
    posinf: float | None
    neginf: float | None

    def check(self, x: Spec) -> Spec:
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.nan_to_num(x, self.nan, self.posinf, self.neginf)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return dy.masked_fill(~x.isfinite(), 0.0)


def neg(input: Tensor) -> Tensor:
    """-input."""
    return Neg()(input)  # type: ignore[no-any-return]


def positive(input: Tensor) -> Tensor:
    """input itself. Raises DtypeError for bool."""
    require(input.dtype.category > 0, DtypeError, "positive", "does not take bool", input=input.spec)
    return input


def abs(input: Tensor) -> Tensor:
    """The absolute value."""
    return Abs()(input)  # type: ignore[no-any-return]


def exp(input: Tensor) -> Tensor:
    """e to the power of input."""
    return Exp()(input)  # type: ignore[no-any-return]


def exp2(input: Tensor) -> Tensor:
    """2 to the power of input."""
    return Exp2()(input)  # type: ignore[no-any-return]


def expm1(input: Tensor) -> Tensor:
    """exp(input) - 1, exact near 0."""
    return Expm1()(input)  # type: ignore[no-any-return]


def log(input: Tensor) -> Tensor:
    """The natural logarithm."""
    return Log()(input)  # type: ignore[no-any-return]


def log2(input: Tensor) -> Tensor:
    """The logarithm to base 2."""
    return Log2()(input)  # type: ignore[no-any-return]


def log10(input: Tensor) -> Tensor:
    """The logarithm to base 10."""
    return Log10()(input)  # type: ignore[no-any-return]


def log1p(input: Tensor) -> Tensor:
    """log(1 + input), exact near 0."""
    return Log1p()(input)  # type: ignore[no-any-return]


def sqrt(input: Tensor) -> Tensor:
    """The square root."""
    return Sqrt()(input)  # type: ignore[no-any-return]


def rsqrt(input: Tensor) -> Tensor:
    """One over the square root."""
    return Rsqrt()(input)  # type: ignore[no-any-return]


def square(input: Tensor) -> Tensor:
    """input times itself; bool counts as 0 and 1."""
    number = input.long() if input.dtype.category == 0 else input
    return number * number


def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return Reciprocal()(input)  # type: ignore[no-any-return]


def sin(input: Tensor) -> Tensor:
    """The sine of an angle in radians."""
    return Sin()(input)  # type: ignore[no-any-return]


def cos(input: Tensor) -> Tensor:
    """The cosine of an angle in radians."""
    return Cos()(input)  # type: ignore[no-any-return]


def tan(input: Tensor) -> Tensor:
    """The tangent of an angle in radians."""
    return Tan()(input)  # type: ignore[no-any-return]


def asin(input: Tensor) -> Tensor:
    """The angle whose sine is input."""
    return Asin()(input)  # type: ignore[no-any-return]


def acos(input: Tensor) -> Tensor:
    """The angle whose cosine is input."""
    return Acos()(input)  # type: ignore[no-any-return]


def atan(input: Tensor) -> Tensor:
    """The angle whose tangent is input."""
    return Atan()(input)  # type: ignore[no-any-return]


def sinh(input: Tensor) -> Tensor:
    """The hyperbolic sine."""
    return Sinh()(input)  # type: ignore[no-any-return]


def cosh(input: Tensor) -> Tensor:
    """The hyperbolic cosine."""
    return Cosh()(input)  # type: ignore[no-any-return]


def tanh(input: Tensor) -> Tensor:
    """The hyperbolic tangent."""
    return Tanh()(input)  # type: ignore[no-any-return]


def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input))."""
    return Sigmoid()(input)  # type: ignore[no-any-return]


def erf(input: Tensor) -> Tensor:
    """The error function."""
    return Erf()(input)  # type: ignore[no-any-return]


def erfc(input: Tensor) -> Tensor:
    """1 - erf(input)."""
    return Erfc()(input)  # type: ignore[no-any-return]


def erfinv(input: Tensor) -> Tensor:
    """The inverse of erf."""
    return Erfinv()(input)  # type: ignore[no-any-return]


def floor(input: Tensor) -> Tensor:
    """Rounded down."""
    return Floor()(input)  # type: ignore[no-any-return]


def ceil(input: Tensor) -> Tensor:
    """Rounded up."""
    return Ceil()(input)  # type: ignore[no-any-return]


def trunc(input: Tensor) -> Tensor:
    """Rounded towards zero."""
    return Trunc()(input)  # type: ignore[no-any-return]


def frac(input: Tensor) -> Tensor:
    """The fraction, with the sign of input."""
    return Frac()(input)  # type: ignore[no-any-return]


def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """Rounded to the nearest, halves to even."""
    return Round(decimals)(input)  # type: ignore[no-any-return]


def sign(input: Tensor) -> Tensor:
    """-1, 0 or 1."""
    return Sign()(input)  # type: ignore[no-any-return]


def relu(input: Tensor) -> Tensor:
    """max(input, 0)."""
    return Relu()(input)  # type: ignore[no-any-return]


def clamp(input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
    """Between `min` and `max`; where min > max, max.

    Raises    ArgumentError if both are None
    """
    if min is None and max is None:
        raise ArgumentError("clamp: min or max must be given")
    if hasattr(min, "_run") or hasattr(max, "_run"):
        return _clamp_between(input, min, max)
    bounds = [b for b in (min, max) if b is not None]
    if any(isinstance(b, float) for b in bounds) and not input.dtype.is_floating_point:
        input = input + 0.0
    return Clamp(min, max)(input)  # type: ignore[no-any-return]


def _clamp_between(input: Tensor, low: Tensor | Number | None, high: Tensor | Number | None) -> Tensor:
    """Bounds that are tensors: the gradient goes to whichever of the three is the answer, first to input."""
    out = input
    if low is not None:
        out = out.where(~(out < low), low)
    if high is not None:
        out = out.where(~(out > high), high)
    for bound in (low, high):  # a NaN bound makes the answer NaN, as in torch
        if hasattr(bound, "_run") and bound.dtype.is_floating_point:  # type: ignore[union-attr]
            out = out.where(bound == bound, bound)  # type: ignore[arg-type]
    return out


def clamp_min(input: Tensor, min: Tensor | Number) -> Tensor:
    """Not below `min`."""
    return clamp(input, min=min)


def clamp_max(input: Tensor, max: Tensor | Number) -> Tensor:
    """Not above `max`."""
    return clamp(input, max=max)


def nan_to_num(input: Tensor, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Tensor:
    """Numbers in place of NaN and the infinities (by default the dtype's largest)."""
    return NanToNum(0.0 if nan is None else nan, posinf, neginf)(input)  # type: ignore[no-any-return]
