"""Products, softmax and products again as one step that keeps no table of scores.

softmax((query scale) key^T) value, as attention is written out, becomes the step of scaled_dot_product_attention, which
does the same sums in the same order. With a mask the two differ where it leaves nothing (nan, zeros): that stays.
"""

from __future__ import annotations

from medtorch.core.dtypes import float32
from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.ops.arithmetic import Mul
from medtorch.core.ops.attention import ScaledDotProductAttention
from medtorch.core.ops.matmul import Matmul
from medtorch.core.ops.op import Op
from medtorch.core.ops.shape import Permute
from medtorch.core.ops.softmax import Softmax


def fuse_attention(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with attention of float32 on the CPU in one step wherever nobody else needs its scores."""
    draft, fused = Draft(graph), 0
    for place, node in draft.nodes():
        spec = draft.specs[node.outputs[0]]
        if isinstance(node.op, Matmul) and spec.dtype is float32 and spec.device.type == "cpu":
            fused += _fuse(draft, place, node)
    return draft.finished(), {"attentions fused": fused}


def _fuse(draft: Draft, place: int, node: Node) -> bool:
    shares, value = node.inputs
    softmax = _alone(draft, shares, Softmax)
    product = None if softmax is None else _alone(draft, softmax.inputs[0], Matmul)
    if shares is None or value is None or softmax is None or product is None:
        return False
    query, turned = product.inputs
    dim = softmax.op.dim if isinstance(softmax.op, Softmax) else 0
    if query is None or turned is None or dim not in (-1, draft.specs[shares].ndim - 1):
        return False
    if not _are_stacks(draft, node, query, turned, value):
        return False
    query, scale = _scaled(draft, query)
    key, back = _turned(draft, turned)
    for gone in (shares, product.outputs[0]):
        draft.put(draft.maker[gone])
    taken = (query, key, value, None)
    draft.put(place, back, Node(ScaledDotProductAttention(scale, False), taken, node.outputs))
    return True


def _alone(draft: Draft, value: Value | None, kind: type[Op]) -> Node | None:
    """The node of that kind which makes `value`, if one node alone takes it."""
    made = draft.made_by(value)
    alone = made is not None and isinstance(made.op, kind) and value is not None and draft.only_user(value) is not None
    return made if alone else None


def _are_stacks(draft: Draft, node: Node, *values: Value) -> bool:
    """Whether all have the result's leading dims and dtype, and none is empty."""
    result = draft.specs[node.outputs[0]]
    specs = [draft.specs[value] for value in values]
    return all(s.dtype is result.dtype and s.ndim >= 2 and s.numel and s.shape[:-2] == result.shape[:-2] for s in specs)


def _scaled(draft: Draft, query: Value) -> tuple[Value, float]:
    """The query and its scale, where it is one number."""
    made = _alone(draft, query, Mul)
    if made is None:
        return query, 1.0
    for x, scale in (made.inputs, made.inputs[::-1]):
        if x is None or scale not in draft.constants or draft.specs[scale].ndim or draft.specs[x] != draft.specs[query]:
            continue
        if draft.specs[scale].dtype is draft.specs[query].dtype:
            draft.put(draft.maker[query])
            return x, float(draft.constants[scale].array)
    return query, 1.0


def _turned(draft: Draft, turned: Value) -> tuple[Value, Node]:
    """The key, and the node that makes it of its transpose."""
    spec = draft.specs[turned]
    order = (*range(spec.ndim - 2), spec.ndim - 1, spec.ndim - 2)
    key = draft.new_value(spec.with_shape(tuple(spec.shape[d] for d in order)))
    return key, Node(Permute(order), (turned,), (key,))
