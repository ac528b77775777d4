"""One run of a rewritten graph to see what only a run can tell: memory layouts, and which values share memory.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.recorder import memory_order
from medtorch.core.kernels import Kernels

Array = Any


@dataclass(frozen=True)
class Seen:
    """What a run showed.

    `orders`  the dims of each value from the longest step in memory to the shortest, None where there are gaps
    `shares`  for a value that looks into the memory of values that its node took: those values
    `answers` the outputs
    """

    orders: dict[Value, tuple[int, ...] | None]
    shares: dict[Value, tuple[Value, ...]]
    answers: tuple[Array, ...]


def last_uses(graph: Graph) -> dict[Value, int]:
    """The node that takes each value last; one past the end for what goes out."""
    found = {value: nr for nr, node in enumerate(graph.nodes) for value in node.inputs if value is not None}
    return found | dict.fromkeys(graph.outputs, len(graph.nodes))


def probe(graph: Graph, kernels: Kernels, arrays: list[Array]) -> Seen:
    """Run every node as it stands; a value is forgotten when it was used for the last time."""
    registers = {value: constant.array for value, constant in graph.constants.items()}
    registers.update(zip(graph.inputs, arrays, strict=True))
    ends, seen = last_uses(graph), Seen({}, {}, ())
    with kernels.quiet():
        for nr, node in enumerate(graph.nodes):
            _step(node, kernels, registers, seen)
            for value in (*node.inputs, *node.outputs):
                if value is not None and ends.get(value, nr) == nr:
                    registers.pop(value, None)
    return Seen(seen.orders, seen.shares, tuple(registers[value] for value in graph.outputs))


def _step(node: Node, kernels: Kernels, registers: dict[Value, Array], seen: Seen) -> None:
    taken = [None if value is None else registers[value] for value in node.inputs]
    found = node.op.forward(kernels, *taken)
    for value, made in zip(node.outputs, found if isinstance(found, tuple) else (found,), strict=True):
        array = made if hasattr(made, "__setitem__") else np.asarray(made)
        registers[value] = array
        seen.orders[value] = dense_order(array)
        shared = [v for v, a in zip(node.inputs, taken, strict=True) if a is not None and _share(node, array, a)]
        if shared:
            seen.shares[value] = tuple(v for v in shared if v is not None)


def _share(node: Node, made: Array, taken: Array) -> bool:
    if isinstance(made, np.ndarray):
        return bool(np.may_share_memory(made, taken))
    return node.op.views


def dense_order(array: Array) -> tuple[int, ...] | None:
    """The order of dims in which the elements of `array` follow each other without gaps; None if there is none."""
    order, step = memory_order(array), array.itemsize
    for dim in reversed(order):
        if array.shape[dim] != 1 and array.strides[dim] != step:
            return None
        step *= array.shape[dim]
    return order
