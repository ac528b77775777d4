"""Linear algebra of square systems, norms of vectors and matrices, products of many matrices.

Singular values are in svd.py, other decompositions in factor.py, what follows from them in least_squares.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core.autocasting import narrow, wide
from medtorch.core.dtypes import bool_, float32, float64
from medtorch.core.dtypes import dtype as Dtype
from medtorch.core.ops.extremes import amax, amin
from medtorch.core.ops.matmul import chain_matmul, matmul, same_dtype
from medtorch.core.ops.moments import vector_norm
from medtorch.core.ops.op import Array, Op, require, sum_to
from medtorch.core.ops.reduction import Dim, dim_of, dims_of
from medtorch.core.ops.shape import broadcast_tensors, stack
from medtorch.core.ops.svd import svdvals
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.spec import Spec, describe
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError, UnsupportedNameError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


def require_square(op: Op | str, a: Spec) -> None:
    """Raise unless `a` holds square matrices of float32 or float64."""
    require(a.ndim >= 2 and a.shape[-1] == a.shape[-2], ShapeError, op, "needs square matrices", A=a)
    require(a.dtype in (float32, float64), DtypeError, op, "takes float32 or float64", A=a)


class Inv(Op):
    """Math      y a = 1;  da = -y^T dy y^T"""

    name = "linalg.inv"

    def check(self, a: Spec) -> Spec:
        require_square(self, a)
        return a

    def forward(self, kernels: Kernels, a: Array) -> Array:
        return kernels.inv(a)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        found: Tensor = -matmul(matmul(y.mT, dy), y.mT)
        return found


class Solve(Op):
    """Math      a y = b;  db = a^-T dy;  da = -db y^T

    Shapes    a: (..., n, n); b: (..., n, k), leading dims broadcastable -> (..., n, k)
    """

    name = "linalg.solve"

    def check(self, a: Spec, b: Spec) -> Spec:
        require_square(self, a)
        same_dtype(self, A=a, B=b)
        fits = b.ndim >= 2 and b.shape[-2] == a.shape[-1]
        require(fits, ShapeError, self, "B must have as many rows as A", A=a, B=b)
        try:
            return b.with_shape((*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]))
        except ShapeError:
            raise ShapeError(f"{self.name}: leading dims do not broadcast{describe(A=a, B=b)}") from None

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return kernels.solve(kernels.expand(a, (*lead, *a.shape[-2:])), kernels.expand(b, (*lead, *b.shape[-2:])))

    def vjp(self, a: Tensor, y: Tensor, b_spec: Spec, dy: Tensor) -> tuple[Tensor, Tensor]:
        db = Solve()(a.mT, dy)
        return sum_to(-matmul(db, y.mT), a.spec), sum_to(db, b_spec)


class Slogdet(Op):
    """Math      sign, ln |det a|;  da = dln a^-T"""

    name = "linalg.slogdet"

    def check(self, a: Spec) -> tuple[Spec, Spec]:
        require_square(self, a)
        return a.with_shape(a.shape[:-2]), a.with_shape(a.shape[:-2])

    def forward(self, kernels: Kernels, a: Array) -> tuple[Array, Array]:
        return kernels.slogdet(a)

    def vjp(self, a: Tensor, dy: tuple[Tensor | None, Tensor | None]) -> Tensor:
        if dy[1] is None:
            return a.new_zeros(a.shape)
        found: Tensor = dy[1].unsqueeze(-1).unsqueeze(-1) * inv(a).mT
        return found


@wide
def inv(A: Tensor) -> Tensor:
    """The inverse of every matrix. Raises ArgumentError for a singular one.

    Source    semantics of torch.linalg.inv
    """
    return Inv()(A)  # type: ignore[no-any-return]


@wide
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B (or X A = B if not `left`); B may hold one vector a matrix.

    Raises    ArgumentError for a singular matrix; ShapeError; DtypeError

    Source    semantics of torch.linalg.solve
    """
    if B.ndim == 1 or (B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]):
        if not left:
            raise ArgumentError("linalg.solve: left=False needs matrices on the right side")
        return Solve()(A, B.unsqueeze(-1)).squeeze(-1)  # type: ignore[no-any-return]
    return Solve()(A, B) if left else Solve()(A.mT, B.mT).mT  # type: ignore[no-any-return]


def slogdet(A: Tensor) -> tuple[Tensor, Tensor]:
    """(sign, logarithm of the size) of the determinant of every matrix.

    Source    semantics of torch.linalg.slogdet
    """
    return Slogdet()(A)  # type: ignore[no-any-return]


def det(A: Tensor) -> Tensor:
    """The determinant of every matrix.

    Undefined the gradient at a singular matrix, which is an ArgumentError
    Source    semantics of torch.linalg.det
    """
    sign, size = Slogdet()(A)
    return sign * size.exp()  # type: ignore[no-any-return]


def logdet(input: Tensor) -> Tensor:
    """ln det; NaN where that is negative, -inf where it is 0.

    Source    semantics of torch.logdet
    """
    sign, size = Slogdet()(input)
    return size.masked_fill(sign < 0, float("nan"))  # type: ignore[no-any-return]


def matrix_power(A: Tensor, n: int) -> Tensor:
    """A times itself, n factors, by squaring; of the inverse for negative n.

    Source    semantics of torch.linalg.matrix_power
    """
    require(
        A.ndim >= 2 and A.shape[-1] == A.shape[-2], ShapeError, "linalg.matrix_power", "needs square matrices", A=A.spec
    )
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        everywhere = A.new_full(A.shape, True, dtype=bool_)
        return A.masked_fill(everywhere, 0.0) + A.new_ones(A.shape[-1]).diag()
    half = matrix_power(A, n // 2) if n > 1 else None
    if half is None:
        return A.clone()
    return matmul(matmul(half, half), A) if n % 2 else matmul(half, half)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """The product of many matrices (a vector may stand first and last), in the cheapest order of brackets.

    Source    semantics of torch.linalg.multi_dot
    """
    many = list(tensors)
    require(len(many) > 1, ArgumentError, "linalg.multi_dot", "needs at least two tensors")
    first, last = many[0].ndim == 1, many[-1].ndim == 1
    many[0] = many[0].unsqueeze(0) if first else many[0]
    many[-1] = many[-1].unsqueeze(1) if last else many[-1]
    gone = tuple(d for d, drop in ((0, first), (1, last)) if drop)
    out = chain_matmul(*many)
    return out.squeeze(gone) if gone else out


@narrow
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Sums of products along one dim.

    Source    semantics of torch.linalg.vecdot
    """
    return (x * y).sum(dim)


def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The vector product along a dim of size 3.

    Source    semantics of torch.linalg.cross
    """
    shown = {"input": input.spec, "other": other.spec}
    require(input.ndim == other.ndim, ShapeError, "linalg.cross", "both need as many dims", **shown)
    place = dim_of("linalg.cross", dim, input.spec)
    fits = input.ndim > 0 and input.shape[place] == other.shape[place] == 3
    require(fits, ShapeError, "linalg.cross", f"dim {place} must have size 3", **shown)
    a, b = (t.unbind(place) for t in broadcast_tensors(input, other))
    return stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], place)


def cross_by_default(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """linalg.cross along `dim`, or along the first dim of size 3.

    Source    semantics of torch.cross
    """
    if dim is None:
        threes = [d for d, size in enumerate(input.shape) if size == 3]
        require(len(threes) > 0, ShapeError, "cross", "no dim has size 3", input=input.spec, other=other.spec)
        dim = threes[0]
    return cross(input, other, dim=dim)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of the last two dims.

    Source    semantics of torch.linalg.diagonal
    """
    return A.diagonal(offset, dim1, dim2)


def matrix_norm(
    A: Tensor,
    ord: float | str = "fro",
    dim: Sequence[int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Dtype | None = None,
) -> Tensor:
    """Norms of matrices: "fro"; 1, -1 (sums down columns); inf, -inf (along rows); of singular values 2, -2, "nuc".

    Raises    ArgumentError for another one
    Source    semantics of torch.linalg.matrix_norm
    """
    x = A if dtype is None else A.to(dtype)
    places = dims_of("linalg.matrix_norm", tuple(dim), x.spec)
    require(len(places) == 2 and x.ndim >= 2, DimError, "linalg.matrix_norm", "needs two dims", A=x.spec)
    if ord == "fro":
        return vector_norm(x, 2, places, keepdim)
    if ord in (2, -2, "nuc"):
        return _spectral_norm(x, ord, places, keepdim)
    if isinstance(ord, str) or abs(ord) not in (1, float("inf")):
        raise ArgumentError(f"linalg.matrix_norm: unknown norm {ord!r}; have 'fro', 'nuc', 1, -1, 2, -2, inf, -inf")
    if not x.numel() and ord > 0 and 0 in (x.shape[places[0]], x.shape[places[1]]):
        return x.sum(places, keepdim=keepdim)  # nothing to add up: 0
    inner, outer = places if abs(ord) == 1 else places[::-1]
    sums = x.abs().sum(inner, keepdim=True)
    found = (amax if ord > 0 else amin)(sums, outer, True)
    return found if keepdim else found.squeeze(places)


def _spectral_norm(x: Tensor, ord: float | str, places: Sequence[int], keepdim: bool) -> Tensor:
    """The largest, the smallest or the sum of the singular values of the matrices in two dims."""
    values = svdvals(x.movedim(tuple(places), (-2, -1)))
    empty = values.shape[-1] == 0 and ord != -2
    found = values.sum(-1) if ord == "nuc" or empty else amax(values, -1) if ord == 2 else amin(values, -1)
    if keepdim:
        for place in sorted(places):
            found = found.unsqueeze(place)
    return found


def norm(
    A: Tensor, ord: float | str | None = None, dim: Dim = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> Tensor:
    """A vector norm over one dim or (without `ord`) over all; a matrix norm over two.

    Source    semantics of torch.linalg.norm
    """
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    pair = dim is not None and not isinstance(dim, int) and len(dim) == 2
    if pair or isinstance(ord, str) or (dim is None and A.ndim == 2):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)  # type: ignore[arg-type]
    require(dim is not None or A.ndim <= 1, DimError, "linalg.norm", "a norm of an order needs 1 or 2 dims", A=A.spec)
    return vector_norm(A, ord, dim, keepdim, dtype=dtype)


_UNSUPPORTED = {
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
}


def refused(name: str) -> Exception:
    """What asking for a name of torch.linalg that is not here raises."""
    if name in _UNSUPPORTED:
        return UnsupportedNameError(f"linalg.{name} is not supported")
    return AttributeError(f"module 'medtorch.linalg' has no attribute {name!r}")
