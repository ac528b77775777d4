"""Numbers taken apart: signs, fractions and exponents, neighbours, common divisors.

Every class has the semantics of torch's function of its name; two inputs broadcast.

Requires  REQ-F-OPS-201
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from medtorch.core import dtypes
from medtorch.core.ops.arithmetic import Binary
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Fraction(NamedTuple):
    """input = mantissa 2^exponent."""

    mantissa: Tensor
    exponent: Tensor


class _SameDtype(Binary):
    """Nothing is promoted."""

    promotes = "none"

    def check(self, a: Spec, b: Spec) -> Spec:
        require(a.dtype is b.dtype, DtypeError, self, "both need one dtype", input=a, other=b)
        return super().check(a, b)


class Heaviside(_SameDtype):
    """Math      y = 0 where x < 0, 1 where x > 0, the value given where x = 0; 0 where x is NaN"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.heaviside(a, b)


class Nextafter(_SameDtype):
    """Math      y = the number next to a on the way to b;  da = dy;  db = 0"""

    def check(self, a: Spec, b: Spec) -> Spec:
        require(a.dtype.is_floating_point, DtypeError, self, "takes floating-point numbers", input=a, other=b)
        return super().check(a, b)

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.nextafter(a, b)

    def vjp(self, dy: Tensor, a_spec: Spec, b_spec: Spec) -> tuple[Tensor, Tensor]:
        return sum_to(dy, a_spec), dy.new_zeros(b_spec.shape)


class _Whole(Binary):
    def check(self, a: Spec, b: Spec) -> Spec:
        require(a.dtype.category == 1, DtypeError, self, "takes whole numbers", input=a, other=b)
        return super().check(a, b)


class Gcd(_Whole):
    """Math      y = the greatest common divisor, 0 of two zeros"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.gcd(a, b)


class Lcm(_Whole):
    """Math      y = the least common multiple, 0 where a number is 0"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.lcm(a, b)


class Signbit(Op):
    """Math      y = whether the sign is set, -0 included"""

    def check(self, x: Spec) -> Spec:
        return x.with_dtype(dtypes.bool_)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.signbit(x)


class Frexp(Op):
    """Math      x = m 2^e, 1/2 <= |m| < 1;  dx = dm / 2^e"""

    def check(self, x: Spec) -> tuple[Spec, Spec]:
        require(x.dtype.is_floating_point, DtypeError, self, "takes floating-point numbers", input=x)
        return x, x.with_dtype(dtypes.int32)

    def forward(self, kernels: Kernels, x: Array) -> tuple[Array, Array]:
        return kernels.frexp(x)

    def vjp(self, y: tuple[Tensor, Tensor], dy: tuple[Tensor | None, Tensor | None]) -> Tensor | None:
        return None if dy[0] is None else dy[0] / (2.0 ** y[1].to(dy[0].dtype))


def heaviside(input: Tensor, values: Tensor) -> Tensor:
    """The step function, `values` at 0. Raises DtypeError if the dtypes differ."""
    return Heaviside()(input, values)  # type: ignore[no-any-return]


def nextafter(input: Tensor, other: Tensor) -> Tensor:
    """The floating-point number next to input, towards other."""
    return Nextafter()(input, other)  # type: ignore[no-any-return]


def gcd(input: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor of whole numbers."""
    return Gcd()(input, other)  # type: ignore[no-any-return]


def lcm(input: Tensor, other: Tensor) -> Tensor:
    """The least common multiple of whole numbers."""
    return Lcm()(input, other)  # type: ignore[no-any-return]


def signbit(input: Tensor) -> Tensor:
    """Whether the sign bit is set."""
    return Signbit()(input)  # type: ignore[no-any-return]


def frexp(input: Tensor) -> Fraction:
    """Mantissa, of a size in [1/2, 1), and the whole exponent of 2 that goes with it."""
    return Fraction(*Frexp()(input))


def isposinf(input: Tensor) -> Tensor:
    """Whether a number is positive infinity."""
    return input == math.inf


def isneginf(input: Tensor) -> Tensor:
    """Whether a number is negative infinity."""
    return input == -math.inf
