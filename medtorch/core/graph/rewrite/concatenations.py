"""A concatenation that begins with another one takes its result: then all of them can lie in one piece of memory.

cat(a, b); cat(a, b, c); cat(a, b, c, d)  ->  p = cat(a, b); q = cat(p, c); cat(q, d)

Source    the dense blocks of Huang et al., Densely connected convolutional networks, CVPR 2017
"""

from __future__ import annotations

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.ops.shape import Cat

_Key = tuple[int, tuple[Value | None, ...]]


def nest_concatenations(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with every concatenation made of the longest earlier one that it begins with."""
    draft, nested = Draft(graph), 0
    known: dict[_Key, Value] = {}
    for place, node in draft.nodes():
        if not isinstance(node.op, Cat):
            continue
        dim, parts = node.op.dim, node.inputs
        for length in range(len(parts) - 1, 1, -1):
            earlier = known.get((dim, parts[:length]))
            if earlier is not None and draft.specs[earlier].dtype is draft.specs[node.outputs[0]].dtype:
                draft.put(place, Node(node.op, (earlier, *parts[length:]), node.outputs))
                nested += 1
                break
        known[dim, parts] = node.outputs[0]
    return draft.finished(), {"concatenations nested": nested}
