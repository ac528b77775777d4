"""Which values share one piece of memory, and from which step to which it is needed.

A piece belongs to the value that a kernel writes into it. Views look into it; the inputs of a concatenation are written
straight into their part of its result; an elementwise step may write over an input that nobody needs any more.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from medtorch.core.graph.arena import Life
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import Activated
from medtorch.core.graph.probe import Seen, last_uses
from medtorch.core.ops.shape import Cat


@dataclass
class Pieces:
    """Sets of values that share memory, by union and find."""

    parent: dict[Value, Value] = field(default_factory=dict)

    def of(self, value: Value) -> Value:
        """The value that stands for the piece of `value`."""
        while value in self.parent:
            value = self.parent[value]
        return value

    def join(self, part: Value, whole: Value) -> None:
        """From now on `part` and all it shares memory with lies in the piece of `whole`."""
        one, other = self.of(part), self.of(whole)
        if one != other:
            self.parent[one] = other


@dataclass
class Layout:
    """The result: what lies in a piece of its own, what in a part of another's, what is written over.

    `lives`     the pieces, by the value that owns each
    `placed`    value -> (concatenated value, place along its dim): written straight into that part
    `over`      value -> the input that it is written over
    `external`  values that look into an input or a constant
    """

    lives: dict[Value, Life] = field(default_factory=dict)
    placed: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    over: dict[Value, Value] = field(default_factory=dict)
    external: set[Value] = field(default_factory=set)


class Planner:
    """Finds the Layout of a graph on a backend that names in `writes` what it can compute into given memory."""

    def __init__(self, graph: Graph, seen: Seen, writes: Iterable[str]) -> None:
        self.graph, self.seen, self.writes = graph, seen, frozenset(writes)
        self.pieces, self.layout = Pieces(), Layout()
        self.first = {value: nr for nr, node in enumerate(graph.nodes) for value in node.outputs}
        self.uses = last_uses(graph)
        self.last = {value: max(self.uses.get(value, -1), nr) for value, nr in self.first.items()}
        self.owners: set[Value] = set()

    def plan(self) -> Layout:
        self._find_views()
        self._find_owners()
        for nr, node in enumerate(self.graph.nodes):
            if isinstance(node.op, Cat) and node.outputs[0] in self.owners:
                self._place_parts(nr, node, node.op.dim)
        for nr, node in enumerate(self.graph.nodes):
            if isinstance(node.op, Activated) and node.op.inplace and node.outputs[0] in self.owners:
                self._write_over(nr, node)
        for value in self.owners:
            if self.pieces.of(value) == value:
                spec = self.graph.specs[value]
                size = spec.numel * spec.dtype.itemsize
                self.layout.lives[value] = Life(size, self.first[value], self.last[value])
        return self.layout

    def _find_views(self) -> None:
        outside = {*self.graph.inputs, *self.graph.constants}
        for node in self.graph.nodes:
            for value in node.outputs:
                for source in self.seen.shares.get(value, ()):
                    if source in outside or source in self.layout.external:
                        self.layout.external.add(value)
                    elif self.pieces.of(source) != self.pieces.of(value):
                        self._join(value, source)

    def _find_owners(self) -> None:
        """Values that a kernel can write into the arena: made in one go, in full, and not handed out."""
        handed_out = {self.pieces.of(value) for value in self.graph.outputs}
        looking = set(self.seen.shares)
        for node in self.graph.nodes:
            value = node.outputs[0]
            spec = self.graph.specs[value]
            able = kernel_of(node) in self.writes and self.seen.orders[value] is not None and spec.numel > 0
            if able and value not in looking and self.pieces.of(value) not in handed_out:
                self.owners.add(value)

    def _place_parts(self, nr: int, node: Node, dim: int) -> None:
        """Let what is concatenated be written where it goes, where its maker can and it goes nowhere else already."""
        whole, start = node.outputs[0], 0
        for value in node.inputs:
            if value is None:
                continue
            if self._may_be_placed(value, node):
                self.layout.placed[value] = (whole, start)
                self._join(value, whole)
            start += self.graph.specs[value].shape[dim]

    def _may_be_placed(self, value: Value, node: Node) -> bool:
        free = value in self.owners and value not in self.layout.placed and self.pieces.of(value) == value
        once = node.inputs.count(value) == 1
        return free and once and self.graph.specs[value].dtype is self.graph.specs[node.outputs[0]].dtype

    def _write_over(self, nr: int, node: Node) -> None:
        made = node.outputs[0]
        if made in self.layout.placed or self.pieces.of(made) != made:
            return
        for value in node.inputs:
            if value is not None and self._may_be_written_over(value, made, nr, node):
                self.layout.over[made] = value
                self._join(made, value)
                return

    def _may_be_written_over(self, value: Value, made: Value, nr: int, node: Node) -> bool:
        """A whole piece, laid out as the result, that this step uses last and through this input alone."""
        if value not in self.owners or value in self.layout.placed or self._holds_parts(value):
            return False
        alike = self.graph.specs[value] == self.graph.specs[made] and self.seen.orders[value] == self.seen.orders[made]
        piece = self.pieces.of(value)
        sharing = [v for v in node.inputs if v in self.first and v is not None and self.pieces.of(v) == piece]
        return alike and self.last[piece] == nr and sharing == [value]

    def _holds_parts(self, value: Value) -> bool:
        return any(whole == value for whole, _ in self.layout.placed.values())

    def _join(self, part: Value, whole: Value) -> None:
        one, other = self.pieces.of(part), self.pieces.of(whole)
        self.pieces.join(part, whole)
        self.first[other] = min(self.first[one], self.first[other])
        self.last[other] = max(self.last[one], self.last[other])


def kernel_of(node: Node) -> str | None:
    """The kernel that could write the node's one result into given memory."""
    if len(node.outputs) != 1:
        return None
    if isinstance(node.op, Activated):
        return node.op.kernel
    return "copy_into" if isinstance(node.op, Cat) else None
