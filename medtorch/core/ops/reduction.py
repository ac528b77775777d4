"""Many numbers to one along dims: sums, products, truth, counts.

`dim` is an int, several, or None (or an empty tuple) for all. Extremes stand in extremes.py, norms in moments.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core import dtypes
from medtorch.core.autocasting import wide
from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.shape import cat, stack
from medtorch.core.shapes import normalize_dim, normalize_dims, reduced_shape
from medtorch.core.spec import Spec, describe
from medtorch.errors import DimError, DtypeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Dim = int | Sequence[int] | None


def dims_of(op: Op | str, dim: Dim, x: Spec) -> tuple[int, ...]:
    """`dim` counted from the front; all dims for None and (). A 0-d input has dim 0 and -1, which reduce nothing."""
    name = op if isinstance(op, str) else op.name
    try:
        found = normalize_dims(
            None if dim is None or (not isinstance(dim, int) and not len(dim)) else dim, x.ndim, op=name
        )
    except DimError as wrong:
        raise DimError(f"{wrong}{describe(input=x)}") from None
    return found if x.ndim else ()


def dim_of(op: Op | str, dim: int, x: Spec) -> int:
    """One dim counted from the front; 0 for a 0-d input."""
    try:
        return normalize_dim(dim, x.ndim, op=op if isinstance(op, str) else op.name)
    except DimError as wrong:
        raise DimError(f"{wrong}{describe(input=x)}") from None


def stretched(y: Tensor, spec: Spec, dims: tuple[int, ...]) -> Tensor:
    """A result of a reduction over `dims`, kept or not, laid over the shape it came from."""
    return y.reshape(reduced_shape(spec.shape, dims, keepdim=True)).expand(spec.shape)


class Reduction(Op):
    """Over `dim`, which stays with size 1 if `keepdim`."""

    dim: Dim = None
    keepdim: bool = False

    def check(self, x: Spec) -> Spec:
        return x.with_shape(reduced_shape(x.shape, dims_of(self, self.dim, x), keepdim=self.keepdim))

    def dims(self, x: Array) -> tuple[int, ...]:
        dim = self.dim
        return normalize_dims(None if not x.ndim or dim is None or dim == () else dim, x.ndim, op=self.name)


class Sum(Reduction):
    """Math      y = sum x;  dx = dy everywhere"""

    tangents = "linear"
    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.sum(x, self.dims(x), self.keepdim)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        return stretched(dy, x_spec, dims_of(self, self.dim, x_spec))


class Mean(Reduction):
    """Math      y = (sum x) / n, NaN for n = 0;  dx = dy / n"""

    tangents = "linear"
    takes_complex = True

    def check(self, x: Spec) -> Spec:
        require(
            x.dtype.is_differentiable, DtypeError, self, "takes floating-point numbers; choose one with dtype=", input=x
        )
        return super().check(x)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.mean(x, self.dims(x), self.keepdim)

    def vjp(self, dy: Tensor, x_spec: Spec) -> Tensor:
        dims = dims_of(self, self.dim, x_spec)
        return stretched(dy, x_spec, dims) / max(1, math.prod(x_spec.shape[d] for d in dims))


class Prod(Reduction):
    """Math      y = prod x, 1 for no number;  dx_i = dy prod of the other x, exact where some are zero"""

    takes_complex = True

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.prod(x, self.dims(x), self.keepdim)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        dims = dims_of(self, self.dim, x.spec)
        if len(dims) == 1:
            others = products_of_others(x.movedim(dims[0], -1)).movedim(-1, dims[0])
        else:
            others = products_of_others(x.reshape(-1)).reshape(x.shape)
        return stretched(dy, x.spec, dims) * others.conj()


def products_of_others(x: Tensor) -> Tensor:
    """For each number the product of the others along the last dim, by a tree of pairs: no division, zeros are fine."""
    count = x.shape[-1]
    if count <= 1:
        return x.new_ones(x.shape)
    even, odd = x[..., 0::2], x[..., 1::2]
    if count % 2:
        odd = cat([odd, x.new_ones((*x.shape[:-1], 1))], -1)
    above = products_of_others(even * odd)
    return stack([above * odd, above * even], -1).flatten(-2)[..., :count]


class _Truth(Reduction):
    """Zero is false, everything else (NaN too) is true. bool for all dtypes but uint8, which stays."""

    takes_complex = True

    def check(self, x: Spec) -> Spec:
        out = super().check(x)
        return out if x.dtype is dtypes.uint8 else out.with_dtype(dtypes.bool_)


class Any(_Truth):
    """Math      y = whether some x is not zero; false for none"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.any(x, self.dims(x), self.keepdim)


class All(_Truth):
    """Math      y = whether no x is zero; true for none"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.all(x, self.dims(x), self.keepdim)


class CountNonzero(Op):
    """Math      y = number of x != 0"""

    takes_complex = True

    dim: Dim = None

    def check(self, x: Spec) -> Spec:
        return Spec(reduced_shape(x.shape, dims_of(self, self.dim, x), keepdim=False), dtypes.int64, x.device)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.count_nonzero(x, Reduction(self.dim).dims(x))


def _summable(input: Tensor, dtype: Dtype | None) -> Tensor:
    """Whole numbers and bools are summed in int64 unless a dtype is asked for."""
    if dtype is not None:
        return input.to(dtype)
    return input if input.dtype.is_differentiable else input.to(dtypes.int64)


def sum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Tensor:
    """The sum over `dim`.

    Raises    DimError
    Source    semantics of torch.sum
    """
    return Sum(frozen(dim), keepdim)(_summable(input, dtype))  # type: ignore[no-any-return]


def mean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Tensor:
    """The mean over `dim`; NaN of no number.

    Raises    DimError; DtypeError for whole numbers without `dtype`
    Source    semantics of torch.mean
    """
    return Mean(frozen(dim), keepdim)(input if dtype is None else input.to(dtype))  # type: ignore[no-any-return]


@wide
def prod(input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Tensor:
    """The product over `dim`, or of all.

    Raises    DimError
    Source    semantics of torch.prod
    """
    return Prod(dim, keepdim)(_summable(input, dtype))  # type: ignore[no-any-return]


def nansum(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Tensor:
    """The sum over `dim`, NaN counting as 0.

    Source    semantics of torch.nansum
    """
    return sum(
        input.masked_fill(input != input, 0) if input.dtype.is_differentiable else input, dim, keepdim, dtype=dtype
    )


def nanmean(input: Tensor, dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None) -> Tensor:
    """The mean over `dim` of what is not NaN; NaN of no number.

    Raises    DtypeError for whole numbers
    Source    semantics of torch.nanmean
    """
    require(input.dtype.is_floating_point, DtypeError, "nanmean", "takes floating-point numbers", input=input.spec)
    return nansum(input, dim, keepdim, dtype=dtype) / sum(input == input, dim, keepdim)


def any(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether some number along `dim` is not zero.

    Source    semantics of torch.any
    """
    return _truth(Any(frozen(dim), keepdim)(input), input)


def all(input: Tensor, dim: Dim = None, keepdim: bool = False) -> Tensor:
    """Whether no number along `dim` is zero.

    Source    semantics of torch.all
    """
    return _truth(All(frozen(dim), keepdim)(input), input)


def _truth(found: Tensor, input: Tensor) -> Tensor:
    return found.to(dtypes.uint8) if input.dtype is dtypes.uint8 else found


def count_nonzero(input: Tensor, dim: Dim = None) -> Tensor:
    """How many numbers along `dim` are not zero.

    Source    semantics of torch.count_nonzero
    """
    return CountNonzero(frozen(dim))(input)  # type: ignore[no-any-return]


def frozen(dim: Dim) -> Dim:
    """`dim` as a field of a frozen op."""
    return dim if dim is None or isinstance(dim, int) else tuple(dim)
