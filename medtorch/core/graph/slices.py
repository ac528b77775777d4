"""A graph with its stretches written out: the nodes of each once for every slice of the batch.

What a stretch takes is looked into, slice by slice; what leaves it is put together in a concatenation, which costs
nothing, as each slice is written where it goes. So planning sees an ordinary graph: memory inside a stretch is planned
for one slice, and the check of the finished plan holds it to the bits of the graph as it was.

Requires  REQ-F-CMP-012
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medtorch.core.graph.images import for_some, taken_in_parts
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.probe import Seen, last_uses
from medtorch.core.graph.stretches import Stretch, batch_of
from medtorch.core.ops.shape import Cat, Slice


def written_out(graph: Graph, seen: Seen, stretches: Sequence[Stretch]) -> tuple[Graph, Seen]:
    """The graph with each of the stretches, in order, once a slice; and what a run of that would show."""
    if not stretches:
        return graph, seen
    slicer, done = _Slicer(graph, seen), 0
    for stretch in stretches:
        slicer.keep(done, stretch.first)
        slicer.cut(stretch)
        done = stretch.last
    slicer.keep(done, len(graph.nodes))
    return slicer.finished()


class _Slicer:
    def __init__(self, graph: Graph, seen: Seen) -> None:
        self._graph, self._seen, self._batch = graph, seen, batch_of(graph)
        self._specs, self._orders, self._shares = dict(graph.specs), dict(seen.orders), dict(seen.shares)
        self._uses, self._next = last_uses(graph), max(graph.specs) + 1
        self._nodes: list[Node] = []
        self._native: set[int] = set()

    def finished(self) -> tuple[Graph, Seen]:
        graph = replace(self._graph, nodes=tuple(self._nodes), specs=self._specs)
        return graph, Seen(self._orders, self._shares, frozenset(self._native), self._seen.answers)

    def keep(self, first: int, last: int) -> None:
        """The nodes [first, last) as they are."""
        for nr in range(first, last):
            self._add(self._graph.nodes[nr], native=nr in self._seen.native)

    def cut(self, stretch: Stretch) -> None:
        """The nodes of the stretch for each slice, and what leaves it put together."""
        nodes = self._graph.nodes[stretch.first : stretch.last]
        leaving = [v for node in nodes for v in node.outputs if self._uses.get(v, -1) >= stretch.last]
        parts: dict[Value, list[Value]] = {value: [] for value in leaving}
        for start in range(0, self._batch, stretch.images):
            here = self._slice(nodes, start, min(stretch.images, self._batch - start))
            for value in leaving:
                parts[value].append(here[value])
        for value, slices in parts.items():
            self._shares.pop(value, None)  # it has memory of its own now
            self._add(Node(Cat(0), tuple(slices), (value,)))

    def _slice(self, nodes: Sequence[Node], start: int, some: int) -> dict[Value, Value]:
        """The nodes for `some` images from the one numbered `start` on: what stands for each value."""
        here: dict[Value, Value] = {}
        for node in nodes:
            parts = taken_in_parts(node, self._graph.specs, self._batch)
            pairs = list(zip(node.inputs, parts or (), strict=True))
            for value, part in pairs:
                if part and value is not None and value not in here:
                    here[value] = self._look(value, start, some)
            for value in node.outputs:
                here[value] = self._part(value, some)
                if value in self._seen.shares:
                    self._shares[here[value]] = tuple(here.get(v, v) for v in self._seen.shares[value])
            taken = tuple(here[value] if part and value is not None else value for value, part in pairs)
            self._add(Node(for_some(node.op, some, self._batch), taken, tuple(here[v] for v in node.outputs)))
        return here

    def _look(self, value: Value, start: int, some: int) -> Value:
        """A slice of a value of the whole batch."""
        rows, found = self._graph.specs[value].shape[0] // self._batch, self._part(value, some)
        self._shares[found] = (value,)
        self._add(Node(Slice(0, start * rows, (start + some) * rows), (value,), (found,)))
        return found

    def _part(self, value: Value, some: int) -> Value:
        """A new value for some images of `value`."""
        spec, found = self._graph.specs[value], self._next
        self._next += 1
        self._specs[found] = spec.with_shape((spec.shape[0] // self._batch * some, *spec.shape[1:]))
        self._orders[found] = self._seen.orders[value]
        return found

    def _add(self, node: Node, *, native: bool = True) -> None:
        if native:
            self._native.add(len(self._nodes))
        self._nodes.append(node)
