"""Running sums, products and extremes along one dim, and differences, which undo the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core import dtypes
from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.ops.gathering import gather
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.reduction import dim_of
from medtorch.core.ops.shape import cat
from medtorch.core.ops.sorting import ValuesIndices
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class _Scan(Op):
    dim: int

    def check(self, x: Spec) -> Spec:
        dim_of(self, self.dim, x)
        return x

    def rows(self, x: Array) -> tuple[Array, int]:
        return (x, self.dim % x.ndim) if x.ndim else (x.reshape(1), 0)


class Cumsum(_Scan):
    """Math      y_i = x_0 + ... + x_i;  dx_i = dy_i + ... + dy_n"""

    tangents = "linear"
    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.cumsum(*self.rows(x)).reshape(x.shape)

    def vjp(self, dy: Tensor) -> Tensor:
        return _from_the_end(dy, self.dim)


def _from_the_end(x: Tensor, dim: int) -> Tensor:
    return Cumsum(dim)(x.flip(dim)).flip(dim) if x.ndim else x


class Cumprod(_Scan):
    """Running products.

    Math      y_i = x_0 ... x_i;  dx_k = x_0 ... x_{k-1} S_k, S_k = dy_k + x_{k+1} S_{k+1}: exact where some are zero
    """

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.cumprod(*self.rows(x)).reshape(x.shape)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        if not x.numel() or not x.ndim:
            return dy
        before = _shifted(y, self.dim, 1, 1.0)
        return before * _recurrence(_shifted(x, self.dim, -1, 0.0), dy, self.dim)


def _shifted(x: Tensor, dim: int, by: int, fill: float) -> Tensor:
    """x moved along `dim` towards its end (by > 0) or its start (by < 0), `fill` where nothing came."""
    size = x.shape[dim]
    if abs(by) >= size:
        return x.new_full(x.shape, fill)
    edge = x.new_full((*x.shape[: dim % x.ndim], abs(by), *x.shape[dim % x.ndim + 1 :]), fill)
    if by > 0:
        return cat([edge, x.narrow(dim, 0, size - by)], dim)
    return cat([x.narrow(dim, -by, size + by), edge], dim)


def _recurrence(a: Tensor, b: Tensor, dim: int) -> Tensor:
    """S with S_k = b_k + a_k S_{k+1}, from the end, in log2(n) doublings."""
    step = 1
    while step < b.shape[dim]:
        b = b + a * _shifted(b, dim, -step, 0.0)
        a = a * _shifted(a, dim, -step, 0.0)
        step *= 2
    return b


class Logcumsumexp(_Scan):
    """Running sums of exponentials, as logarithms.

    Math      y_i = ln(exp x_0 + ... + exp x_i);  dx_k = exp(x_k - y_k) S_k, S_k = dy_k + exp(y_k - y_{k+1}) S_{k+1}
    """

    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "takes floating-point numbers", input=x)
        return super().check(x)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.logcumsumexp(*self.rows(x)).reshape(x.shape)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        if not x.numel() or not x.ndim:
            return dy
        nothing = y == float("-inf")  # all so far are -inf: exp(y_k - y_{k+1}) is 0, not NaN
        decay = (y.masked_fill(nothing, 0.0) - _shifted(y, self.dim, -1, float("inf")).masked_fill(nothing, 0.0)).exp()
        decay = decay.masked_fill(nothing, 0.0)
        share = (x - y.masked_fill(nothing, 0.0)).exp()
        return share * _recurrence(decay, dy, self.dim)


class CumulativePlace(_Scan):
    """Where the largest (smallest) number so far lies: the last of equal ones."""

    largest: bool

    def check(self, x: Spec) -> Spec:
        dim_of("cummax" if self.largest else "cummin", self.dim, x)
        return x.with_dtype(dtypes.int64)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.cumulative_extreme(*self.rows(x), self.largest).reshape(x.shape)


def _summable(input: Tensor, dtype: Dtype | None) -> Tensor:
    if dtype is not None:
        return input.to(dtype)
    return input if input.dtype.is_differentiable else input.to(dtypes.int64)


def cumsum(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> Tensor:
    """Running sums along `dim`.

    Source    semantics of torch.cumsum
    """
    return Cumsum(dim)(_summable(input, dtype))  # type: ignore[no-any-return]


def cumprod(input: Tensor, dim: int, *, dtype: Dtype | None = None) -> Tensor:
    """Running products along `dim`.

    Source    semantics of torch.cumprod
    """
    return Cumprod(dim)(_summable(input, dtype))  # type: ignore[no-any-return]


def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """Logarithms of running sums of exponentials along `dim`, without overflow.

    Source    semantics of torch.logcumsumexp
    """
    return Logcumsumexp(dim)(input)  # type: ignore[no-any-return]


def cummax(input: Tensor, dim: int) -> ValuesIndices:
    """The largest number so far along `dim` as (values, indices).

    Source    semantics of torch.cummax
    """
    indices = CumulativePlace(dim, largest=True)(input)
    return ValuesIndices(gather(input, dim, indices), indices)


def cummin(input: Tensor, dim: int) -> ValuesIndices:
    """The smallest number so far along `dim` as (values, indices).

    Source    semantics of torch.cummin
    """
    indices = CumulativePlace(dim, largest=False)(input)
    return ValuesIndices(gather(input, dim, indices), indices)


def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """Differences of neighbours along `dim`, n times over; of bools whether they differ.

    Source    semantics of torch.diff
    """
    require(input.ndim > 0, ShapeError, "diff", "needs at least 1 dim", input=input.spec)
    place = dim_of("diff", dim, input.spec)
    require(n >= 0, ArgumentError, "diff", f"n must not be negative, got {n}", input=input.spec)
    if n == 0:
        return input
    parts = [part for part in (prepend, input, append) if part is not None]
    out = cat(parts, place) if len(parts) > 1 else input
    for _ in range(min(n, out.shape[place])):
        count = max(0, out.shape[place] - 1)
        later, sooner = out.narrow(place, out.shape[place] - count, count), out.narrow(place, 0, count)
        out = later.logical_xor(sooner) if out.dtype is dtypes.bool_ else later - sooner
    return out


def _steps(name: str, y: Tensor, x: Tensor | None, dx: float | None, dim: int) -> Tensor:
    """The areas of the trapezoids between neighbours along `dim`."""
    if x is not None and dx is not None:
        raise ArgumentError(f"{name}: give x or dx")
    place = dim_of(name, dim, y.spec)
    require(y.ndim > 0, ShapeError, name, "needs at least 1 dim", y=y.spec)
    count = max(0, y.shape[place] - 1)
    both = y.narrow(place, y.shape[place] - count, count) + y.narrow(place, 0, count)
    if x is None:
        return both * (1.0 if dx is None else dx) / 2
    if x.ndim == 1 and y.ndim > 1:
        require(
            x.shape[0] == y.shape[place],
            ShapeError,
            name,
            "x needs one number for each of y along dim",
            y=y.spec,
            x=x.spec,
        )
        width = diff(x).reshape([-1 if d == place else 1 for d in range(y.ndim)])
    else:
        width = diff(x, dim=place - y.ndim)
    return both * width / 2


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The integral along `dim` by the trapezoidal rule.

    Source    semantics of torch.trapezoid
    """
    return _steps("trapezoid", y, x, dx, dim).sum(dim)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The running integral along `dim` by the trapezoidal rule.

    Source    semantics of torch.cumulative_trapezoid
    """
    return _steps("cumulative_trapezoid", y, x, dx, dim).cumsum(dim)
