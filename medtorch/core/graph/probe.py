"""One run of a rewritten graph to see what only a run can tell: memory layouts, and which values share memory.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.recorder import memory_order
from medtorch.core.graph.recording import jobs_are_all, listening, touches
from medtorch.core.kernels import Kernels
from medtorch.errors import CompileError

Array = Any
Orders = dict[Value, tuple[int, ...] | None]
Shares = dict[Value, tuple[Value, ...]]


@dataclass(frozen=True)
class Seen:
    """What a run showed.

    `orders`  the dims of each value from the longest step in memory to the shortest, None where there are gaps
    `shares`  for a value that looks into the memory of values that its node took: those values
    `native`  the numbers of the nodes that are native jobs and looks into memory, and nothing besides
    `answers` the outputs
    """

    orders: Orders
    shares: Shares
    native: frozenset[int]
    answers: tuple[Array, ...]


def last_uses(graph: Graph) -> dict[Value, int]:
    """The node that takes each value last; one past the end for what goes out."""
    found = {value: nr for nr, node in enumerate(graph.nodes) for value in node.inputs if value is not None}
    return found | dict.fromkeys(graph.outputs, len(graph.nodes))


def probe(graph: Graph, kernels: Kernels, arrays: list[Array]) -> Seen:
    """Run every node as it stands; a value is forgotten when it was used for the last time."""
    make = None if kernels.native is None else kernels.native.Recorder
    return _walked(graph, kernels, arrays, lambda: None if make is None else make(True))


def probe_described(graph: Graph, kernels: Kernels, orders: list[tuple[int, ...]]) -> Seen:
    """What a run would show, without one where kernels are native: on inputs that are addresses without memory.

    `orders` are the dims of each input from the longest step in memory to the shortest. The answers mean nothing.
    """
    specs = [graph.specs[value] for value in graph.inputs]
    recorder = None if kernels.native is None else kernels.native.Recorder(False)
    arrays = []
    for spec, order in zip(specs, orders, strict=True):
        size = spec.numel * spec.dtype.itemsize
        room = np.zeros(size, np.uint8) if recorder is None else recorder.addresses(size)
        back = sorted(range(spec.ndim), key=order.__getitem__)
        arrays.append(room.view(spec.dtype.numpy).reshape([spec.shape[d] for d in order]).transpose(back))
    return _walked(graph, kernels, arrays, lambda: recorder)


def _walked(graph: Graph, kernels: Kernels, arrays: list[Array], recorder: Callable[[], Any]) -> Seen:
    registers = {value: constant.array for value, constant in graph.constants.items()}
    registers.update(zip(graph.inputs, arrays, strict=True))
    ends = last_uses(graph)
    shares: Shares = {}
    native: set[int] = set()
    orders: Orders = {}
    orders.update((value, dense_order(array)) for value, array in registers.items())
    with kernels.quiet():
        for nr, node in enumerate(graph.nodes):
            if _step(graph, node, kernels, recorder(), registers, orders, shares):
                native.add(nr)
            for value in (*node.inputs, *node.outputs):
                if value is not None and ends.get(value, nr) == nr:
                    registers.pop(value, None)
    return Seen(orders, shares, frozenset(native), tuple(registers[value] for value in graph.outputs))


def _step(
    graph: Graph,
    node: Node,
    kernels: Kernels,
    recorder: Any,
    registers: dict[Value, Array],
    orders: Orders,
    shares: Shares,
) -> bool:
    """Run the node; whether native jobs are all that it does."""
    taken = [None if value is None else registers[value] for value in node.inputs]
    first = 0 if recorder is None else len(recorder)
    with listening(recorder):
        found = node.op.forward(kernels, *taken)
    made = [_array(one) for one in (found if isinstance(found, tuple) else (found,))]
    for value, array in zip(node.outputs, made, strict=True):
        spec = graph.specs[value]
        if tuple(array.shape) != spec.shape or array.dtype != spec.dtype.numpy:
            raise CompileError(f"compile: {node.op.name} made {array.dtype} {tuple(array.shape)} where {spec} is due")
        registers[value] = array
        orders[value] = dense_order(array)
        shared = [v for v, a in zip(node.inputs, taken, strict=True) if a is not None and _share(node, array, a)]
        if shared:
            shares[value] = tuple(v for v in shared if v is not None)
    given = [array for array in taken if array is not None]
    if recorder is None:
        return False
    return jobs_are_all((touches(recorder, nr) for nr in range(first, len(recorder))), given, made)


def _array(made: Any) -> Array:
    """NumPy hands out scalars where a 0-d array is meant."""
    return made if hasattr(made, "__setitem__") else np.asarray(made)


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
