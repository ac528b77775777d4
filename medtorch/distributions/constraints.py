"""What parameters and values of distributions may be.

Source    semantics of torch.distributions.constraints
Requires  REQ-F-RND-001
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from medtorch.core.dtypes import bool_
from medtorch.core.ops.linalg import slogdet
from medtorch.core.tensor import Tensor


@dataclass(frozen=True)
class Constraint:
    """A set of values, over the last `event_dim` dims of a tensor."""

    text: str
    event_dim: int = 0
    is_discrete: bool = False

    def check(self, value: Tensor) -> Tensor:
        """Whether each value (each event) belongs to the set."""
        return value == value

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _Interval(Constraint):
    low: Any = -math.inf
    high: Any = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False

    def check(self, value: Tensor) -> Tensor:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        inside: Tensor = above & below
        return inside & (value % 1 == 0) if self.whole else inside


@dataclass(frozen=True)
class _Simplex(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


@dataclass(frozen=True)
class _OneHot(Constraint):
    def check(self, value: Tensor) -> Tensor:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


@dataclass(frozen=True)
class _LowerCholesky(Constraint):
    def check(self, value: Tensor) -> Tensor:
        lower = (value.tril() == value).flatten(-2).all(-1)
        return lower & (value.diagonal(0, -2, -1) > 0).all(-1)


@dataclass(frozen=True)
class _PositiveDefinite(Constraint):
    def check(self, value: Tensor) -> Tensor:
        close = ((value - value.mT).abs() <= 1e-6).flatten(-2).all(-1)
        minors = [slogdet(value[..., :n, :n])[0] > 0 for n in range(1, value.shape[-1] + 1)]
        for positive in minors:
            close = close & positive
        return close  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Independent(Constraint):
    base: Constraint | None = None
    dims: int = 0

    def check(self, value: Tensor) -> Tensor:
        found = value.new_ones((), dtype=bool_) if self.base is None else self.base.check(value)
        return found.flatten(-self.dims).all(-1) if self.dims > 1 else found.all(-1) if self.dims else found


def interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Numbers from one bound to the other."""
    return _Interval("a number of the interval", low=lower_bound, high=upper_bound)


def half_open_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Numbers from one bound up to, without, the other."""
    return _Interval("a number of the half-open interval", low=lower_bound, high=upper_bound, open_high=True)


def integer_interval(lower_bound: Any, upper_bound: Any) -> Constraint:
    """Whole numbers from one bound to the other."""
    return _Interval("a whole number of the interval", is_discrete=True, low=lower_bound, high=upper_bound, whole=True)


def greater_than(lower_bound: Any) -> Constraint:
    """Numbers above a bound."""
    return _Interval(f"above {lower_bound}", low=lower_bound, open_low=True)


def greater_than_eq(lower_bound: Any) -> Constraint:
    """Numbers from a bound up."""
    return _Interval(f"at least {lower_bound}", low=lower_bound)


def less_than(upper_bound: Any) -> Constraint:
    """Numbers below a bound."""
    return _Interval(f"below {upper_bound}", high=upper_bound, open_high=True)


def independent(base: Constraint, reinterpreted_batch_ndims: int) -> Constraint:
    """`base`, of all numbers of an event together."""
    dims = reinterpreted_batch_ndims
    return _Independent(str(base), base.event_dim + dims, base.is_discrete, base=base, dims=dims)


real = Constraint("a real number")
real_vector = independent(real, 1)
boolean = _Interval("0 or 1", is_discrete=True, low=0, high=1, whole=True)
nonnegative_integer = _Interval("a whole number from 0 up", is_discrete=True, low=0, whole=True)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = _Interval("a number of [0, 1]", low=0.0, high=1.0)
simplex = _Simplex("a vector of numbers from 0 up that sums to 1", 1)
one_hot = _OneHot("a vector of zeros and one 1", 1, True)
lower_cholesky = _LowerCholesky("a lower triangular matrix with a positive diagonal", 2)
positive_definite = _PositiveDefinite("a positive definite matrix", 2)

__all__ = [
    "Constraint",
    "boolean",
    "greater_than",
    "greater_than_eq",
    "half_open_interval",
    "independent",
    "integer_interval",
    "interval",
    "less_than",
    "lower_cholesky",
    "nonnegative",
    "nonnegative_integer",
    "one_hot",
    "positive",
    "positive_definite",
    "real",
    "real_vector",
    "simplex",
    "unit_interval",
]
