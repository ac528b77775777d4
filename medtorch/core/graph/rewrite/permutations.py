"""Permutations moved behind sums, products and activations, so that what follows a product stands next to it.

permute(a) + b  ->  permute(a + permute back(b)): no number changes. Permutations are looks into memory and cost
nothing; before, they stood between a linear layer and the scale and residual of its block (ConvNeXt's).
"""

from __future__ import annotations

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import Activate, Regroup
from medtorch.core.ops.arithmetic import Add, Mul, Sub
from medtorch.core.ops.shape import Permute
from medtorch.core.shapes import Shape


def sink_permutations(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with permutations of what floating-point nodes make as late as they can be."""
    total = 0
    while True:
        draft, sunk = Draft(graph), 0
        fixed = draft.fixed()
        for place, node in draft.nodes():
            if isinstance(node.op, (Add, Mul, Sub, Activate)):
                sunk += _sink(draft, fixed, place, node)
        if not sunk:
            return graph, {"permutations moved back": total}
        graph, total = draft.finished(), total + sunk


def _sink(draft: Draft, fixed: set[Value], place: int, node: Node) -> bool:
    result = draft.specs[node.outputs[0]]
    for nr, value in enumerate(node.inputs):
        before = draft.made_by(value)
        if value is None or before is None or not isinstance(before.op, Permute) or value in fixed:
            continue
        source = before.inputs[0]
        if source is None or draft.made_by(source) is None or draft.only_user(source) is None:
            continue  # an input would only be looked at in another way
        if draft.only_user(value) is None or draft.specs[value] != result or not result.dtype.is_floating_point:
            continue
        if len(draft.places[draft.maker[value]]) != 1:
            continue  # moved a moment ago: again in the next round
        dims = before.op.dims
        back = tuple(sorted(range(len(dims)), key=dims.__getitem__))
        others = [_turned(draft, fixed, other, back) for k, other in enumerate(node.inputs) if k != nr]
        if any(other is None for other in others):
            continue
        nodes = [one for other in others if other is not None for one in other[1]]
        taken: list[Value | None] = [other[0] for other in others if other is not None]
        taken.insert(nr, source)
        made = draft.new_value(draft.specs[source])
        draft.put(draft.maker[value])
        draft.put(place, *nodes, Node(node.op, tuple(taken), (made,)), Node(before.op, (made,), node.outputs))
        return True
    return False


def _turned(draft: Draft, fixed: set[Value], value: Value | None, back: Shape) -> tuple[Value, list[Node]] | None:
    """The nodes that bring an operand into the order before the permutation, and what they make."""
    if value is None:
        return None
    spec, nodes = draft.specs[value], []
    if spec.ndim == 0:
        return value, []
    if spec.ndim < len(back):
        if value not in fixed:
            return None
        shape = (*(1,) * (len(back) - spec.ndim), *spec.shape)
        whole = draft.new_value(spec.with_shape(shape))
        nodes.append(Node(Regroup(shape), (value,), (whole,)))
        fixed.add(whole)
        value, spec = whole, draft.specs[whole]
    made = draft.new_value(spec.with_shape(tuple(spec.shape[d] for d in back)))
    nodes.append(Node(Permute(back), (value,), (made,)))
    if value in fixed:
        fixed.add(made)
    return made, nodes
