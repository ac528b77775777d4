"""Singular values of large matrices, approximately: the few largest, from products with random vectors.

Source    Halko, Martinsson & Tropp 2009, arXiv:0909.4061, algorithms 4.4 and 5.1; semantics of torch.svd_lowrank and
          torch.pca_lowrank
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.autocasting import wide
from medtorch.core.ops.factor import qr
from medtorch.core.ops.matmul import matmul
from medtorch.core.ops.op import require
from medtorch.core.ops.svd import OldSVD, matrices, svd
from medtorch.core.stream import stream_of
from medtorch.errors import ArgumentError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


@wide
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> OldSVD:
    """U, S, V of rank q near A (near A - M, if M is given).

    Raises    ArgumentError for a q outside of 0 to min(m, n), or a negative niter
    """
    matrices("svd_lowrank", A.spec)
    rank, rounds = 6 if q is None else q, 2 if niter is None else niter
    least = min(A.shape[-2:])
    require(0 <= rank <= least, ArgumentError, "svd_lowrank", f"q={rank} is not from 0 to {least}", A=A.spec)
    require(rounds >= 0, ArgumentError, "svd_lowrank", f"niter must not be negative, got {rounds}", A=A.spec)
    rest = A if M is None else A - M
    if A.shape[-2] < A.shape[-1]:
        u, s, v = _tall(rest.mT, rank, rounds)
        return OldSVD(v, s, u)
    return OldSVD(*_tall(rest, rank, rounds))


def _tall(A: Tensor, q: int, niter: int) -> tuple[Tensor, Tensor, Tensor]:
    drawn = stream_of(None).normal((A.shape[-1], q))
    basis = qr(matmul(A, A.detach().new_tensor(drawn))).Q
    for _ in range(niter):
        basis = qr(matmul(A, qr(matmul(A.mT, basis)).Q)).Q
    u, s, vh = svd(matmul(basis.mT, A), full_matrices=False)
    return matmul(basis, u), s, vh.mT


@wide
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> OldSVD:
    """Principal components: svd_lowrank of A, its columns' means taken away with `center`. q is min(6, m, n) if None.

    Raises    ArgumentError as svd_lowrank
    """
    matrices("pca_lowrank", A.spec)
    rank = min(6, *A.shape[-2:]) if q is None else q
    require(
        0 <= rank <= min(A.shape[-2:]), ArgumentError, "pca_lowrank", f"q={rank} is not from 0 to min(m, n)", A=A.spec
    )
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, rank, niter)
