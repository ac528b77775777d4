"""torch.linalg's names."""

from __future__ import annotations

from typing import Any

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
from medtorch.core.ops.moments import vector_norm

__all__ = [
    "cross",
    "det",
    "diagonal",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "slogdet",
    "solve",
    "vecdot",
    "vector_norm",
]


def __getattr__(name: str) -> Any:
    raise refused(name)
