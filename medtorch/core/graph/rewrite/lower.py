"""The model's ops as the fused kernels know them: products that can end in more, activations by name.

convolution, transposed convolution -> ConvFused, ConvTransposeFused
x times a matrix that never changes -> LinearFused
normalization                       -> NormalizeFused
activations                         -> Activate
batch norm by running moments       -> the steps of it, which other passes know as scales and shifts
reshape                             -> Regroup, which copies where another pass has changed the memory layout
"""

from __future__ import annotations

import numpy as np

from medtorch.core.backends import move
from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import (
    Activate,
    ConvFused,
    ConvTransposeFused,
    LinearFused,
    NormalizeFused,
    Regroup,
)
from medtorch.core.ops.activation import (
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyRelu,
    Mish,
    Silu,
    Softplus,
)
from medtorch.core.ops.arithmetic import Add, Mul, Sub
from medtorch.core.ops.conv import Conv, ConvInputGrad
from medtorch.core.ops.elementwise import Clamp, Neg, Relu, Rsqrt, Sigmoid, Tanh
from medtorch.core.ops.matmul import Matmul
from medtorch.core.ops.norm import BatchNorm, Normalize
from medtorch.core.ops.op import Op
from medtorch.core.ops.shape import Permute, Reshape
from medtorch.core.spec import Spec


def lower(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph in the fused kernels' words. Only floating-point values: the others stay with the model's ops."""
    draft = Draft(graph)
    fixed = draft.fixed()
    for place, node in draft.nodes():
        if isinstance(node.op, Reshape):
            draft.put(place, Node(Regroup(node.op.shape), node.inputs, node.outputs))
        elif draft.specs[node.outputs[0]].dtype.is_floating_point:
            _lower(draft, fixed, place, node)
    return draft.finished(), {}


def _lower(draft: Draft, fixed: set[Value], place: int, node: Node) -> None:
    op = node.op
    if isinstance(op, Conv):
        lowered: Op = ConvFused("none", 0.0, op.stride, op.padding, op.dilation, op.groups)
        draft.put(place, Node(lowered, (*node.inputs, None), node.outputs))
    elif isinstance(op, ConvInputGrad):
        lowered = ConvTransposeFused("none", 0.0, op.stride, op.padding, op.dilation, op.groups, op.size)
        draft.put(place, Node(lowered, (*node.inputs, None), node.outputs))
    elif isinstance(op, BatchNorm):
        _lower_batch_norm(draft, place, node, op.eps)
    elif isinstance(op, Normalize):
        _lower_normalize(draft, place, node, op)
    elif isinstance(op, Matmul):
        _lower_matmul(draft, fixed, place, node)
    elif (named := activation_of(op)) is not None and _keeps_dtype(draft, node):
        draft.put(place, Node(Activate(*named), node.inputs, node.outputs))


_PLAIN: dict[type[Op], str] = {
    Relu: "relu",
    Sigmoid: "sigmoid",
    Tanh: "tanh",
    Silu: "silu",
    Mish: "mish",
    Hardswish: "hardswish",
    Hardsigmoid: "hardsigmoid",
}


def activation_of(op: Op) -> tuple[str, float] | None:
    """The name and alpha of an activation that the fused kernels know."""
    if type(op) in _PLAIN:
        return _PLAIN[type(op)], 0.0
    if isinstance(op, LeakyRelu):
        return "leaky_relu", op.negative_slope
    if isinstance(op, Elu) and (op.scale, op.input_scale) == (1, 1):
        return "elu", op.alpha
    if isinstance(op, Gelu):
        return ("gelu_tanh" if op.approximate == "tanh" else "gelu"), 0.0
    if isinstance(op, Softplus) and (op.beta, op.threshold) == (1, 20):
        return "softplus", 0.0
    if isinstance(op, (Hardtanh, Clamp)):
        low, high = (op.min_val, op.max_val) if isinstance(op, Hardtanh) else (op.low, op.high)
        return ("relu6", 0.0) if (low, high) == (0, 6) else None
    return (op.activation, op.alpha) if isinstance(op, Activate) else None


def _keeps_dtype(draft: Draft, node: Node) -> bool:
    return all(v is None or draft.specs[v].dtype is draft.specs[node.outputs[0]].dtype for v in node.inputs)


def _lower_batch_norm(draft: Draft, place: int, node: Node, eps: float) -> None:
    """Rounded as the kernel does: scale = (var + eps)^(-1/2) weight, shift = bias - mean scale, y = x scale + shift."""
    x, mean, var, weight, bias = node.inputs
    if x is None or mean is None or var is None:
        return
    spec, channel = draft.specs[x], draft.specs[mean]
    across = spec.with_shape((1, spec.shape[1], *(1,) * (spec.ndim - 2)))
    steps: list[Node] = []

    def step(op: Op, made: Spec, *taken: Value) -> Value:
        value = draft.new_value(made)
        steps.append(Node(op, taken, (value,)))
        return value

    number = move(np.asarray(eps, spec.dtype.numpy), spec.device)
    little = draft.new_constant(number, spec.with_shape(()), None)
    scale = step(Rsqrt(), channel, step(Add(), channel, var, little))
    scale = scale if weight is None else step(Mul(), channel, scale, weight)
    if bias is None:
        shift = step(Mul(), channel, step(Neg(), channel, mean), scale)
    else:
        shift = step(Sub(), channel, bias, step(Mul(), channel, mean, scale))
    scale, shift = (step(Regroup(across.shape), across, value) for value in (scale, shift))
    scaled = step(Mul(), spec, x, scale)
    draft.put(place, *steps, Node(Add(), (scaled, shift), node.outputs))


def _lower_normalize(draft: Draft, place: int, node: Node, op: Normalize) -> None:
    """Where nobody asks for the moments."""
    if any(draft.users.get(value) or value in draft.outputs for value in node.outputs[1:]):
        return
    if _keeps_dtype(draft, node):
        draft.put(place, Node(NormalizeFused("none", 0.0, op.dims, op.eps), node.inputs, node.outputs[:1]))


def _lower_matmul(draft: Draft, fixed: set[Value], place: int, node: Node) -> None:
    x, matrix = node.inputs
    if x is None or matrix is None or matrix not in fixed:
        return
    if draft.specs[x].ndim != 2 or draft.specs[matrix].ndim != 2:
        return
    before = draft.made_by(matrix)
    if before is not None and isinstance(before.op, Permute) and before.inputs[0] is not None:
        draft.put(place, Node(LinearFused("none", 0.0), (x, before.inputs[0], None, None), node.outputs))
        return
    spec = draft.specs[matrix]
    weight = draft.new_value(spec.with_shape((spec.shape[1], spec.shape[0])))
    fixed.add(weight)
    turned = Node(Permute((1, 0)), (matrix,), (weight,))
    draft.put(place, turned, Node(LinearFused("none", 0.0), (x, weight, None, None), node.outputs))
