"""A gate by channel (squeeze and excitation) multiplied in where a convolution of single places reads its input.

The kernel rounds each product before it goes into a sum, as the step that it takes the place of did: no bit changes.
"""

from __future__ import annotations

from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import ConvFused, ConvGated
from medtorch.core.ops.arithmetic import Mul


def fold_gates(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with products of images and gates inside the convolutions that alone take them."""
    draft, folded = Draft(graph), 0
    for place, node in draft.nodes():
        user = draft.only_user(node.outputs[0]) if isinstance(node.op, Mul) else None
        found = None if user is None else _image_and_gate(draft, node)
        if user is None or found is None or not _reads_places(draft, user[1], node.outputs[0]):
            continue
        where, conv = user
        op = conv.op
        gated = ConvGated(op.activation, op.alpha, op.stride, op.padding, op.dilation, op.groups)  # type: ignore[attr-defined]
        image, gate = found
        draft.put(place)
        draft.put(where, Node(gated, (image, *conv.inputs[1:], gate), conv.outputs))
        folded += 1
    return draft.finished(), {"gates folded into convolutions": folded}


def _image_and_gate(draft: Draft, node: Node) -> tuple[Value, Value] | None:
    """The two factors, where one is as large as the product and the other has a number for each channel of it."""
    made = draft.specs[node.outputs[0]]
    gate_spec = made.with_shape((*made.shape[:2], *(1,) * (made.ndim - 2)))
    for image, gate in (node.inputs, node.inputs[::-1]):
        if image is None or gate is None or made == gate_spec:
            continue
        if draft.specs[image] == made and draft.specs[gate] == gate_spec:
            return image, gate
    return None


def _reads_places(draft: Draft, node: Node, product: Value) -> bool:
    """Whether the node is a convolution of `product` place by place."""
    op, weight = node.op, node.inputs[1] if len(node.inputs) > 1 else None
    if type(op) is not ConvFused or node.inputs[0] != product or weight is None:
        return False
    single = set(draft.specs[weight].shape[2:]) == set(op.stride) == {1}
    return single and op.groups == 1 and not any(map(any, op.padding))
