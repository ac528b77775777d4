"""Reshapes around linear layers out of the way, so that what follows a layer stands next to it."""

from __future__ import annotations

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import LinearFused, Regroup
from medtorch.core.ops.arithmetic import Add


def lift_linear(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with leading dims left to the linear kernel, which makes rows of them itself; else the bias before."""
    draft, lifted, moved = Draft(graph), 0, 0
    fixed = draft.fixed()
    for place, node in draft.nodes():
        before = draft.made_by(node.inputs[0]) if isinstance(node.op, LinearFused) else None
        user = None if before is None else draft.only_user(node.outputs[0])
        if before is None or user is None:
            continue
        if _only_regroup(draft, before, node, user[1]):
            draft.put(place)
            draft.put(user[0], Node(node.op, (before.inputs[0], *node.inputs[1:]), user[1].outputs))
            lifted += 1
    for place, node in draft.nodes():
        moved += isinstance(node.op, LinearFused) and _move_bias(draft, fixed, place, node)
    return draft.finished(), {"reshapes around linear layers removed": lifted, "biases moved before reshapes": moved}


def _only_regroup(draft: Draft, before: Node, node: Node, after: Node) -> bool:
    """Whether the nodes around a linear one make rows of leading dims and leading dims of rows again."""
    source = before.inputs[0]
    if not isinstance(before.op, Regroup) or not isinstance(after.op, Regroup) or source is None:
        return False
    taken, rows = draft.specs[source], draft.specs[before.outputs[0]]
    made, given = draft.specs[node.outputs[0]], draft.specs[after.outputs[0]]
    same_last = taken.ndim > 1 and taken.shape[-1] == rows.shape[-1]
    return same_last and given.shape == (*taken.shape[:-1], made.shape[-1])


def _move_bias(draft: Draft, fixed: set[Value], place: int, node: Node) -> bool:
    """Add a bias before the reshape that follows a linear node and keeps its last dim, and not after."""
    made = node.outputs[0]
    reshaped = draft.only_user(made)
    added = None if reshaped is None else draft.only_user(reshaped[1].outputs[0])
    if reshaped is None or added is None or not isinstance(reshaped[1].op, Regroup) or not isinstance(added[1].op, Add):
        return False
    rows, given = draft.specs[made], draft.specs[reshaped[1].outputs[0]]
    bias = next((value for value in added[1].inputs if value in fixed and value is not None), None)
    if bias is None or draft.specs[bias].shape != rows.shape[-1:] or draft.specs[bias].dtype is not rows.dtype:
        return False
    if given.shape[-1:] != rows.shape[-1:] or draft.specs[added[1].outputs[0]] != given:
        return False
    total = draft.new_value(rows)
    draft.put(reshaped[0], Node(Add(), (made, bias), (total,)))
    draft.put(added[0], Node(reshaped[1].op, (total,), added[1].outputs))
    return True
