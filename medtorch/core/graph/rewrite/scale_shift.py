"""A scale and a shift by channel that found no product to go into, as one step.

Math      y = x scale + shift, with the two roundings of the ops that it takes the place of
"""

from __future__ import annotations

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import ScaleShift
from medtorch.core.graph.rewrite.affine import is_by_channel
from medtorch.core.ops.arithmetic import Add, Mul
from medtorch.core.spec import Spec


def join_scale_shift(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with a product by a constant and a sum with a constant joined where both go by the same dim."""
    draft, joined = Draft(graph), 0
    for place, node in draft.nodes():
        scale = _constant_operand(draft, node) if isinstance(node.op, Mul) else None
        user = None if scale is None else draft.only_user(node.outputs[0])
        if scale is None or user is None or not isinstance(user[1].op, Add):
            continue
        shift = _constant_operand(draft, user[1])
        x = node.inputs[0] if node.inputs[1] == scale else node.inputs[1]
        result = draft.specs[user[1].outputs[0]]
        if shift is None or x is None or draft.specs[x] != result or not result.dtype.is_floating_point:
            continue
        dim = _common_dim(draft.specs[scale], draft.specs[shift], result)
        if dim is None:
            continue
        flat = tuple(_flat(draft, value, result.shape[dim]) for value in (scale, shift))
        draft.put(place)
        draft.put(user[0], Node(ScaleShift("none", 0.0, dim), (x, *flat), user[1].outputs))
        joined += 1
    return draft.finished(), {"scales and shifts joined": joined}


def _constant_operand(draft: Draft, node: Node) -> Value | None:
    """The constant of a sum or product of a constant and something else."""
    constant = [value for value in node.inputs if value in draft.constants]
    return constant[0] if len(constant) == 1 else None


def _common_dim(scale: Spec, shift: Spec, result: Spec) -> int | None:
    """The dim by which both go; None where there is none, or nothing to tell it by."""
    fitting = [d for d in range(result.ndim) if is_by_channel(scale, result, d) and is_by_channel(shift, result, d)]
    full = [d for d in fitting if scale.numel == result.shape[d] == shift.numel]
    return full[0] if full else None


def _flat(draft: Draft, value: Value, size: int) -> Value:
    spec, constant = draft.specs[value], draft.constants[value]
    return draft.new_constant(constant.array.reshape(size), spec.with_shape((size,)), constant.name)
