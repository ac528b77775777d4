"""torch.onnx's names. Export raises; what code registers for an export is never asked for.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

import enum
from typing import Any, NoReturn

from medtorch.errors import UnsupportedError

__all__ = ["TensorProtoDataType", "export", "is_in_onnx_export", "register_custom_op_symbolic"]


class TensorProtoDataType(enum.IntEnum):
    """The numbers that ONNX gives to dtypes.

    Source    onnx.proto, TensorProto.DataType
    """

    UNDEFINED = 0
    FLOAT = 1
    UINT8 = 2
    INT8 = 3
    UINT16 = 4
    INT16 = 5
    INT32 = 6
    INT64 = 7
    STRING = 8
    BOOL = 9
    FLOAT16 = 10
    DOUBLE = 11
    UINT32 = 12
    UINT64 = 13
    COMPLEX64 = 14
    COMPLEX128 = 15
    BFLOAT16 = 16


def is_in_onnx_export() -> bool:
    """False: nothing is being exported."""
    return False


def register_custom_op_symbolic(symbolic_name: str, symbolic_fn: Any, opset_version: int) -> None:
    """Nothing to do: no exporter would ask for it."""


def export(*_: Any, **__: Any) -> NoReturn:
    """Raises UnsupportedError."""
    raise UnsupportedError("torch.onnx.export is not supported")
