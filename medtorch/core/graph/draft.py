"""A graph while a pass rewrites it: who makes and who uses each value, and nodes that change places.

Requires  REQ-F-CMP-003
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from medtorch.core.graph.ir import Constant, Graph, Node, Value
from medtorch.core.spec import Spec

Array = Any


class Draft:
    """A changeable Graph. A place is where a node stood; it may come to hold none or several."""

    def __init__(self, graph: Graph) -> None:
        self.inputs = graph.inputs
        self.outputs = list(graph.outputs)
        self.constants = dict(graph.constants)
        self.specs = dict(graph.specs)
        self.places: list[tuple[Node, ...]] = [(node,) for node in graph.nodes]
        self._next = max(self.specs, default=-1) + 1
        self.maker: dict[Value, int] = {}
        self.users: dict[Value, list[int]] = {}
        for place, node in enumerate(graph.nodes):
            self._enter(place, node)

    def nodes(self) -> Iterator[tuple[int, Node]]:
        """Every place that holds one node, with it; places may be rewritten meanwhile."""
        for place in range(len(self.places)):
            if len(self.places[place]) == 1:
                yield place, self.places[place][0]

    def only_user(self, value: Value) -> tuple[int, Node] | None:
        """The one node that takes `value`, once; None if others do, or if it goes out."""
        users = self.users.get(value, [])
        if len(users) != 1 or value in self.outputs or len(self.places[users[0]]) != 1:
            return None
        return users[0], self.places[users[0]][0]

    def made_by(self, value: Value | None) -> Node | None:
        """The node that makes `value`; None for inputs and constants."""
        place = None if value is None else self.maker.get(value)
        return None if place is None else next(n for n in self.places[place] if value in n.outputs)

    def put(self, place: int, *nodes: Node) -> None:
        """Let `place` hold `nodes` instead."""
        for node in self.places[place]:
            for value in node.outputs:
                self.maker.pop(value, None)
            for taken in node.inputs:
                if taken is not None:
                    self.users[taken].remove(place)
        self.places[place] = nodes
        for node in nodes:
            self._enter(place, node)

    def forward_uses(self, old: Value, new: Value) -> None:
        """Let everything that takes `old` take `new`."""
        for place in set(self.users.get(old, ())):
            changed = [
                Node(n.op, tuple(new if v == old else v for v in n.inputs), n.outputs) for n in self.places[place]
            ]
            self.put(place, *changed)
        self.outputs = [new if value == old else value for value in self.outputs]

    def new_value(self, spec: Spec) -> Value:
        """A value that nobody makes yet."""
        value = self._next
        self._next += 1
        self.specs[value] = spec
        return value

    def new_constant(self, source: Array | Callable[[], Array], spec: Spec, name: str | None) -> Value:
        """A constant of its own: an array, or what makes one."""
        value = self.new_value(spec)
        self.constants[value] = Constant(source, name)
        return value

    def fixed(self) -> set[Value]:
        """Constants and the values that follow from constants alone."""
        found = set(self.constants)
        for nodes in self.places:
            for node in nodes:
                if all(value in found for value in node.inputs if value is not None):
                    found.update(node.outputs)
        return found

    def finished(self) -> Graph:
        """The graph as it stands."""
        nodes = tuple(node for nodes in self.places for node in nodes)
        return Graph(self.inputs, self.constants, nodes, tuple(self.outputs), self.specs)

    def _enter(self, place: int, node: Node) -> None:
        for value in node.outputs:
            self.maker[value] = place
        for taken in node.inputs:
            if taken is not None:
                self.users.setdefault(taken, []).append(place)
