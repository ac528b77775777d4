"""torch.linalg's names."""

from __future__ import annotations

from typing import Any

from medtorch.core.ops.eigen import eig, eigvals
from medtorch.core.ops.factor import (
    cholesky,
    cholesky_ex,
    eigh,
    eigvalsh,
    lu,
    lu_factor,
    lu_factor_ex,
    lu_solve,
    qr,
    solve_triangular,
)
from medtorch.core.ops.householder import householder_product
from medtorch.core.ops.least_squares import (
    cond,
    inv_ex,
    lstsq,
    matrix_rank,
    pinv,
    solve_ex,
    tensorinv,
    tensorsolve,
    vander,
)
from medtorch.core.ops.linalg import (
    cross,
    det,
    diagonal,
    inv,
    matrix_norm,
    matrix_power,
    multi_dot,
    norm,
    refused,
    slogdet,
    solve,
    vecdot,
)
from medtorch.core.ops.matmul import matmul
from medtorch.core.ops.matrix_exp import matrix_exp
from medtorch.core.ops.moments import vector_norm
from medtorch.core.ops.svd import svd, svdvals

__all__ = [
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]


def __getattr__(name: str) -> Any:
    raise refused(name)
