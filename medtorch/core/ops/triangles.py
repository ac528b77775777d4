"""Diagonals and triangles of matrices: of the last two dims, or of vectors laid out as matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.reduction import dim_of
from medtorch.core.ops.shape import Diagonal, Scattered
from medtorch.core.spec import Spec
from medtorch.errors import DimError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Triangle(Op):
    """One triangle of every matrix, the rest zero.

    Math      y_ij = x_ij if j - i >= diagonal (upper) or <= diagonal (lower), else 0;  dx the same of dy
    """

    tangents = "linear"
    takes_complex = True

    diagonal: int
    upper: bool

    def check(self, x: Spec) -> Spec:
        require(x.ndim >= 2, ShapeError, "triu" if self.upper else "tril", "needs at least 2 dims", input=x)
        return x

    def forward(self, kernels: Kernels, x: Array) -> Array:
        return kernels.triangle(x, self.diagonal, self.upper)

    def vjp(self, dy: Tensor) -> Tensor:
        return self(dy)  # type: ignore[no-any-return]


def tril(input: Tensor, diagonal: int = 0) -> Tensor:
    """The lower triangle, up to and with a diagonal.

    Source    semantics of torch.tril
    """
    return Triangle(diagonal, upper=False)(input)  # type: ignore[no-any-return]


def triu(input: Tensor, diagonal: int = 0) -> Tensor:
    """The upper triangle, from a diagonal on.

    Source    semantics of torch.triu
    """
    return Triangle(diagonal, upper=True)(input)  # type: ignore[no-any-return]


def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, or the matrix with a vector on its diagonal.

    Source    semantics of torch.diag
    """
    require(input.ndim in (1, 2), ShapeError, "diag", "takes 1 or 2 dims", input=input.spec)
    return diag_embed(input, diagonal) if input.ndim == 1 else input.diagonal(diagonal).clone()


def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices with the last dim on a diagonal of the new dims `dim1`, `dim2`, zero elsewhere.

    Source    semantics of torch.diag_embed
    """
    require(input.ndim > 0, ShapeError, "diag_embed", "needs at least 1 dim", input=input.spec)
    ndim = input.ndim + 1
    grown = input.spec.with_shape((0,) * ndim)
    first, second = (dim_of("diag_embed", d, grown) for d in (dim1, dim2))
    require(first != second, DimError, "diag_embed", f"the two dims are one and the same ({first})", input=input.spec)
    size = input.shape[-1] + abs(offset)
    rest = iter(input.shape[:-1])
    shape = tuple(size if d in (first, second) else next(rest) for d in range(ndim))
    return Scattered(Diagonal(offset, first, second), shape)(input)  # type: ignore[no-any-return]


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all numbers of input on a diagonal.

    Source    semantics of torch.diagflat
    """
    return diag_embed(input.reshape(-1), offset)


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """`input` with src written on a diagonal.

    Source    semantics of torch.diagonal_scatter
    """
    out = input.clone()
    part = out.diagonal(offset, dim1, dim2)
    _same_shape("diagonal_scatter", part, src, input)
    part.copy_(src)
    return out


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """`input` with src written at one place along `dim`.

    Source    semantics of torch.select_scatter
    """
    out = input.clone()
    part = out.select(dim, index)
    _same_shape("select_scatter", part, src, input)
    part.copy_(src)
    return out


def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """`input` with src written at a slice along `dim`.

    Source    semantics of torch.slice_scatter
    """
    out = input.clone()
    place = dim_of("slice_scatter", dim, input.spec)
    part = out[(slice(None),) * place + (slice(start, end, step),)]
    _same_shape("slice_scatter", part, src, input)
    part.copy_(src)
    return out


def _same_shape(name: str, part: Tensor, src: Tensor, input: Tensor) -> None:
    require(
        part.shape == src.shape,
        ShapeError,
        name,
        f"src must have the shape {tuple(part.shape)}",
        input=input.spec,
        src=src.spec,
    )
