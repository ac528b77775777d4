"""What follows from singular values and factors: pseudo-inverses, ranks, conditions, least squares, tensor equations.

Source    semantics of torch.linalg's functions of these names
Requires  REQ-F-OPS-204
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import finfo, int32, int64
from medtorch.core.ops.factor import eigvalsh
from medtorch.core.ops.linalg import inv, norm, require_square, solve
from medtorch.core.ops.matmul import matmul
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.shape import stack
from medtorch.core.ops.svd import matrices, svdvals
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Tolerance = "float | Tensor | None"


class LeastSquares(NamedTuple):
    """The solution and what the driver tells of it."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


class WithInfo(NamedTuple):
    """A result, and 0 for every matrix that has one."""

    result: Tensor
    info: Tensor


class Pinv(Op):
    """Math      y = a^+, singular values up to `cut` taken as 0

    Shapes    a: (..., m, n), cut: (...,) -> (..., n, m)
    Source    Golub and Pereyra 1973, SIAM J. Numer. Anal. 10(2), 413-432, eq. 4.12
    """

    name = "linalg.pinv"

    def check(self, a: Spec, cut: Spec) -> Spec:
        matrices(self, a)
        return a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-2]))

    def forward(self, kernels: Kernels, a: Array, cut: Array) -> Array:
        u, s, vh = kernels.svd(a, False)
        kept = s > cut[..., None]
        one = kernels.zeros((), s.dtype) + 1
        inverse = kernels.where(kept, one / kernels.where(kept, s, one), kernels.zeros((), s.dtype))
        return kernels.matmul(vh.swapaxes(-1, -2) * inverse[..., None, :], u.swapaxes(-1, -2))

    def vjp(self, a: Tensor, y: Tensor, dy: Tensor) -> tuple[Tensor, None]:
        back, yt = dy.mT, y.mT
        if a.shape[-2] <= a.shape[-1]:
            k = matmul(back, y)
            ky = matmul(k, yt)
            found = ky - matmul(y, k).mT - matmul(matmul(a, y), ky)
            return found + matmul(matmul(yt, y), back - matmul(k, a)), None
        k = matmul(y, back)
        yk = matmul(yt, k)
        found = yk - matmul(k, y).mT - matmul(matmul(yk, y), a)
        return found + matmul(matmul(back - matmul(a, k), y), yt), None


def _cut(A: Tensor, sizes: Tensor, atol: Any, rtol: Any) -> Tensor:
    """max(atol, rtol times the largest size); without rtol it is eps max(m, n), or 0 where an atol above 0 is given."""
    largest = sizes.amax(-1) if sizes.shape[-1] else sizes.sum(-1)
    absolute = _tolerance(A, 0.0 if atol is None else atol)
    if rtol is None:
        default = finfo(A.dtype).eps * max(A.shape[-2:])
        relative = _tolerance(A, default).where(absolute <= 0, 0.0) if atol is not None else _tolerance(A, default)
    else:
        relative = _tolerance(A, rtol)
    cut: Tensor = absolute.maximum(relative * largest)
    return cut


def _tolerance(A: Tensor, value: Any) -> Tensor:
    found: Tensor = value.detach().to(A.dtype) if hasattr(value, "_run") else A.new_tensor(float(value))
    return found


def _symmetric(A: Tensor) -> Tensor:
    """The matrix that the lower triangle stands for."""
    found: Tensor = A.tril() + A.tril(-1).mT
    return found


def pinv(
    A: Tensor,
    rcond: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
) -> Tensor:
    """The pseudo-inverse of every matrix; `rcond` is an old name of rtol.

    Raises    ArgumentError if both are given
    """
    matrices("linalg.pinv", A.spec)
    require(rcond is None or rtol is None, ArgumentError, "linalg.pinv", "rcond and rtol are one; give one of them")
    if hermitian:
        require_square("linalg.pinv", A.spec)
        A = A if bool((A.mT == A).all()) else _symmetric(A)
    sizes = svdvals(A.detach())
    cut = _cut(A, sizes, atol, rtol if rcond is None else rcond).expand(A.shape[:-2])
    return Pinv()(A, cut)  # type: ignore[no-any-return]


@wide
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """torch.pinverse."""
    return pinv(input, rcond)


@wide
def matrix_rank(
    A: Tensor,
    tol: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
) -> Tensor:
    """How many singular values of every matrix are above the tolerance; `tol` is an absolute one."""
    matrices("linalg.matrix_rank", A.spec)
    one = tol is None or (atol is None and rtol is None)
    require(one, ArgumentError, "linalg.matrix_rank", "tol goes without atol and rtol")
    fixed = A.detach()
    sizes = eigvalsh(fixed).abs() if hermitian else svdvals(fixed)
    cut = _tolerance(A, tol) if tol is not None else _cut(fixed, sizes, atol, rtol)
    return (sizes > cut.unsqueeze(-1)).sum(-1)


@wide
def cond(A: Tensor, p: float | str | None = None) -> Tensor:
    """How much a matrix stretches its largest direction more than its smallest; by norm `p`, 2 without it."""
    matrices("linalg.cond", A.spec)
    if not A.numel():
        return A.new_zeros(A.shape[:-2])
    if p is None or p in (2, -2):
        values = svdvals(A)
        return values[..., -1] / values[..., 0] if p == -2 else values[..., 0] / values[..., -1]
    require_square("linalg.cond", A.spec)
    return norm(A, p, (-2, -1)) * norm(inv(A), p, (-2, -1))


@wide
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> LeastSquares:
    """X that makes A X - B smallest, the smallest such X; drivers as LAPACK names them: gelsy, gels, gelsd, gelss."""
    name = "linalg.lstsq"
    drivers = ("gels", "gelsy", "gelsd", "gelss")
    chosen = "gelsy" if driver is None else driver
    require(chosen in drivers, ArgumentError, name, f"unknown driver {driver!r}; have {', '.join(drivers)}")
    matrices(name, A.spec)
    vector = B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]
    right = B.unsqueeze(-1) if vector else B
    fits = right.ndim >= 2 and right.shape[-2] == A.shape[-2]
    require(fits, ShapeError, name, "B must have as many rows as A", A=A.spec, B=B.spec)
    found = matmul(pinv(A, rtol=rcond), right)
    m, n = A.shape[-2:]
    sizes = svdvals(A.detach())
    rank = matrix_rank(A, rtol=rcond) if chosen != "gels" else A.new_empty(0, dtype=int64)
    residuals = found.reshape(-1)[:0]  # on the tape as PyTorch's are, empty or not
    full = chosen == "gels" or bool((rank == n).all())
    if m > n and chosen != "gelsy" and full:
        residuals = (matmul(A, found) - right).square().sum(-2)
    values = sizes if chosen in ("gelsd", "gelss") else A.new_empty(0)
    return LeastSquares(found.squeeze(-1) if vector else found, residuals, rank, values)


@wide
def inv_ex(A: Tensor, *, check_errors: bool = False) -> WithInfo:
    """inv, and zeros. A singular matrix raises, with or without `check_errors`."""
    return WithInfo(inv(A), A.new_zeros(A.shape[:-2], dtype=int32))


@wide
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> WithInfo:
    """solve, and zeros. A singular matrix raises, with or without `check_errors`."""
    return WithInfo(solve(A, B, left=left), A.new_zeros(A.shape[:-2], dtype=int32))


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Powers 0 to N - 1 (N the length of x without it) of the last dim's numbers, as a new last dim."""
    if x.ndim == 0:
        return vander(x.reshape(1), N)
    count = x.shape[-1] if N is None else N
    require(count > 1 or N is None, ArgumentError, "linalg.vander", f"N must be above 1, got {N}")
    base = x if x.dtype.category > 0 else x.long()
    rows = [base.new_ones(base.shape)]
    for _ in range(count - 1):
        rows.append(rows[-1] * base)
    return stack(rows[:count], -1) if count else base.new_empty((*base.shape, 0))


@wide
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of tensordot with A over the first `ind` dims."""
    require(ind > 0, ArgumentError, "linalg.tensorinv", f"ind must be above 0, got {ind}")
    rows = math.prod(A.shape[:ind])
    fits = rows == math.prod(A.shape[ind:])
    require(fits, ShapeError, "linalg.tensorinv", "both groups of dims must have as many elements", A=A.spec)
    return inv(A.reshape(rows, rows)).reshape((*A.shape[ind:], *A.shape[:ind]))


@wide
def tensorsolve(A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first."""
    moved = A if dims is None else A.movedim(tuple(dims), tuple(range(A.ndim - len(tuple(dims)), A.ndim)))
    rows = B.numel()
    shape = moved.shape[B.ndim :]
    fits = rows == math.prod(shape) and moved.numel() == rows * rows
    require(fits, ShapeError, "linalg.tensorsolve", "A must be square over B's dims and the rest", A=A.spec, B=B.spec)
    return solve(moved.reshape(rows, rows), B.reshape(rows)).reshape(shape)
