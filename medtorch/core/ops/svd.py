"""Singular values.

Source    semantics of torch.linalg.svd, torch.linalg.svdvals, torch.svd
Requires  REQ-F-OPS-204
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import float32, float64
from medtorch.core.ops.matmul import matmul
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class SVD(NamedTuple):
    """A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class OldSVD(NamedTuple):
    """A = U diag(S) V^T, as torch.svd names them."""

    U: Tensor
    S: Tensor
    V: Tensor


def matrices(op: Op | str, a: Spec) -> None:
    """Raise unless `a` holds matrices of float32 or float64."""
    require(a.ndim >= 2, ShapeError, op, "takes matrices", A=a)
    require(a.dtype in (float32, float64), DtypeError, op, "takes float32 or float64", A=a)


class Svd(Op):
    """Math      a = u diag(s) vh, s falling, from 0 up

    Undefined the gradient where singular values are equal, and what follows from the columns that `full` adds
    Source    Townsend 2016, Differentiating the singular value decomposition
    """

    full: bool
    name = "linalg.svd"

    def check(self, a: Spec) -> tuple[Spec, Spec, Spec]:
        matrices(self, a)
        m, n = a.shape[-2:]
        k, lead = min(m, n), a.shape[:-2]
        left = a.with_shape((*lead, m, m if self.full else k))
        return left, a.with_shape((*lead, k)), a.with_shape((*lead, n if self.full else k, n))

    def forward(self, kernels: Kernels, a: Array) -> tuple[Array, Array, Array]:
        return kernels.svd(a, self.full)

    def vjp(self, y: tuple[Tensor, Tensor, Tensor], dy: tuple[Tensor | None, Tensor | None, Tensor | None]) -> Tensor:
        k = y[1].shape[-1]
        u, s, vh = y[0][..., :k], y[1], y[2][..., :k, :]
        du, ds = None if dy[0] is None else dy[0][..., :k], dy[1]
        dvh = None if dy[2] is None else dy[2][..., :k, :]
        if du is None and dvh is None:
            return matmul(u * ds.unsqueeze(-2), vh)  # type: ignore[union-attr]
        core = _core(u, s, vh, du, ds, dvh)
        found = matmul(matmul(u, core), vh)
        if du is not None and u.shape[-2] > k:
            found = found + matmul((du - matmul(u, matmul(u.mT, du))) / s.unsqueeze(-2), vh)
        if dvh is not None and vh.shape[-1] > k:
            found = found + matmul(u, (dvh - matmul(matmul(dvh, vh.mT), vh)) / s.unsqueeze(-1))
        return found


def _core(u: Tensor, s: Tensor, vh: Tensor, du: Tensor | None, ds: Tensor | None, dvh: Tensor | None) -> Tensor:
    """The gradient as seen between u and vh."""
    square = s * s
    gaps = square.unsqueeze(-2) - square.unsqueeze(-1)
    on_diagonal = s.new_ones(s.shape[-1]).diag().bool()
    gaps = gaps.masked_fill(on_diagonal, 1.0)
    core = s.new_zeros(gaps.shape) if ds is None else ds.diag_embed()
    if du is not None:
        turn = matmul(u.mT, du)
        core = core + (turn - turn.mT) / gaps * s.unsqueeze(-2)
    if dvh is not None:
        turn = matmul(vh, dvh.mT)
        core = core + s.unsqueeze(-1) * ((turn - turn.mT) / gaps)
    return core


@wide
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """U, S and Vh of every matrix. Raises UnsupportedError for a driver: those are cuSOLVER's."""
    if driver is not None:
        raise UnsupportedError(f"linalg.svd: driver={driver!r} is not supported")
    return SVD(*Svd(full_matrices)(A))


@wide
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of every matrix, the largest first."""
    return svd(A, False, driver=driver).S


@wide
def svd_by_default(input: Tensor, some: bool = True, compute_uv: bool = True) -> OldSVD:
    """torch.svd: U, S and V (not its transpose); zeros for U and V without `compute_uv`."""
    found = svd(input, not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        lead = input.shape[:-2]
        return OldSVD(input.new_zeros((*lead, m, m)), found.S, input.new_zeros((*lead, n, n)))
    return OldSVD(found.U, found.S, found.Vh.mT)
