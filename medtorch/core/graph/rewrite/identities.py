"""Ops that hand on what they are given: copies (values never change here), casts to the same dtype, empty views."""

from __future__ import annotations

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node
from medtorch.core.graph.ops import Arrange, Regroup
from medtorch.core.ops.copy import Cast, Clone, Overwrite, SetView
from medtorch.core.ops.indexing import BasicIndex
from medtorch.core.ops.op import Op
from medtorch.core.ops.shape import Cat, Expand, Permute, Reshape, Slice


def drop_identities(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph without identities, and with one reshape or permutation where several follow each other."""
    draft, removed = Draft(graph), 0
    for place, node in draft.nodes():
        if _is_identity(draft, node):
            source = node.inputs[1] if isinstance(node.op, Overwrite) else node.inputs[0]
            if source is not None:
                draft.put(place)
                draft.forward_uses(node.outputs[0], source)
                removed += 1
        else:
            removed += _joined(draft, place, node)
    return draft.finished(), {"identities removed": removed}


def _is_identity(draft: Draft, node: Node) -> bool:
    if len(node.outputs) != 1 or not node.inputs:
        return False
    source = node.inputs[1] if isinstance(node.op, Overwrite) else node.inputs[0]
    if source is None:
        return False
    have, made = draft.specs[source], draft.specs[node.outputs[0]]
    same = have.shape == made.shape and have.dtype is made.dtype
    if isinstance(node.op, (Clone, Arrange)) and _is_written_through(draft, node):
        return False
    if isinstance(node.op, (Clone, Arrange, Overwrite, Cast, Expand, Reshape, Regroup)):
        return same
    if isinstance(node.op, Slice):
        return same and node.op.step == 1
    if isinstance(node.op, BasicIndex):
        return same and all(kind == "slice" and step == 1 for kind, _, _, step in node.op.entries)
    if isinstance(node.op, Permute):
        return node.op.dims == tuple(range(have.ndim))
    return isinstance(node.op, Cat) and len(node.inputs) == 1


def _is_written_through(draft: Draft, node: Node) -> bool:
    """Whether a part of the result is replaced through views that its memory layout must allow."""
    users = (n for place in draft.users.get(node.outputs[0], ()) for n in draft.places[place])
    return any(isinstance(user.op, SetView) for user in users)


def _joined(draft: Draft, place: int, node: Node) -> int:
    """Join the node with the one before it, if both only reshape or both only permute."""
    before = draft.made_by(node.inputs[0]) if node.inputs else None
    if before is None or before.inputs[0] is None:
        return 0
    op: Op | None = None
    if isinstance(node.op, (Reshape, Regroup)) and isinstance(before.op, (Reshape, Regroup)):
        op = Regroup(node.op.shape)
    elif isinstance(node.op, Permute) and isinstance(before.op, Permute):
        op = Permute(tuple(before.op.dims[d] for d in node.op.dims))
    if op is None or draft.only_user(before.outputs[0]) is None:
        return 0
    draft.put(draft.maker[before.outputs[0]])
    draft.put(place, Node(op, (before.inputs[0],), node.outputs))
    return 1
