"""Which stretches of a graph run for some images of the batch at a time, by what that moves through memory.

A step for g of n images moves, beyond the nearest caches,

    n a ramp(g a) - h    of the activations, a bytes for an image: none while g of them fit, all where they do not, but
                         for the h bytes that come while it computes
    ceil(n / g) (w + k)  of the weights, w bytes, again for each slice; k stands for what it costs to begin a step
    2 n v                of each value, v bytes for an image, that is made before the number of images changes and
                         used behind: it lies there for the whole batch

ramp(x) goes from 0 at NEAR to 1 at NEAR + FAR bytes. The stretches are those of the smallest sum. It follows from
shapes alone, so that one file of plans is the same program everywhere; docs/decisions/compile.md has the measurements.

Requires  REQ-F-CMP-012
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate

from medtorch.core.graph.images import Parts, taken_in_parts
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import ConvFused, LinearFused
from medtorch.core.graph.probe import Seen, last_uses
from medtorch.core.ops.conv import Conv
from medtorch.core.ops.shape import Cat

NEAR, FAR = 4 << 20, 20 << 20
"""Bytes, of two cores of a server: what is near is in their own caches or has its share of the one that all have."""
STEP = 128 << 10
"""Bytes that are moved in the time that it takes to begin a step."""
HIDING = 100
"""Operations of a product for each byte that it waits for no longer."""
MOST_STEPS = 4096
"""Of a graph with all of its nodes written out for every slice, as each is described and planned for itself."""


@dataclass(frozen=True)
class Stretch:
    """The nodes [first, last), run for `images` of the batch at a time."""

    first: int
    last: int
    images: int


def batch_of(graph: Graph) -> int:
    """How many images come in: dim 0 of the first input."""
    shape = graph.specs[graph.inputs[0]].shape if graph.inputs else ()
    return shape[0] if shape else 1


def chosen_stretches(graph: Graph, seen: Seen) -> tuple[Stretch, ...]:
    """The cheapest choice of images at a time for every node, as stretches of those that are not the whole batch."""
    batch = batch_of(graph)
    sizes = [size for size in _powers_of_two(batch) if -(-batch // size) * len(graph.nodes) <= MOST_STEPS]
    if not sizes:
        return ()
    chosen = _cheapest(_Costs(graph, seen, batch), [*sizes, batch], len(graph.nodes))
    found: list[Stretch] = []
    for nr, images in enumerate(chosen):
        if images == batch:
            continue
        if found and (found[-1].last, found[-1].images) == (nr, images):
            found[-1] = Stretch(found[-1].first, nr + 1, images)
        else:
            found.append(Stretch(nr, nr + 1, images))
    return tuple(found)


def parts_of(graph: Graph, seen: Seen, nr: int) -> Parts:
    """Which inputs node `nr` takes in parts.

    None where it mixes images, is more than native jobs, or where slices would not be whole pieces of memory.
    """
    node = graph.nodes[nr]
    parts = taken_in_parts(node, graph.specs, batch_of(graph)) if nr in seen.native else None
    if parts is None:
        return None
    cut = [value for value, part in zip(node.inputs, parts, strict=True) if part and value is not None]
    return parts if all(_outermost(graph, seen, value) for value in (*cut, *node.outputs)) else None


def _outermost(graph: Graph, seen: Seen, value: Value) -> bool:
    """Whether images lie one after the other in memory."""
    order, shape = seen.orders[value], graph.specs[value].shape
    return order is not None and next((dim for dim in order if shape[dim] != 1), 0) == 0


def _powers_of_two(below: int) -> list[int]:
    return [1 << k for k in range(below.bit_length()) if 1 << k < below]


def _cheapest(costs: _Costs, sizes: list[int], count: int) -> list[int]:
    """For each node how many images at a time: the cheapest way through all of them (Viterbi's)."""
    total = dict.fromkeys(sizes, 0.0)
    ways: list[dict[int, int]] = []
    for nr in range(count):
        best = min(sizes, key=total.__getitem__)
        change = total[best] + costs.change(nr)
        ways.append({size: size if total[size] <= change else best for size in sizes})
        total = {size: min(total[size], change) + costs.step(nr, size) for size in sizes}
    chosen = [min(sizes, key=total.__getitem__)] if count else []
    for way in reversed(ways[1:]):
        chosen.append(way[chosen[-1]])
    return chosen[::-1]


class _Costs:
    """Bytes that a step moves, and that a change of the number of images in front of it does."""

    def __init__(self, graph: Graph, seen: Seen, batch: int) -> None:
        self._graph, self._seen, self._batch = graph, seen, batch
        self._parts = [parts_of(graph, seen, nr) for nr in range(len(graph.nodes))]
        self._moved = [self._bytes(nr, node) for nr, node in enumerate(graph.nodes)]
        self._hidden = [self._operations(node) / HIDING for node in graph.nodes]
        self._crossing = self._crossings()

    def step(self, nr: int, images: int) -> float:
        """For `images` at a time; no number of them but all can be had of a step that mixes images."""
        if images < self._batch and self._parts[nr] is None:
            return float("inf")
        activations, weights = self._moved[nr]
        if activations == 0:
            return 0.0
        far = activations * _ramp(activations * images / self._batch)
        return max(0.0, far - self._hidden[nr]) + -(-self._batch // images) * (weights + STEP)

    def change(self, nr: int) -> int:
        return self._crossing[nr]

    def _bytes(self, nr: int, node: Node) -> tuple[int, int]:
        """Of activations, of the whole batch, and of weights. Looks into memory move nothing, nor does what is written
        where it is concatenated."""
        parts = self._parts[nr] or (True,) * len(node.inputs)
        if isinstance(node.op, Cat) or node.outputs[0] in self._seen.shares:
            return 0, 0
        pairs = [(value, part) for value, part in zip(node.inputs, parts, strict=True) if value is not None]
        activations = [value for value, part in pairs if part] + list(node.outputs)
        return sum(map(self._size, activations)), sum(self._size(value) for value, part in pairs if not part)

    def _operations(self, node: Node) -> int:
        """Of a product with weights: for each result as many multiplications and sums as a row of the weights has."""
        if not isinstance(node.op, (Conv, ConvFused, LinearFused)) or node.inputs[1] is None:
            return 0
        row = math.prod(self._graph.specs[node.inputs[1]].shape[1:])
        return 2 * self._graph.specs[node.outputs[0]].numel * row

    def _crossings(self) -> list[int]:
        """For each node what is made before it and used by it or later."""
        uses, changes = last_uses(self._graph), [0] * (len(self._graph.nodes) + 2)
        for nr, node in enumerate(self._graph.nodes):
            for value in node.outputs:
                changes[nr + 1] += 2 * self._size(value)
                changes[uses.get(value, nr) + 1] -= 2 * self._size(value)
        return list(accumulate(changes))

    def _size(self, value: Value) -> int:
        spec = self._graph.specs[value]
        return spec.numel * spec.dtype.itemsize


def _ramp(size: float) -> float:
    """The part of `size` bytes that is not found in the nearest caches when it is used again."""
    return min(1.0, max(0.0, (size - NEAR) / FAR))
