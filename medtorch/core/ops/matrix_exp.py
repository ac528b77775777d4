"""The exponential of square matrices.

Math      e^A = (r(A / 2^s))^(2^s), r the Pade approximant of order 13, s the least with |A / 2^s|_1 <= 5.37
Source    Higham 2005, SIAM J. Matrix Anal. Appl. 26(4), 1179-1193; semantics of torch.linalg.matrix_exp
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medtorch.core.dtypes import float32, float64
from medtorch.core.ops.extremes import amax
from medtorch.core.ops.linalg import Solve, require_square
from medtorch.core.ops.matmul import matmul

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
    10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_REACH = 5.371920351148152


def matrix_exp(A: Tensor) -> Tensor:
    """e^A of every matrix. Raises ShapeError, DtypeError for what is no square matrix of float32 or float64."""
    require_square("linalg.matrix_exp", A.spec)
    if not A.numel():
        return A.clone()
    if A.dtype is float32:  # the approximant's coefficients span 17 digits
        return matrix_exp(A.to(float64)).to(float32)
    size = amax(A.detach().abs().sum(-2), -1)
    halvings = (size / _REACH).clamp_min(1.0).log2().ceil()
    halvings = halvings.masked_fill(halvings != halvings, 0.0).clamp_max(64.0)
    out = _pade(A / (halvings.exp2()[..., None, None]))
    for done in range(int(amax(halvings))):
        more = (halvings > done)[..., None, None]
        out = matmul(out, out).where(more, out)
    return out


def _pade(a: Tensor) -> Tensor:
    b, one = _PADE, a.new_ones(a.shape[-1]).diag()
    a2 = matmul(a, a)
    a4 = matmul(a2, a2)
    a6 = matmul(a4, a2)
    high_odd = matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2)
    odd = matmul(a, high_odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    high_even = matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2)
    even = high_even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    return Solve()(even - odd, even + odd)  # type: ignore[no-any-return]
