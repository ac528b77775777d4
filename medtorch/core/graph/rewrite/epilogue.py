"""What follows a product or a sum done by the same kernel: a residual added, an activation.

The kernel adds and cuts in the order of the ops it takes the place of, so no bit changes.
"""

from __future__ import annotations

from dataclasses import replace

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node
from medtorch.core.graph.ops import (
    Activate,
    Activated,
    AddActivated,
    ConvFused,
    ConvTransposeFused,
    LinearFused,
    NormalizeFused,
    ScaleShift,
)
from medtorch.core.ops.arithmetic import Add

_PRODUCTS = (ConvFused, ConvTransposeFused, LinearFused)


def fuse_epilogues(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with residuals and activations inside the products, scales and sums before them."""
    draft = Draft(graph)
    counts = {"residuals fused": 0, "activations fused": 0}
    for place, node in draft.nodes():
        if isinstance(node.op, _PRODUCTS) and node.op.activation == "none" and node.inputs[3] is None:
            counts["residuals fused"] += _take_residual(draft, place, node)
    for place, node in draft.nodes():
        if isinstance(node.op, Add) and _is_sum(draft, node):
            draft.put(place, Node(AddActivated("none", 0.0), node.inputs, node.outputs))
    for place, node in draft.nodes():
        if isinstance(node.op, (*_PRODUCTS, ScaleShift, NormalizeFused, AddActivated)) and node.op.activation == "none":
            counts["activations fused"] += _take_activation(draft, place, node, node.op)
    return draft.finished(), counts


def _take_residual(draft: Draft, place: int, node: Node) -> int:
    user = draft.only_user(node.outputs[0])
    if user is None or not isinstance(user[1].op, Add):
        return 0
    where, after = user
    other = after.inputs[1] if after.inputs[0] == node.outputs[0] else after.inputs[0]
    made, result = draft.specs[node.outputs[0]], draft.specs[after.outputs[0]]
    if other is None or draft.specs[other] != made or result != made:
        return 0
    draft.put(place)
    draft.put(where, Node(node.op, (*node.inputs[:3], other), after.outputs))
    return 1


def _is_sum(draft: Draft, node: Node) -> bool:
    """A sum of two floating-point values of one dtype, as AddActivated takes it."""
    kinds = {draft.specs[value].dtype for value in (*node.inputs, *node.outputs) if value is not None}
    return len(kinds) == 1 and kinds.pop().is_floating_point


def _take_activation(draft: Draft, place: int, node: Node, op: Activated) -> int:
    user = draft.only_user(node.outputs[0])
    ending = None if user is None else user[1].op
    if user is None or not isinstance(ending, Activate):
        return 0
    draft.put(place)
    ended = replace(op, activation=ending.activation, alpha=ending.alpha)
    draft.put(user[0], Node(ended, node.inputs, user[1].outputs))
    return 1
