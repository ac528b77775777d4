"""Matrices as products of simpler ones: Cholesky, QR, eigenvectors of symmetric matrices, LU; triangular systems.

Eigenvalues of other matrices are complex, and so not here.

Source    semantics of torch.linalg's functions of these names
Requires  REQ-F-OPS-204
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import int32
from medtorch.core.ops.linalg import Solve, require_square, solve
from medtorch.core.ops.matmul import matmul
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.shape import cat
from medtorch.core.ops.svd import matrices
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class QR(NamedTuple):
    """A = Q R."""

    Q: Tensor
    R: Tensor


class Eigh(NamedTuple):
    """A = V diag(eigenvalues) V^T."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class CholeskyEx(NamedTuple):
    """The factor, and 0 for every matrix that has one."""

    L: Tensor
    info: Tensor


class PLU(NamedTuple):
    """A = P L U."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactor(NamedTuple):
    """Both factors in one matrix, and the exchanges of rows."""

    LU: Tensor
    pivots: Tensor


class LUFactorEx(NamedTuple):
    """As LUFactor, with 0 for every matrix that has factors."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


class TriangularSolve(NamedTuple):
    """The solution, and the matrix it is one of."""

    solution: Tensor
    cloned_coefficient: Tensor


def half_diagonal(x: Tensor) -> Tensor:
    """The lower triangle with half of its diagonal."""
    return x.tril() - 0.5 * x.diagonal(0, -2, -1).diag_embed()


class Cholesky(Op):
    """Math      a = l l^T, l lower triangular;  da = l^-T sym(P(l^T dl)) l^-1, P the triangle with half its diagonal

    Raises    ArgumentError if a is not positive definite
    Source    Murray 2016, arXiv:1602.07527
    """

    name = "linalg.cholesky"

    def check(self, a: Spec) -> Spec:
        require_square(self, a)
        return a

    def forward(self, kernels: Kernels, a: Array) -> Array:
        return kernels.cholesky(a)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        part = half_diagonal(matmul(y.mT, dy))
        middle = (part + part.mT) / 2
        half: Tensor = Solve()(y.mT, middle)
        return Solve()(y.mT, half.mT).mT  # type: ignore[no-any-return]


class Qr(Op):
    """Math      a = q r;  da = (dq + q sym(triu(dr r^T - q^T dq))) r^-T, of matrices not wider than high

    Raises    UnsupportedError for the gradient of a complete q that is wider than a
    Source    Roberts and Roberts 2020, arXiv:2009.10071
    """

    complete: bool
    name = "linalg.qr"

    def check(self, a: Spec) -> tuple[Spec, Spec]:
        matrices(self, a)
        m, n = a.shape[-2:]
        k = m if self.complete else min(m, n)
        return a.with_shape((*a.shape[:-2], m, k)), a.with_shape((*a.shape[:-2], k, n))

    def forward(self, kernels: Kernels, a: Array) -> tuple[Array, Array]:
        return kernels.qr(a, self.complete)

    def vjp(self, y: tuple[Tensor, Tensor], dy: tuple[Tensor | None, Tensor | None]) -> Tensor:
        q, r = y
        if r.shape[-2] > r.shape[-1]:
            raise UnsupportedError("linalg.qr: the gradient of a complete Q that is wider than A is not supported")
        dq = q.new_zeros(q.shape) if dy[0] is None else dy[0]
        inner = -matmul(q.mT, dq) if dy[1] is None else matmul(dy[1], r.mT) - matmul(q.mT, dq)
        upper = inner.triu()
        sym = upper + upper.mT - upper.diagonal(0, -2, -1).diag_embed()
        return Solve()(r, (dq + matmul(q, sym)).mT).mT  # type: ignore[no-any-return]


class EighOp(Op):
    """Math      a = v diag(w) v^T, w rising;  da = v (diag(dw) + v^T dv / (w_j - w_i)) v^T

    Undefined the gradient of v where eigenvalues are equal
    """

    lower: bool
    name = "linalg.eigh"

    def check(self, a: Spec) -> tuple[Spec, Spec]:
        require_square(self, a)
        return a.with_shape(a.shape[:-1]), a

    def forward(self, kernels: Kernels, a: Array) -> tuple[Array, Array]:
        return kernels.eigh(a, self.lower)

    def vjp(self, y: tuple[Tensor, Tensor], dy: tuple[Tensor | None, Tensor | None]) -> Tensor:
        w, v = y
        core = w.new_zeros(v.shape) if dy[0] is None else dy[0].diag_embed()
        if dy[1] is not None:
            on_diagonal = w.new_ones(w.shape[-1]).diag().bool()
            gaps = (w.unsqueeze(-2) - w.unsqueeze(-1)).masked_fill(on_diagonal, 1.0)
            core = core + (matmul(v.mT, dy[1]) / gaps).masked_fill(on_diagonal, 0.0)
        return matmul(matmul(v, core), v.mT)


class LuPivots(Op):
    """Shapes    (..., m, n) -> (..., min(m, n)), int32, counted from 1"""

    name = "linalg.lu"

    def check(self, a: Spec) -> Spec:
        matrices(self, a)
        return a.with_shape((*a.shape[:-2], min(a.shape[-2:]))).with_dtype(int32)

    def forward(self, kernels: Kernels, a: Array) -> Array:
        return kernels.lu_pivots(a)


class LuSquare(Op):
    """Math      a = l u, both in one matrix;  da = l^-T (tril(l^T dl, -1) + triu(du u^T)) u^-T"""

    name = "linalg.lu"

    def check(self, a: Spec) -> Spec:
        require_square(self, a)
        return a

    def forward(self, kernels: Kernels, a: Array) -> Array:
        return kernels.lu_square(a)

    def vjp(self, y: Tensor, dy: Tensor) -> Tensor:
        lower, upper = unit_lower(y), y.triu()
        middle = matmul(lower.mT, dy.tril(-1)).tril(-1) + matmul(dy.triu(), upper.mT).triu()
        half: Tensor = Solve()(lower.mT, middle)
        return Solve()(upper, half.mT).mT  # type: ignore[no-any-return]


def unit_lower(x: Tensor) -> Tensor:
    """What stands below the diagonal, and ones on it."""
    return x.tril(-1) + x.new_ones(min(x.shape[-2:])).diag_embed() if x.shape[-2] == x.shape[-1] else _tall_lower(x)


def _tall_lower(x: Tensor) -> Tensor:
    m, n = x.shape[-2:]
    k = min(m, n)
    ones = x.new_ones(k).diag_embed()
    if m > k:
        ones = cat([ones, x.new_zeros((m - k, k))], 0)
    return x[..., :k].tril(-1) + ones


@wide
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The triangular factor L of A = L L^T (or U of A = U^T U). Raises ArgumentError if A is not positive definite."""
    return Cholesky()(A.mT).mT if upper else Cholesky()(A)  # type: ignore[no-any-return]


@wide
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyEx:
    """cholesky, and zeros. A matrix that is not positive definite raises, with or without `check_errors`."""
    return CholeskyEx(cholesky(A, upper=upper), A.new_zeros(A.shape[:-2], dtype=int32))


@wide
def cholesky_by_default(input: Tensor, upper: bool = False) -> Tensor:
    """torch.cholesky."""
    return cholesky(input, upper=upper)


@wide
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = B, from the Cholesky factor of A."""
    lower = L.mT if upper else L
    return solve_triangular(lower.mT, solve_triangular(lower, B, upper=False), upper=True)


@wide
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, from its Cholesky factor."""
    require_square("cholesky_inverse", L.spec)
    return cholesky_solve(L.new_ones(L.shape[-1]).diag(), L, upper)


@wide
def qr(A: Tensor, mode: str = "reduced") -> QR:
    """Q with orthonormal columns and R upper triangular; of mode "r" R alone, Q empty.

    Raises    ArgumentError for an unknown mode; UnsupportedError for a gradient of mode "r"
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"linalg.qr: unknown mode {mode!r}; have 'reduced', 'complete', 'r'")
    if mode == "r":
        if A.requires_grad:
            raise UnsupportedError("linalg.qr: mode 'r' has no gradient; use 'reduced', or detach()")
        return QR(A.new_empty(0), Qr(False)(A)[1])
    matrices("linalg.qr", A.spec)
    m, n = A.shape[-2:]
    if m >= n:
        return QR(*Qr(mode == "complete")(A))
    q, r = Qr(False)(A[..., :m])
    return QR(q, cat([r, matmul(q.mT, A[..., m:])], -1))


@wide
def qr_by_default(input: Tensor, some: bool = True) -> QR:
    """torch.qr."""
    return qr(input, "reduced" if some else "complete")


@wide
def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """Eigenvalues, rising, and eigenvectors of symmetric matrices, of which one triangle is read."""
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"linalg.eigh: UPLO must be 'L' or 'U', got {UPLO!r}")
    return Eigh(*EighOp(UPLO in "Ll")(A))


@wide
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues, rising, of symmetric matrices."""
    return eigh(A, UPLO).eigenvalues


def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X with A X = B (X A = B if not `left`), of A only the triangle named, with ones on the diagonal if asked.

    Raises    ArgumentError for a zero on the diagonal; ShapeError
    """
    require_square("linalg.solve_triangular", A.spec)
    require(B.ndim >= 2, ShapeError, "linalg.solve_triangular", "B must hold matrices", A=A.spec, B=B.spec)
    triangle = A.triu(1 if unitriangular else 0) if upper else A.tril(-1 if unitriangular else 0)
    whole = triangle + A.new_ones(A.shape[-1]).diag() if unitriangular else triangle
    return solve(whole, B) if left else Solve()(whole.mT, B.mT).mT


@wide
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolve:
    """torch.triangular_solve: the solution of A X = b, or of A^T X = b, and A."""
    if transpose:
        solution = solve_triangular(A.mT, b, upper=not upper, unitriangular=unitriangular)
    else:
        solution = solve_triangular(A, b, upper=upper, unitriangular=unitriangular)
    return TriangularSolve(solution, A.clone())


def _row_order(pivots: Tensor, rows: int) -> Tensor:
    """The order of rows that the exchanges lead to, (..., rows)."""
    lead = pivots.shape[:-1]
    flat = pivots.reshape(-1, pivots.shape[-1]).tolist() if pivots.numel() else []
    orders = []
    for swaps in flat:
        order = list(range(rows))
        for i, at in enumerate(swaps):
            order[i], order[at - 1] = order[at - 1], order[i]
        orders.append(order)
    if not orders:
        count = 1
        for size in lead:
            count *= size
        orders = [list(range(rows))] * count
    return pivots.new_tensor(orders, dtype=int).reshape((*lead, rows))


@wide
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUFactorEx:
    """lu_factor, and zeros. A singular leading block of a matrix that is not square raises."""
    matrices("linalg.lu_factor", A.spec)
    m, n = A.shape[-2:]
    k = min(m, n)
    if not pivot:
        raise UnsupportedError("linalg.lu: pivot=False is not supported on the CPU")
    pivots = LuPivots()(A.detach())
    order = _row_order(pivots, m)
    sorted_rows = A.take_along_dim(order.unsqueeze(-1).expand(A.shape), -2) if A.numel() else A
    square = LuSquare()(sorted_rows[..., :k, :k])
    whole = square
    if m > k:
        below = Solve()(square.triu().mT, sorted_rows[..., k:, :].mT).mT
        whole = cat([square, below], -2)
    elif n > k:
        whole = cat([square, Solve()(unit_lower(square), sorted_rows[..., k:])], -1)
    return LUFactorEx(whole, pivots, A.new_zeros(A.shape[:-2], dtype=int32))


@wide
def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactor:
    """L (without its ones) and U of A = P L U in one matrix, and the exchanges of rows, counted from 1."""
    found = lu_factor_ex(A, pivot=pivot)
    return LUFactor(found.LU, found.pivots)


@wide
def lu(A: Tensor, *, pivot: bool = True) -> PLU:
    """P, L and U of A = P L U."""
    found = lu_factor_ex(A, pivot=pivot)
    return lu_unpack(found.LU, found.pivots)


def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> PLU:
    """P, L and U out of what lu_factor gives; empty tensors for what is not asked for."""
    m, n = LU_data.shape[-2:]
    k = min(m, n)
    p = lower = upper = LU_data.new_empty(0)
    if unpack_data:
        lower, upper = unit_lower(LU_data[..., :k]), LU_data[..., :k, :].triu()
    if unpack_pivots:
        order = _row_order(LU_pivots, m)
        p = (LU_data.new_ones(m).diag().index_select(0, order.reshape(-1))).reshape((*order.shape[:-1], m, m)).mT
    return PLU(p, lower, upper)


@wide
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (X A = B; A^T if `adjoint`), from what lu_factor gives of A."""
    p, lower, upper = lu_unpack(LU, pivots)
    if left != adjoint:
        right = B if left else B.mT
        found = solve(upper, solve(lower, matmul(p.mT, right)))
        return found if left else found.mT
    right = B if left else B.mT
    found = matmul(p, solve(lower.mT, solve(upper.mT, right)))
    return found if left else found.mT


@wide
def lu_solve_by_default(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """torch.lu_solve."""
    return lu_solve(LU_data, LU_pivots, b)


@wide
def lu_by_default(A: Tensor, pivot: bool = True, get_infos: bool = False) -> LUFactor | LUFactorEx:
    """torch.lu."""
    return lu_factor_ex(A, pivot=pivot) if get_infos else lu_factor(A, pivot=pivot)
