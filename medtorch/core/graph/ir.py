"""The captured program: a flat list of ops in which every value is made once.

Requires  REQ-F-CMP-001
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from medtorch.core.ops.op import Op
from medtorch.core.spec import Spec

Array = Any
Value = int
"""The number of a value; `Graph.specs` says what it is."""


@dataclass(frozen=True, slots=True)
class Node:
    """One op, the values it takes (None for an absent one) and the values it makes."""

    op: Op
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """Numbers that no input changes: an array, or what makes one when it is asked for.

    What follows from weights is made when its turn comes, so that it never lies in memory for all layers at once.
    `name` is that of the parameter or buffer, if it is one.
    """

    source: Array | Callable[[], Array]
    name: str | None = None

    @property
    def array(self) -> Array:
        return self.source() if callable(self.source) else self.source


@dataclass(frozen=True)
class Graph:
    """A program: values that come in, constants, nodes in an order in which they can run, values that go out."""

    inputs: tuple[Value, ...]
    constants: dict[Value, Constant]
    nodes: tuple[Node, ...]
    outputs: tuple[Value, ...]
    specs: dict[Value, Spec]

    def depending(self) -> set[Value]:
        """The values that change with the inputs."""
        found = set(self.inputs)
        for node in self.nodes:
            if any(value in found for value in node.inputs):
                found.update(node.outputs)
        return found


def same_op(one: Op, other: Op) -> bool:
    """Whether two ops compute the same: of one kind, with the same numbers of their own."""
    return type(one) is type(other) and vars(one) == vars(other)
