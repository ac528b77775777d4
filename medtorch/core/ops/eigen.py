"""Eigenvalues and eigenvectors of any square matrix, which are complex.

Math      a v = v diag(w), columns of v of length 1;
          da = v^-H (diag(dw) + (v^H dv - v^H v diag(Re(v^H dv))) / (w_j - w_i)^*) v^H
Source    Boeddeker et al. 2017, arXiv:1701.00392, section 4.2; semantics of torch.linalg.eig
Requires  REQ-F-OPS-214
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medtorch.core.dtypes import complex64, complex128, float32, float64
from medtorch.core.ops.complex import conj, real
from medtorch.core.ops.matmul import matmul
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.spec import Spec
from medtorch.errors import DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class Eig(NamedTuple):
    """What is stretched, and how much: A eigenvectors = eigenvectors diag(eigenvalues)."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def _square(op: Op, a: Spec) -> None:
    require(a.ndim >= 2 and a.shape[-1] == a.shape[-2], ShapeError, op, "needs square matrices", A=a)
    kinds = (float32, float64, complex64, complex128)
    require(a.dtype in kinds, DtypeError, op, "takes float32, float64 or complex numbers", A=a)


class EigOp(Op):
    """See the formula at the top of this file.

    Undefined the gradient where eigenvalues are equal; that of a function of the eigenvectors' phase
    """

    name = "linalg.eig"
    takes_complex = True

    def check(self, a: Spec) -> tuple[Spec, Spec]:
        _square(self, a)
        wide = a.with_dtype(a.dtype.to_complex())
        return wide.with_shape(a.shape[:-1]), wide

    def forward(self, kernels: Kernels, a: Array) -> tuple[Array, Array]:
        return kernels.eig(a)

    def vjp(self, a_spec: Spec, y: tuple[Tensor, Tensor], dy: tuple[Tensor | None, Tensor | None]) -> Tensor:
        w, v = y
        core = w.new_zeros(v.shape) if dy[0] is None else dy[0].diag_embed()
        if dy[1] is not None:
            on_diagonal = real(w).new_ones(w.shape[-1]).diag().bool()
            gaps = conj(w.unsqueeze(-2) - w.unsqueeze(-1)).masked_fill(on_diagonal, 1.0)
            moved = matmul(v.mH, dy[1])
            own = real(moved.diagonal(0, -2, -1)).to(v.dtype)
            turned = moved - matmul(v.mH, v * own.unsqueeze(-2))
            core = core + (turned / gaps).masked_fill(on_diagonal, 0.0)
        found: Tensor = ComplexSolve()(v.mH, matmul(core, v.mH))
        return found if a_spec.dtype.is_complex else real(found)


class ComplexSolve(Op):
    """Math      a y = b of complex matrices; db = a^-H dy; da = -db y^H"""

    name = "linalg.solve"
    takes_complex = True

    def check(self, a: Spec, b: Spec) -> Spec:
        _square(self, a)
        return b

    def forward(self, kernels: Kernels, a: Array, b: Array) -> Array:
        return kernels.solve(a, b)

    def vjp(self, a: Tensor, y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
        db: Tensor = ComplexSolve()(a.mH, dy)
        return -matmul(db, y.mH), db


def eig(A: Tensor) -> Eig:
    """Eigenvalues and eigenvectors of every matrix, in no particular order. See `EigOp`."""
    return Eig(*EigOp()(A))


def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues of every matrix, in no particular order. See `EigOp`."""
    return EigOp()(A)[0]  # type: ignore[no-any-return]
