"""The steps of a graph on arrays that are addresses without memory: native jobs, and what is left to Python.

Requires  REQ-F-CMP-005
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.lifetimes import Layout
from medtorch.core.graph.ops import Activated
from medtorch.core.graph.probe import Seen
from medtorch.core.graph.recording import Touch, jobs_are_all, listening, touches
from medtorch.core.kernels import Kernels
from medtorch.core.ops.loss import BinaryCrossEntropy
from medtorch.core.ops.shape import Cat

Array = Any
_REFUSING = (BinaryCrossEntropy,)
"""Ops whose kernels look at the numbers and refuse some: jobs would not."""


@dataclass(frozen=True)
class Aside:
    """A node that runs from Python between native calls: the arrays that it takes, and where its results go."""

    node: Node
    taken: tuple[Array | None, ...]
    made: tuple[Array, ...]


@dataclass(frozen=True)
class Regions:
    """Pieces of described memory, by address. `inputs` are the pieces of the graph's inputs, in their order."""

    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    inputs: tuple[int, ...]

    def of(self, address: int) -> int | None:
        """The piece that `address` lies in; None for memory that is there already."""
        nr = bisect_right(self.starts, address) - 1
        return nr if nr >= 0 and address < self.starts[nr] + max(1, self.sizes[nr]) else None


class Description:
    """Every node of a graph described once, in order.

    `moments` are what a run does one after the other: the number of a native job, or an Aside.
    """

    def __init__(self, graph: Graph, kernels: Kernels, native: Any, seen: Seen, layout: Layout) -> None:
        self._graph, self._kernels, self._seen, self._layout = graph, kernels, seen, layout
        self._cats = {node.outputs[0]: node.op.dim for node in graph.nodes if isinstance(node.op, Cat)}
        self.recorder = native.Recorder(False)
        self.arrays: dict[Value, Array] = {value: c.array for value, c in graph.constants.items()}
        self.arrays.update((value, self._addresses(value)) for value in graph.inputs)
        self.jobs: list[list[Touch]] = []
        self.moments: list[int | Aside] = []
        with kernels.quiet():
            for nr, node in enumerate(graph.nodes):
                self._describe(nr, node)
        found = sorted(self.recorder.regions())
        starts = tuple(start for start, _ in found)
        inputs = tuple(starts.index(self.arrays[value].ctypes.data) for value in graph.inputs)
        self.regions = Regions(starts, tuple(size for _, size in found), inputs)

    # -- one node -----------------------------------------------------------------------------------------------------

    def _describe(self, nr: int, node: Node) -> None:
        taken = [None if value is None else self.arrays[value] for value in node.inputs]
        made = self._joined(node, node.op.dim, taken) if isinstance(node.op, Cat) else self._step(nr, node, taken)
        if made is None:
            made = [self._room(value) for value in node.outputs]
            self.moments.append(Aside(node, tuple(taken), tuple(made)))
        self.arrays.update(zip(node.outputs, made, strict=True))

    def _step(self, nr: int, node: Node, taken: list[Array | None]) -> list[Array] | None:
        """What the node makes, its jobs written down; None where it must run from Python."""
        if nr not in self._seen.native or isinstance(node.op, _REFUSING):
            return None
        out = self._given(node.outputs[0])
        with listening(self.recorder):
            if out is not None and isinstance(node.op, Activated):
                found: Any = node.op.write(self._kernels, out, *taken)
            else:
                found = node.op.forward(self._kernels, *taken)
        made = list(found) if isinstance(found, tuple) else [found]
        given = [array for array in taken if array is not None]
        return made if self._keep(given, made, written=out is not None) else None

    def _joined(self, node: Node, dim: int, taken: list[Array | None]) -> list[Array] | None:
        """A concatenation: copy what is not there already."""
        whole = self._room(node.outputs[0])
        start, given, parts = 0, [], []
        with listening(self.recorder):
            for value, array in zip(node.inputs, taken, strict=True):
                if value is None or array is None:
                    continue
                part = whole[(*(slice(None),) * dim, slice(start, start + array.shape[dim]))]
                if self._layout.placed.get(value) != (node.outputs[0], start):
                    self._kernels.copy_into(array, part)
                    given.append(array)
                    parts.append(part)
                start += array.shape[dim]
        return [whole] if self._keep(given, parts, written=True) else None

    def _keep(self, taken: list[Array], made: list[Array], *, written: bool = False) -> bool:
        """Keep the jobs that were written down last, if they are all that was done; else forget them.

        `written` says that what is made is new and no look into what was taken.
        """
        first = len(self.jobs)
        jobs = [touches(self.recorder, nr) for nr in range(first, len(self.recorder))]
        arrays = all(isinstance(one, np.ndarray) for one in made)
        if not arrays or not jobs_are_all(jobs, taken, made, written=written):
            self.recorder.drop(first)
            return False
        self.jobs += jobs
        self.moments += range(first, len(self.jobs))
        return True

    # -- described memory ---------------------------------------------------------------------------------------------

    def _room(self, value: Value) -> Array:
        given = self._given(value)
        return self._addresses(value) if given is None else given

    def _given(self, value: Value) -> Array | None:
        """Where the layout wants `value`; None where its kernel makes memory for it."""
        if value in self.arrays:
            return self.arrays[value]
        found: Array | None = None
        if value in self._layout.placed:
            whole, start = self._layout.placed[value]
            room, dim = self._given(whole), self._cats[whole]
            part = slice(start, start + self._graph.specs[value].shape[dim])
            found = None if room is None else room[(*(slice(None),) * dim, part)]
        elif value in self._layout.over:
            found = self._given(self._layout.over[value])
        elif value in self._layout.lives:
            found = self._addresses(value)
        if found is not None:
            self.arrays[value] = found
        return found

    def _addresses(self, value: Value) -> Array:
        """An array of addresses alone, lying in memory as `value` does."""
        spec, order = self._graph.specs[value], self._seen.orders[value]
        dims = tuple(range(spec.ndim)) if order is None else order
        back = sorted(range(spec.ndim), key=dims.__getitem__)
        room = self.recorder.addresses(spec.numel * spec.dtype.itemsize)
        return room.view(spec.dtype.numpy).reshape([spec.shape[d] for d in dims]).transpose(back)
