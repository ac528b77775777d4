"""Which steps of a graph treat the images of a batch each by itself, and what such a step is for some of them.

A value is in images where dim 0 holds them one after the other: n images are n equal parts of it. A step treats images
by themselves where it makes a part of its results of the same part of what it takes, and of values that it takes whole
(weights). Whatever is not known to do so mixes images.

Requires  REQ-F-CMP-012
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from medtorch.core.graph.ir import Node, Value
from medtorch.core.graph.ops import (
    Activate,
    AddActivated,
    Arrange,
    ConvFused,
    ConvGated,
    ConvTransposeFused,
    LinearFused,
    NormalizeFused,
    Regroup,
    ScaleShift,
)
from medtorch.core.ops import activation, arithmetic, elementwise
from medtorch.core.ops.attention import ScaledDotProductAttention
from medtorch.core.ops.avg_pool import AdaptiveAvgPool, AvgPool
from medtorch.core.ops.comparison import Where
from medtorch.core.ops.conv import Conv
from medtorch.core.ops.copy import Clone
from medtorch.core.ops.interpolate import Interpolate
from medtorch.core.ops.matmul import Matmul
from medtorch.core.ops.max_pool import AdaptiveMaxPool, MaxPool
from medtorch.core.ops.norm import BatchNorm, Normalize, Standardize
from medtorch.core.ops.op import Op
from medtorch.core.ops.pad import Pad
from medtorch.core.ops.reduction import Mean, Sum
from medtorch.core.ops.shape import Cat, Expand, Permute, Reshape, Roll, Select, Slice, Split
from medtorch.core.ops.softmax import LogSoftmax, Softmax
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec

Parts = tuple[bool, ...] | None
"""For each input of a step whether it is taken in parts; None where images are mixed."""


def taken_in_parts(node: Node, specs: dict[Value, Spec], images: int) -> Parts:
    """Which inputs the node takes image by image, where it treats the `images` of a batch each by itself."""
    rule = _RULES.get(type(node.op))
    shapes = [None if value is None else specs[value].shape for value in node.inputs]
    parts = None if rule is None else rule(node.op, shapes)
    if parts is None:
        return None
    cut = [shape for shape, part in zip(shapes, parts, strict=True) if part]
    cut += [specs[value].shape for value in node.outputs]
    return parts if all(shape and shape[0] and shape[0] % images == 0 for shape in cut) else None


def for_some(op: Op, some: int, images: int) -> Op:
    """The op for `some` of the `images` that it is for."""
    if isinstance(op, (Arrange, Expand, Regroup, Reshape)):
        return replace(op, shape=(op.shape[0] // images * some, *op.shape[1:]))
    return op


# -- one rule a kind of op ---------------------------------------------------------------------------------------------

Shapes = list[Shape | None]


def _first(op: Any, shapes: Shapes) -> Parts:
    """Images come first, all else is whole."""
    return (True, *(False,) * (len(shapes) - 1))


def _all(op: Any, shapes: Shapes) -> Parts:
    return (True,) * len(shapes)


def _product(op: Any, shapes: Shapes) -> Parts:
    """A residual lies as the result, a gate has images as the input has."""
    x, weight, _, *residual = shapes
    fits = x is not None and weight is not None and len(x) >= 2
    if not isinstance(op, LinearFused):
        fits = fits and x is not None and weight is not None and len(x) == len(weight)
    return (True, False, False, *(one is not None for one in residual)) if fits else None


def _elementwise(op: Any, shapes: Shapes) -> Parts:
    """What has no images is stretched over them."""
    given = [shape for shape in shapes if shape is not None]
    ndim = max(map(len, given))
    if ndim == 0:
        return None
    rows = max(shape[0] for shape in given if len(shape) == ndim)
    return tuple(shape is not None and len(shape) == ndim and shape[0] == rows for shape in shapes)


def _along(op: Any, shapes: Shapes) -> Parts:
    """Something is done along the dim `dim`."""
    ndim = len(shapes[0] or ())
    return _all(op, shapes) if ndim and op.dim % ndim != 0 else None


def _over(op: Any, shapes: Shapes) -> Parts:
    """Numbers are put together over `dims`."""
    return None if 0 in _counted(op.dims, shapes) else _first(op, shapes)


def _reduction(op: Any, shapes: Shapes) -> Parts:
    if op.dim is None or op.dim == ():
        return None
    dims = op.dim if isinstance(op.dim, tuple) else (op.dim,)
    return None if 0 in _counted(dims, shapes) else (True,)


def _counted(dims: Shape, shapes: Shapes) -> set[int]:
    """Dims counted from the front."""
    ndim = max(1, len(shapes[0] or ()))
    return {dim % ndim for dim in dims}


def _permute(op: Permute, shapes: Shapes) -> Parts:
    return (True,) if op.dims and op.dims[0] == 0 else None


def _pad(op: Pad, shapes: Shapes) -> Parts:
    return (True,) if len(op.pads) < len(shapes[0] or ()) else None


def _stretched(op: Any, shapes: Shapes) -> Parts:
    """Not along images, and no dims before them."""
    x = shapes[0]
    same = x is not None and 0 < len(x) == len(op.shape) and x[0] == op.shape[0]
    return (True,) if same and (not isinstance(op, Arrange) or op.order[0] == 0) else None


def _matmul(op: Matmul, shapes: Shapes) -> Parts:
    a, b = shapes
    if a is None or b is None:
        return None
    if len(b) == 2 and len(a) >= 2:
        return True, False
    return (True, True) if len(a) == len(b) and a[0] == b[0] else None


def _attention(op: ScaledDotProductAttention, shapes: Shapes) -> Parts:
    query, key, value, mask = shapes
    if query is None or key is None or value is None or not (len(query) == len(key) == len(value) >= 3):
        return None
    if not query[0] == key[0] == value[0] or (mask is not None and len(mask) > len(query)):
        return None
    with_mask = mask is not None and len(mask) == len(query) and mask[0] != 1
    return True, True, True, with_mask


_RULES: dict[type[Op], Callable[[Any, Shapes], Parts]] = {
    **dict.fromkeys((Conv, ConvFused, ConvGated, ConvTransposeFused, LinearFused), _product),
    **dict.fromkeys((AddActivated, arithmetic.Add, arithmetic.Sub, arithmetic.Mul, arithmetic.Div), _elementwise),
    **dict.fromkeys((arithmetic.Maximum, arithmetic.Minimum, arithmetic.Pow, Where), _elementwise),
    **dict.fromkeys((Activate, Clone, Regroup, Reshape), _all),
    **dict.fromkeys((activation.Elu, activation.Gelu, activation.Hardsigmoid, activation.Hardswish), _all),
    **dict.fromkeys((activation.Hardtanh, activation.LeakyRelu, activation.LogSigmoid, activation.Mish), _all),
    **dict.fromkeys((activation.Silu, activation.Softplus, elementwise.Abs, elementwise.Clamp, elementwise.Exp), _all),
    **dict.fromkeys((elementwise.Log, elementwise.Neg, elementwise.Reciprocal, elementwise.Relu), _all),
    **dict.fromkeys((elementwise.Rsqrt, elementwise.Sigmoid, elementwise.Sqrt, elementwise.Tanh), _all),
    **dict.fromkeys((AvgPool, AdaptiveAvgPool, MaxPool, AdaptiveMaxPool, Interpolate), _all),
    **dict.fromkeys((Cat, Softmax, LogSoftmax, Select, Slice, Split), _along),
    **dict.fromkeys((NormalizeFused, Normalize, Standardize), _over),
    **dict.fromkeys((Mean, Sum), _reduction),
    **dict.fromkeys((Arrange, Expand), _stretched),
    ScaleShift: lambda op, shapes: _first(op, shapes) if op.dim > 0 else None,
    Roll: lambda op, shapes: None if 0 in _counted(op.dims, shapes) else (True,),
    BatchNorm: _first,
    Permute: _permute,
    Pad: _pad,
    Matmul: _matmul,
    ScaledDotProductAttention: _attention,
}
