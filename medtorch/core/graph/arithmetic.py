"""How many multiply-adds the products of a graph have, by their definition and by the algorithms chosen for them.

Products are convolutions, transposed convolutions, linear maps, matrix products and attention. What else a graph does
counts as nothing: at a machine's peak the chosen ones take a time that a program for these algorithms cannot go below,
unless it leaves products with padding out, which count here.

Requires  REQ-F-CMP-007
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from medtorch.core.algorithms import get_cpu_algorithms
from medtorch.core.dtypes import float32
from medtorch.core.graph.ir import Graph, Node
from medtorch.core.graph.ops import ConvFused, ConvTransposeFused, LinearFused
from medtorch.core.kernels import Kernels
from medtorch.core.ops.attention import ScaledDotProductAttention
from medtorch.core.ops.conv import Conv, ConvInputGrad
from medtorch.core.ops.linear import Linear
from medtorch.core.ops.matmul import Matmul
from medtorch.core.shapes import Shape

TILES = {"winograd2": 2, "winograd4": 4}
"""Results along one side of a tile, for which 3x3 kernels need (side + 2)^2 multiplications."""


@dataclass(frozen=True)
class MultiplyAdds:
    """`plain` by definition, padding included; `chosen` are left by the algorithms in force."""

    plain: int
    chosen: int


def conv_algorithm(graph: Graph, node: Node, kernels: Kernels) -> str | None:
    """How a convolution is computed under the choice in force; None for any other op."""
    op, given = node.op, [graph.specs[value] for value in node.inputs[:2] if value is not None]
    if not isinstance(op, (Conv, ConvFused)) or len(given) != 2:
        return None
    x, weight = given
    if x.dtype is not float32:
        return "direct"
    geometry = (op.stride, op.padding, op.dilation, op.groups)
    return kernels.conv_algorithm(x.shape, weight.shape, *geometry, get_cpu_algorithms())


def multiply_adds(graph: Graph, kernels: Kernels) -> MultiplyAdds:
    """The sum over all nodes of `graph`."""
    plain = chosen = 0
    for node in graph.nodes:
        count = _of_node(graph, node)
        plain += count
        side = TILES.get(conv_algorithm(graph, node, kernels) or "")
        chosen += _in_tiles(graph, node, count, side) if side else count
    return MultiplyAdds(plain, chosen)


def _of_node(graph: Graph, node: Node) -> int:
    op, made = node.op, graph.specs[node.outputs[0]].shape
    given = [() if value is None else graph.specs[value].shape for value in node.inputs]
    if isinstance(op, (Conv, ConvFused)):
        return math.prod(made) * math.prod(given[1][1:])
    if isinstance(op, (ConvInputGrad, ConvTransposeFused)):
        return math.prod(given[0]) * math.prod(given[1][1:])
    if isinstance(op, (Linear, LinearFused, Matmul)):
        return math.prod(made) * given[0][-1]
    if isinstance(op, ScaledDotProductAttention):
        return math.prod(made[:-1]) * given[1][-2] * (given[0][-1] + made[-1])
    return 0


def _in_tiles(graph: Graph, node: Node, count: int, side: int) -> int:
    """A tile that is not whole costs as much as a whole one."""
    *_, down, across = graph.specs[node.outputs[0]].shape
    steps: Shape = node.op.dilation[-2:]  # type: ignore[attr-defined]
    tiles = math.prod(_tiles(n, step, side) for n, step in zip((down, across), steps, strict=True))
    return count // (9 * down * across) * (side + 2) ** 2 * tiles


def _tiles(results: int, step: int, side: int) -> int:
    """Dilated by `step`, a line is as many lines of its own, each with the results that lie so far apart."""
    return sum(math.ceil(len(range(first, results, step)) / side) for first in range(min(step, results)))
