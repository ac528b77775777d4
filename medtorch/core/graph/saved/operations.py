"""The ops that a saved plan may hold, and their fields as JSON values.

Requires  REQ-F-CMP-010, REQ-S-SEC-001
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from medtorch.core import dtypes
from medtorch.core.graph import ops as fused
from medtorch.core.ops import (
    activation,
    arithmetic,
    attention,
    avg_pool,
    comparison,
    conv,
    conv_transpose,
    copy,
    elementwise,
    extremes,
    indexing,
    interpolate,
    matmul,
    max_pool,
    moments,
    norm,
    pad,
    reduction,
    shape,
    softmax,
)
from medtorch.core.ops.op import Op, settled
from medtorch.errors import FormatError, UnsupportedError

_KNOWN: tuple[type[Op], ...] = (
    *(fused.Activate, fused.AddActivated, fused.Arrange, fused.ConvFused, fused.ConvGated),
    *(fused.ConvTransposeFused, fused.LinearFused, fused.NormalizeFused, fused.Regroup, fused.ScaleShift),
    *(activation.Elu, activation.Gelu, activation.Hardsigmoid, activation.Hardswish, activation.Hardtanh),
    *(activation.LeakyRelu, activation.LogSigmoid, activation.Mish, activation.Silu, activation.Softplus),
    *(arithmetic.Add, arithmetic.Sub, arithmetic.Mul, arithmetic.Div),
    *(elementwise.Abs, elementwise.Clamp, elementwise.Exp, elementwise.Log, elementwise.Neg, elementwise.Reciprocal),
    *(elementwise.Relu, elementwise.Rsqrt, elementwise.Sigmoid, elementwise.Sqrt, elementwise.Tanh),
    *(arithmetic.Maximum, arithmetic.Minimum, arithmetic.Pow, comparison.Where),
    *(comparison.Eq, comparison.Ne, comparison.Lt, comparison.Le),
    *(avg_pool.AvgPool, avg_pool.AdaptiveAvgPool, max_pool.MaxPool, max_pool.AdaptiveMaxPool),
    *(conv.Conv, conv.ConvInputGrad, conv_transpose.ConvTranspose, matmul.Matmul, interpolate.Interpolate),
    *(attention.ScaledDotProductAttention, shape.Select, shape.Split, shape.Unbind, shape.Flip),
    *(copy.Cast, copy.Clone, indexing.BasicIndex, norm.BatchNorm, norm.Normalize, norm.Standardize, pad.Pad),
    *(extremes.Amax, moments.VectorNorm, reduction.Mean, reduction.Sum, softmax.LogSoftmax, softmax.Softmax),
    *(shape.Cat, shape.Expand, shape.Permute, shape.Reshape, shape.Roll, shape.Slice),
)
OPS = {op.__name__: op for op in _KNOWN}
"""By name. Ops that look into memory by strides or follow numbers of their input are not among them."""

DTYPES = {kind.name: kind for kind in dtypes.ALL}
_LARGEST = 1 << 48  # of a whole number
_DEEPEST = 4  # tuples within tuples


def op_to_data(op: Op) -> dict[str, Any]:
    """An op as JSON values. Raises UnsupportedError for one that no saved plan may hold."""
    if OPS.get(type(op).__name__) is not type(op):
        raise UnsupportedError(f"{op.name}: a plan with this op cannot be saved")
    return {"op": type(op).__name__, **{name: _plain(getattr(op, name)) for name in _hints(type(op))}}


def op_from_data(data: Any, where: str) -> Op:
    """The op that `data` describes. Raises FormatError for anything that is no known op with fields of its types."""
    if not isinstance(data, dict) or not isinstance(data.get("op"), str) or data["op"] not in OPS:
        raise FormatError(f"{where}: no op that a plan may hold")
    kind = OPS[data["op"]]
    hints = _hints(kind)
    if set(data) != {"op", *hints}:
        raise FormatError(f"{where}: {data['op']} has the fields {', '.join(hints) or 'none'}")
    values = {name: _value(data[name], f"{where}.{name}") for name in hints}
    for name, hint in hints.items():
        if not _fits(values[name], hint):
            raise FormatError(f"{where}.{name}: not what {data['op']} takes")
    return kind(**values)


def _hints(kind: Any) -> dict[str, Any]:
    """The fields of an op and the types that they are annotated with."""
    names = [field.name for field in fields(kind)] if is_dataclass(settled(kind)) else []
    known = typing.get_type_hints(kind, localns={"Number": float | int | bool}) if names else {}
    return {name: known[name] for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, dtypes.DType):
        return {"dtype": value.name}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value


def _value(data: Any, where: str, depth: int = 0) -> Any:
    """JSON as fields hold it: lists are tuples."""
    if isinstance(data, list) and depth < _DEEPEST:
        return tuple(_value(one, where, depth + 1) for one in data)
    if isinstance(data, dict) and set(data) == {"dtype"} and isinstance(data["dtype"], str):
        if data["dtype"] not in DTYPES:
            raise FormatError(f"{where}: no dtype {data['dtype']!r}")
        return DTYPES[data["dtype"]]
    if isinstance(data, dict) and data.get("float") in ("inf", "-inf", "nan") and len(data) == 1:
        return float(data["float"])
    if isinstance(data, int) and not isinstance(data, bool) and abs(data) > _LARGEST:
        raise FormatError(f"{where}: {data} is too large")
    if data is not None and not isinstance(data, (bool, int, float, str)):
        raise FormatError(f"{where}: neither a number, a text, a list, nor a dtype")
    return data


def _fits(value: Any, hint: Any) -> bool:
    """Whether `value` is of the type that an annotation names."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if origin in (tuple, Sequence):
        if not isinstance(value, tuple):
            return False
        if origin is Sequence or parts[-1] is Ellipsis:
            return all(_fits(one, parts[0]) for one in value)
        return len(value) == len(parts) and all(_fits(one, part) for one, part in zip(value, parts, strict=True))
    if origin is typing.Literal:
        return value in parts
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)
