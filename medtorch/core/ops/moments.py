"""Spread and size of many numbers: variance, standard deviation, norms, log of a sum of exponentials.

Math      var = sum (x - mean x)^2 / (n - correction);  std = sqrt(var);  norm_p = (sum |x|^p)^(1/p)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.dtypes import get_default_dtype
from medtorch.core.ops.op import Array, require
from medtorch.core.ops.reduction import Dim, Reduction, dims_of, frozen, mean, stretched
from medtorch.core.ops.svd import svdvals
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class _Floating(Reduction):
    def check(self, x: Spec) -> Spec:
        require(x.dtype.is_floating_point, DtypeError, self, "takes floating-point numbers", input=x)
        return super().check(x)


class Var(_Floating):
    """Math      dx = 2 dy (x - mean x) / (n - correction)"""

    correction: float = 1.0

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.var(x, self.dims(x), self.correction, self.keepdim)

    def vjp(self, x: Tensor, dy: Tensor) -> Tensor:
        return self.slope(x, dy)

    def slope(self, x: Tensor, dy: Tensor) -> Tensor:
        dims = dims_of(self, self.dim, x.spec)
        degrees = max(0.0, math.prod(x.shape[d] for d in dims) - self.correction)
        around = x - (mean(x, dims, keepdim=True) if dims else x)
        return stretched(dy, x.spec, dims) * (around * 2 / degrees)


class Std(Var):
    """Math      dx = dy (x - mean x) / (y (n - correction)), 0 where y = 0"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.std(x, self.dims(x), self.correction, self.keepdim)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:  # type: ignore[override]
        return self.slope(x, _ratio(dy, y * 2, y))


class VectorNorm(_Floating):
    """Math      y = (sum |x|^p)^(1/p); max |x|, min |x| for p = inf, -inf; number of x != 0 for p = 0

    dx = dy x |x|^(p-2) / y^(p-1), 0 where y = 0; for inf and -inf dy sign(x) in equal parts to all |x| = y
    Source    semantics of torch.linalg.vector_norm
    """

    order: float = 2.0
    name = "norm"

    def check(self, x: Spec) -> Spec:
        out = super().check(x)
        defined = x.numel > 0 or out.numel == 0 or 0 <= self.order < math.inf
        require(defined, ShapeError, self, f"order {self.order} is not defined for no number", input=x)
        return out

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.vector_norm(x, self.order, self.dims(x), self.keepdim)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        p, dims = self.order, dims_of(self, self.dim, x.spec)
        top, up = stretched(y, x.spec, dims), stretched(dy, x.spec, dims)
        if p == 0:
            return x.new_zeros(x.shape)
        if p == 1:
            return x.sign() * up
        if p == 2:
            return x * _ratio(up, top, top)
        if math.isinf(p):
            same = ((x.abs() == top) | (top != top)).to(x.dtype)
            return x.sign() * (same / same.sum(dims, keepdim=True) if dims else same) * up
        steep = (x.sign() * x.abs().pow(p - 1)).masked_fill(x == 0, 0.0) if p < 2 else x * x.abs().pow(p - 2)
        return steep * _ratio(up, top.masked_fill(top == 0, 1.0).pow(p - 1), top)


def _ratio(dy: Tensor, below: Tensor, y: Tensor) -> Tensor:
    """dy / below, 0 where y = 0, in every derivative."""
    return (dy / below.masked_fill(y == 0, 1.0)).masked_fill(y == 0, 0.0)


class Logsumexp(_Floating):
    """Math      y = ln sum exp x, computed around the largest x;  dx = dy exp(x - y)"""

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.logsumexp(x, self.dims(x), self.keepdim)

    def vjp(self, x: Tensor, y: Tensor, dy: Tensor) -> Tensor:
        dims = dims_of(self, self.dim, x.spec)
        return stretched(dy, x.spec, dims) * (x - stretched(y, x.spec, dims)).exp()


def _spread(
    name: str, dim: object, unbiased: bool | None, keepdim: bool, correction: float | None
) -> tuple[Dim, bool, float]:
    """dim, keepdim, correction out of torch's forms: (dim, unbiased, keepdim), (unbiased), (dim, *, correction)."""
    if isinstance(dim, bool):
        if unbiased is not None:
            raise ArgumentError(f"{name}: unbiased is given twice")
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"{name}: unbiased and correction contradict each other; give one")
    found = float(correction) if correction is not None else 1.0 if unbiased is None else float(unbiased)
    return frozen(dim), keepdim, found  # type: ignore[arg-type]


def var(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The variance over `dim`.

    Undefined NaN or inf where n - correction <= 0
    Source    semantics of torch.var
    """
    dims, kept, less = _spread("var", dim, unbiased, keepdim, correction)
    return Var(dims, kept, less)(input)  # type: ignore[no-any-return]


def std(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Tensor:
    """The standard deviation over `dim`; its gradient at 0 is taken as 0.

    Source    semantics of torch.std
    """
    dims, kept, less = _spread("std", dim, unbiased, keepdim, correction)
    return Std(dims, kept, less)(input)  # type: ignore[no-any-return]


def var_mean(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(variance, mean) over `dim`.

    Source    semantics of torch.var_mean
    """
    dims, kept, less = _spread("var_mean", dim, unbiased, keepdim, correction)
    return Var(dims, kept, less)(input), mean(input, dims, kept)


def std_mean(
    input: Tensor,
    dim: Dim | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(standard deviation, mean) over `dim`.

    Source    semantics of torch.std_mean
    """
    dims, kept, less = _spread("std_mean", dim, unbiased, keepdim, correction)
    return Std(dims, kept, less)(input), mean(input, dims, kept)


def norm(
    input: Tensor, p: float | str | None = "fro", dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """The p-norm of the numbers over `dim`; "fro" is p = 2, "nuc" the sum of a matrix's singular values.

    Raises    ArgumentError for another name; ShapeError where "nuc" meets no matrices
    Source    semantics of torch.norm
    """
    if p == "nuc":
        return _nuclear(input if dtype is None else input.to(dtype), dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise ArgumentError(f"norm: unknown norm {p!r}; have 'fro', 'nuc' or a number")
    return vector_norm(input, 2.0 if p is None or isinstance(p, str) else p, dim, keepdim, dtype=dtype)


def _nuclear(x: Tensor, dim: Dim, keepdim: bool) -> Tensor:
    """The sum of the singular values of the matrices in two dims."""
    places = dims_of("norm", dim, x.spec)
    require(len(places) == 2, ShapeError, "norm", "the nuclear norm needs two dims", input=x.spec)
    rows, columns = places if dim is None or isinstance(dim, int) else (d % x.ndim for d in dim)
    out = svdvals(x.movedim((rows, columns), (-2, -1))).sum(-1)
    for place in sorted(places) if keepdim else ():
        out = out.unsqueeze(place)
    return out


def vector_norm(
    input: Tensor, ord: float = 2, dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """(sum |x|^ord)^(1/ord) over `dim`.

    Raises    ShapeError for a negative or infinite order of no number; DtypeError for whole numbers
    Source    semantics of torch.linalg.vector_norm
    """
    x = input if dtype is None else input.to(dtype)
    x = x.abs() if x.dtype.is_complex else x
    return VectorNorm(frozen(dim), keepdim, float(ord))(x)  # type: ignore[no-any-return]


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of input - other.

    Source    semantics of torch.dist
    """
    return vector_norm(input - other, p)


def logsumexp(input: Tensor, dim: Dim, keepdim: bool = False) -> Tensor:
    """ln sum exp over `dim`, without overflow.

    Source    semantics of torch.logsumexp
    """
    floating = input if input.dtype.is_differentiable else input.to(get_default_dtype())
    return Logsumexp(frozen(dim), keepdim)(floating)  # type: ignore[no-any-return]
