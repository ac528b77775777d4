"""One run of a rewritten graph to see what only a run can tell: memory layouts, and which values share memory.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.graph.constants import Supply
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


def probe(graph: Graph, kernels: Kernels, arrays: list[Array], supply: Supply | None = None) -> Seen:
    """Run every node as it stands; a value is forgotten when it was used for the last time.

    Constants come from the graph, or one after the other from `supply`.
    """
    make = None if kernels.native is None else kernels.native.Recorder
    return _walked(graph, kernels, arrays, lambda: None if make is None else make(True), supply)


def probe_described(graph: Graph, kernels: Kernels, orders: list[tuple[int, ...]], supply: Supply) -> Seen:
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
    return _walked(graph, kernels, arrays, lambda: recorder, supply)


def _walked(
    graph: Graph, kernels: Kernels, arrays: list[Array], recorder: Callable[[], Any], supply: Supply | None
) -> Seen:
    if supply is None:
        supply = Supply(dict(graph.constants), kernels, lambda constant: constant.array, keep=True)
    walk = _Walk(graph, kernels, supply)
    for value, array in zip(graph.inputs, arrays, strict=True):
        walk.enter(value, array)
    with kernels.quiet():
        for nr, node in enumerate(graph.nodes):
            walk.step(nr, node, recorder())
    return walk.seen()


class _Walk:
    """The values that are alive on the way through a graph, and what was seen of them."""

    def __init__(self, graph: Graph, kernels: Kernels, supply: Supply) -> None:
        self._graph, self._kernels, self._supply, self._ends = graph, kernels, supply, last_uses(graph)
        self._registers: dict[Value, Array] = {}
        self._orders: Orders = {}
        self._shares: Shares = {}
        self._native: set[int] = set()

    def enter(self, value: Value, array: Array) -> None:
        self._registers[value] = array
        self._orders[value] = dense_order(array)

    def step(self, nr: int, node: Node, recorder: Any) -> None:
        """Run the node; forget what it was the last one to use."""
        for value in node.inputs:
            constant = None if value is None or value in self._registers else self._supply.array(value)
            if value is not None and constant is not None:
                self.enter(value, constant)
        taken = [None if value is None else self._registers[value] for value in node.inputs]
        first = 0 if recorder is None else len(recorder)
        with listening(recorder):
            found = node.op.forward(self._kernels, *taken)
        made = [_array(one) for one in (found if isinstance(found, tuple) else (found,))]
        self._made(node, taken, made)
        jobs = None if recorder is None else [touches(recorder, job) for job in range(first, len(recorder))]
        given = [array for array in taken if array is not None]
        if jobs is not None and jobs_are_all(jobs, given, made):
            self._native.add(nr)
        else:
            jobs = None
        self._supply.used(node.inputs, jobs)
        for value in node.outputs:  # what looks into a constant needs it for as long as it lives itself
            self._supply.used(self._shares.get(value, ()), None)
        del taken, given  # a constant that is let go now must have no other owner
        self._forget(nr, node)

    def seen(self) -> Seen:
        self._supply.rest()
        for value, constant in self._supply.made.items():
            if value not in self._orders or value in self._graph.outputs:
                self.enter(value, constant.array)
        answers = tuple(self._registers[value] for value in self._graph.outputs)
        return Seen(self._orders, self._shares, frozenset(self._native), answers)

    def _made(self, node: Node, taken: list[Array | None], made: list[Array]) -> None:
        for value, array in zip(node.outputs, made, strict=True):
            spec = self._graph.specs[value]
            if tuple(array.shape) != spec.shape or array.dtype != spec.dtype.numpy:
                raise CompileError(
                    f"compile: {node.op.name} made {array.dtype} {tuple(array.shape)} where {spec} is due"
                )
            self.enter(value, array)
            pairs = zip(node.inputs, taken, strict=True)
            shared = tuple(v for v, a in pairs if v is not None and a is not None and _share(node, array, a))
            if shared:
                self._shares[value] = shared

    def _forget(self, nr: int, node: Node) -> None:
        for value in (*node.inputs, *node.outputs):
            if value is not None and self._ends.get(value, nr) == nr:
                self._registers.pop(value, None)
                self._supply.done(value)


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
