"""Products of Householder reflections: the orthogonal factor as LAPACK stores it.

Math      H_i = 1 - tau_i v_i v_i^T, v_i the i-th column below the diagonal with 1 on it and 0 above
Source    Golub & Van Loan, Matrix Computations, 2013, section 5.1; semantics of torch.linalg.householder_product
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import bool_
from medtorch.core.ops.matmul import matmul, same_dtype
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.ops.svd import matrices
from medtorch.core.spec import Spec
from medtorch.errors import ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Geqrf(NamedTuple):
    """R on and above the diagonal, the reflections' vectors below it, and their scales."""

    a: Tensor
    tau: Tensor


class GeqrfOp(Op):
    """The QR factors as LAPACK's geqrf leaves them; has no gradient, as in torch.

    Shapes    (..., m, n) -> (..., m, n), (..., min(m, n))
    """

    name = "geqrf"

    def check(self, a: Spec) -> tuple[Spec, Spec]:
        matrices(self, a)
        return a, a.with_shape((*a.shape[:-2], min(a.shape[-2:])))

    def forward(self, kernels: Kernels, a: Array) -> tuple[Array, Array]:
        return kernels.geqrf(a)


@wide
def geqrf(input: Tensor) -> Geqrf:
    """R and the Householder vectors of every matrix. See `GeqrfOp`; linalg.qr has a gradient."""
    return Geqrf(*GeqrfOp()(input))


@wide
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first columns of H_1 H_2 ... H_k.

    Shapes    A (..., m, n) with m >= n, tau (..., k) with k <= n -> (..., m, n)
    Raises    ShapeError, DtypeError for what does not fit
    """
    _check("linalg.householder_product", A, tau)
    m, n = A.shape[-2:]
    require(m >= n, ShapeError, "linalg.householder_product", "A must not be wider than high", A=A.spec, tau=tau.spec)
    everywhere = A.new_full(A.shape, True, dtype=bool_)
    out = A.masked_fill(everywhere, 0.0) + A.new_ones(m).diag()[:, :n]
    return _reflected(A, tau, out, from_last=True)


orgqr = householder_product


@wide
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q other, other Q (not left), or the same with Q^T, where Q = H_1 H_2 ... H_k is square.

    Raises    ShapeError, DtypeError for what does not fit
    Source    semantics of torch.ormqr
    """
    _check("ormqr", input, tau)
    given = {"input": input.spec, "tau": tau.spec, "other": other.spec}
    same_dtype("ormqr", **given)
    fits = other.ndim == input.ndim and other.shape[-2 if left else -1] == input.shape[-2]
    require(fits, ShapeError, "ormqr", "other must fit Q, which is as high and wide as input is high", **given)
    whole = tau.shape[-1] == min(input.shape[-2:])
    require(whole, ShapeError, "ormqr", "tau must hold one scale for each reflection", **given)
    if not left:
        return ormqr(input, tau, other.mT, True, not transpose).mT  # type: ignore[no-any-return]
    return _reflected(input, tau, other, from_last=not transpose)


def _check(name: str, A: Tensor, tau: Tensor) -> None:
    given = {"input": A.spec, "tau": tau.spec}
    matrices(name, A.spec)
    same_dtype(name, **given)
    fits = tau.ndim == A.ndim - 1 and tau.shape[:-1] == A.shape[:-2] and tau.shape[-1] <= min(A.shape[-2:])
    require(fits, ShapeError, name, "tau must hold at most one scale for each column", **given)


def _reflected(A: Tensor, tau: Tensor, out: Tensor, *, from_last: bool) -> Tensor:
    """`out` after all reflections. Each is its own transpose: for Q^T only their order differs."""
    steps = range(tau.shape[-1])
    lower = _unit(A)
    for i in reversed(steps) if from_last else steps:
        v = lower[..., i : i + 1]
        out = out - tau[..., i, None, None] * matmul(v, matmul(v.mT, out))
    return out


def _unit(A: Tensor) -> Tensor:
    """What lies below the diagonal, and ones on it."""
    m, n = A.shape[-2:]
    side = max(m, n)
    return A.tril(-1) + A.new_ones(side).diag()[:m, :n]
