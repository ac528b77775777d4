"""Asking questions of numbers: comparisons, tests, and choosing by the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtorch.core import dtypes
from medtorch.core.ops.arithmetic import Binary
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.promotion import result_type
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.ops.arithmetic import Number
    from medtorch.core.tensor import Tensor


class _Comparison(Binary):
    """Shapes    a, b: broadcastable -> y: bool, the shape both stretch to"""

    def check(self, a: Spec, b: Spec) -> Spec:
        return super().check(a, b).with_dtype(dtypes.bool_)


class Eq(_Comparison):
    """Math      a = b"""

    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.eq(a, b)


class Ne(_Comparison):
    """Math      a != b"""

    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.ne(a, b)


class Lt(_Comparison):
    """Math      a < b"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.lt(a, b)


class Le(_Comparison):
    """Math      a <= b"""

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.le(a, b)


class LogicalAnd(_Comparison):
    """Math      a != 0 and b != 0"""

    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.logical_and(a, b)


class LogicalOr(_Comparison):
    """Math      a != 0 or b != 0"""

    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.logical_or(a, b)


class LogicalXor(_Comparison):
    """Math      one of a, b is not 0"""

    takes_complex = True

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.logical_xor(a, b)


class _Test(Op):
    """Shapes    x -> y: bool, same shape"""

    takes_complex = True

    def check(self, x: Spec) -> Spec:
        return x.with_dtype(dtypes.bool_)


class LogicalNot(_Test):
    """Math      x = 0"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.logical_not(x)


class Isnan(_Test):
    """Math      x is not a number"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.isnan(x)


class Isinf(_Test):
    """Math      x is infinite"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.isinf(x)


class Isfinite(_Test):
    """Math      x is neither infinite nor NaN"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.isfinite(x)


class Where(Op):
    """Choose number by number.

    Math      y = a where condition, else b;  da = dy where condition, else 0;  db = dy where not, else 0
    Shapes    condition: bool; all three broadcastable -> the shape they stretch to
    Raises    DtypeError if condition is not bool; ShapeError
    Source    semantics of torch.where
    """

    takes_complex = True

    def check(self, condition: Spec, a: Spec, b: Spec) -> Spec:
        shown = {"condition": condition, "input": a, "other": b}
        require(condition.dtype is dtypes.bool_, DtypeError, self, "condition must be bool", **shown)
        try:
            return a.with_shape(broadcast_shapes(condition.shape, a.shape, b.shape))
        except ShapeError as clash:
            raise ShapeError(f"where: shapes do not broadcast{describe(**shown)}") from clash

    def forward(self, kernels: Kernels, condition: Array, a: Array, b: Array) -> Array:
        return kernels.where(condition, a, b)

    def vjp(self, condition: Tensor, a_spec: Spec, b_spec: Spec, dy: Tensor, needs: tuple[bool, ...]) -> Any:
        da = sum_to(dy.masked_fill(~condition, 0.0), a_spec) if needs[1] else None
        return None, da, sum_to(dy.masked_fill(condition, 0.0), b_spec) if needs[2] else None


class MaskedFill(Op):
    """A number where the mask is True.

    Math      y = value where mask, else x;  dx = 0 where mask, else dy;  dvalue = sum of dy where mask
    Shapes    x, mask: broadcastable; value: 0-d -> the shape both stretch to
    Raises    DtypeError if mask is not bool; ShapeError
    Source    semantics of torch.masked_fill
    """

    takes_complex = True

    def check(self, x: Spec, mask: Spec, value: Spec) -> Spec:
        shown = {"input": x, "mask": mask, "value": value}
        require(mask.dtype is dtypes.bool_, DtypeError, self, "mask must be bool", **shown)
        require(value.ndim == 0, ShapeError, self, "value must be a number or a 0-d tensor", **shown)
        require(value.dtype.category <= x.dtype.category, DtypeError, self, "value does not go into the dtype", **shown)
        try:
            return x.with_shape(broadcast_shapes(x.shape, mask.shape))
        except ShapeError as clash:
            raise ShapeError(f"masked_fill: shapes do not broadcast{describe(**shown)}") from clash

    def forward(self, kernels: Kernels, x: Array, mask: Array, value: Array) -> Array:
        return kernels.where(mask, value.astype(x.dtype), x)

    def vjp(self, x_spec: Spec, mask: Tensor, value_spec: Spec, dy: Tensor, needs: tuple[bool, ...]) -> Any:
        dx = sum_to(dy.masked_fill(mask, 0.0), x_spec) if needs[0] else None
        dvalue = sum_to(dy.masked_fill(~mask, 0.0), value_spec).to(value_spec.dtype) if needs[2] else None
        return dx, None, dvalue


def eq(input: Tensor, other: Tensor | Number) -> Tensor:
    """input == other."""
    return _compared(Eq(), input, other)  # type: ignore[no-any-return]


def ne(input: Tensor, other: Tensor | Number) -> Tensor:
    """input != other."""
    return _compared(Ne(), input, other)  # type: ignore[no-any-return]


def _compared(op: Op, input: Any, other: Any) -> Any:
    """NotImplemented for what is no number, so that `tensor == None` is plainly False as in torch."""
    if not (hasattr(other, "_run") or isinstance(other, (bool, int, float)) or hasattr(other, "dtype")):
        return NotImplemented
    return op(input, other)


def lt(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input < other."""
    return Lt()(input, other)  # type: ignore[no-any-return]


def le(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input <= other."""
    return Le()(input, other)  # type: ignore[no-any-return]


def gt(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input > other."""
    return Lt()(other, input)  # type: ignore[no-any-return]


def ge(input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """input >= other."""
    return Le()(other, input)  # type: ignore[no-any-return]


def logical_and(input: Tensor, other: Tensor) -> Tensor:
    """Both are not zero."""
    return LogicalAnd()(input, other)  # type: ignore[no-any-return]


def logical_or(input: Tensor, other: Tensor) -> Tensor:
    """One or both are not zero."""
    return LogicalOr()(input, other)  # type: ignore[no-any-return]


def logical_xor(input: Tensor, other: Tensor) -> Tensor:
    """One of the two is not zero."""
    return LogicalXor()(input, other)  # type: ignore[no-any-return]


def logical_not(input: Tensor) -> Tensor:
    """Zero."""
    return LogicalNot()(input)  # type: ignore[no-any-return]


def isnan(input: Tensor) -> Tensor:
    """Not a number."""
    return Isnan()(input)  # type: ignore[no-any-return]


def isinf(input: Tensor) -> Tensor:
    """Infinite."""
    return Isinf()(input)  # type: ignore[no-any-return]


def isfinite(input: Tensor) -> Tensor:
    """Neither infinite nor NaN."""
    return Isfinite()(input)  # type: ignore[no-any-return]


def choose(condition: Tensor, input: Tensor | Number, other: Tensor | Number) -> Tensor:
    """`input` where `condition`, else `other`; the two are promoted to one dtype."""
    wanted = result_type(input, other)
    either: tuple[Any, Any] = (input, other)
    a, b = (v.to(wanted) if hasattr(v, "_run") else condition._scalar(v, wanted) for v in either)
    return Where()(condition, a, b)  # type: ignore[no-any-return]


def where_method(self: Tensor, condition: Tensor, other: Tensor | Number) -> Tensor:
    """This tensor where `condition`, else `other`."""
    return choose(condition, self, other)


def masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor:
    """`value` where `mask`, else `input`."""
    number = value if hasattr(value, "_run") else input._scalar(value, _number_dtype(input, value))
    return MaskedFill()(input, mask, number)  # type: ignore[no-any-return]


def _number_dtype(input: Tensor, value: Any) -> dtypes.dtype:
    """The tensor's own dtype, unless the number's category is higher: then the check will say so."""
    own = dtypes.of_scalar(value)
    fits = own.category <= max(input.dtype.category, 1)  # a bool takes 0 and 1, as in torch
    return input.dtype if fits else own


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol |other|, number by number."""
    if input.dtype is not other.dtype:
        raise DtypeError(f"isclose: dtypes differ{describe(input=input.spec, other=other.spec)}")
    if rtol < 0 or atol < 0:
        raise ArgumentError(f"isclose: rtol and atol must not be negative, got {rtol} and {atol}")
    same = input == other
    if equal_nan and input.dtype.is_differentiable:
        same = same | (input.isnan() & other.isnan())
    a, b = (input.double(), other.double()) if not input.dtype.is_differentiable else (input, other)
    return same | (((a - b).abs() <= atol + rtol * b.abs()) & b.isfinite() & a.isfinite())


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all numbers are close, see `isclose`."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether shapes and all numbers are equal."""
    return input.shape == other.shape and bool((input == other).all().item())
