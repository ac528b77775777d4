"""The tight loop: steps with everything looked up, over a list of registers and one block of memory.

Requires  REQ-F-CMP-005, REQ-F-CMP-006
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from medtorch.core.graph.arena import ALIGNMENT, offsets
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.lifetimes import Layout
from medtorch.core.graph.ops import Activated
from medtorch.core.graph.probe import Seen, last_uses
from medtorch.core.graph.stretches import Stretch
from medtorch.core.kernels import Kernels
from medtorch.core.ops.op import Op
from medtorch.core.ops.shape import Cat
from medtorch.errors import BackendError

Array = Any
Registers = list[Any]
Action = Callable[[Registers], None]


@dataclass(frozen=True)
class Workspace:
    """What one run needs for itself: its block of memory, its registers, and the steps that work on them."""

    memory: Array | None
    registers: Registers
    actions: tuple[Action, ...]


class Program:
    """A graph ready to run. Runs at the same time each take a workspace; it is kept for the next run.

    `poison` fills memory that no value needs any more with 0xFF bytes (NaN) after each step: a way to show that nothing
    is read after its time.
    """

    def __init__(self, graph: Graph, kernels: Kernels, seen: Seen, layout: Layout, *, poison: bool = False) -> None:
        self.graph, self.kernels, self.layout, self._poison = graph, kernels, layout, poison
        self._orders = seen.orders
        owners = list(layout.lives)
        starts, self.arena_bytes = offsets([layout.lives[value] for value in owners])
        self._starts = dict(zip(owners, starts, strict=True))
        self._places = {value: nr for nr, value in enumerate(sorted(graph.specs))}
        outside = {*graph.inputs, *graph.constants, *layout.external}
        self._outputs = tuple((self._places[v], v in outside) for v in graph.outputs)
        self._idle: deque[Workspace] = deque()

    def run(self, arrays: list[Array]) -> list[Array]:
        """The outputs for `arrays`. None shares memory with an input, a constant or the workspace.

        The caller has entered `kernels.quiet()`.
        """
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self._made()
        registers = workspace.registers
        for place, array in zip(self.graph.inputs, arrays, strict=True):
            registers[self._places[place]] = array
        for action in workspace.actions:
            action(registers)
        found = [registers[place].copy(order="K") if copied else registers[place] for place, copied in self._outputs]
        for value in (*self.graph.inputs, *self.graph.outputs):
            if value not in self.graph.constants:
                registers[self._places[value]] = None
        self._idle.append(workspace)
        return found

    @property
    def native_calls(self) -> int:
        """None: every step runs from Python."""
        return 0

    @property
    def jobs(self) -> int:
        return 0

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """None: every step is for the whole batch."""
        return ()

    @property
    def values_bytes(self) -> int:
        """What all values of the block would take without sharing."""
        return sum(life.size for life in self.layout.lives.values())

    @property
    def python_steps(self) -> list[str]:
        """The ops, in order."""
        return [node.op.name for node in self.graph.nodes]

    def without_poison(self) -> Self:
        """The same program, running at full speed, with workspaces of its own."""
        other = copy(self)
        other._poison, other._idle = False, deque()
        return other

    @property
    def workspaces(self) -> int:
        """How many are kept: as many as ever ran at once."""
        return len(self._idle)

    # -- making a workspace -------------------------------------------------------------------------------------------

    def _made(self) -> Workspace:
        memory = None
        if self.arena_bytes:
            block = np.empty(self.arena_bytes + ALIGNMENT, np.uint8)
            start = -block.ctypes.data % ALIGNMENT
            memory = block[start : start + self.arena_bytes]
        registers: Registers = [None] * (len(self._places) + 1)
        for value, constant in self.graph.constants.items():
            registers[self._places[value]] = constant.array
        outs: dict[Value, Array] = {}
        ends = last_uses(self.graph)
        actions: list[Action] = []
        for nr, node in enumerate(self.graph.nodes):
            freed = {v for v in (*node.inputs, *node.outputs) if v is not None and ends.get(v, nr) == nr}
            dead = tuple(self._places[v] for v in sorted(freed) if v not in self.graph.constants)
            actions.append(self._action(node, memory, outs, dead))
            if self._poison and memory is not None:
                actions.append(self._poisoning(nr, memory))
        return Workspace(memory, registers, tuple(actions))

    def _action(self, node: Node, memory: Array | None, outs: dict[Value, Array], dead: tuple[int, ...]) -> Action:
        taken = tuple(-1 if value is None else self._places[value] for value in node.inputs)
        given = tuple(self._places[value] for value in node.outputs)
        out = None if memory is None else self._memory_of(node.outputs[0], memory, outs)
        if out is not None and isinstance(node.op, Cat):
            return self._joining(node, node.op.dim, out, given[0], dead)
        if out is not None and isinstance(node.op, Activated):
            return _writing(node.op, self.kernels, taken, given[0], out, dead)
        return _making(node.op, self.kernels, taken, given, dead)

    def _memory_of(self, value: Value, memory: Array, outs: dict[Value, Array]) -> Array | None:
        """The part of the block that `value` is written to; None for what kernels make memory for."""
        if value in outs:
            return outs[value]
        if value in self.layout.placed:
            whole, start = self.layout.placed[value]
            room = self._memory_of(whole, memory, outs)
            dim = next(n.op.dim for n in self.graph.nodes if whole in n.outputs and isinstance(n.op, Cat))
            part = slice(start, start + self.graph.specs[value].shape[dim])
            found = None if room is None else room[(*(slice(None),) * dim, part)]
        elif value in self.layout.over:
            found = self._memory_of(self.layout.over[value], memory, outs)
        elif value in self._starts:
            found = self._block(value, memory)
        else:
            return None
        outs[value] = found
        return found

    def _block(self, value: Value, memory: Array) -> Array:
        spec, order = self.graph.specs[value], self._orders[value]
        size = spec.numel * spec.dtype.itemsize
        flat = memory[self._starts[value] : self._starts[value] + size].view(spec.dtype.numpy)
        dims = tuple(range(spec.ndim)) if order is None else order
        back = sorted(range(spec.ndim), key=dims.__getitem__)
        return flat.reshape([spec.shape[d] for d in dims]).transpose(back)

    def _joining(self, node: Node, dim: int, out: Array, given: int, dead: tuple[int, ...]) -> Action:
        """A concatenation: copy what is not there already."""
        parts: list[tuple[int, Array]] = []
        start = 0
        for value in node.inputs:
            if value is None:
                continue
            size = self.graph.specs[value].shape[dim]
            if self.layout.placed.get(value) != (node.outputs[0], start):
                parts.append((self._places[value], out[(*(slice(None),) * dim, slice(start, start + size))]))
            start += size
        kernels = self.kernels

        def join(registers: Registers) -> None:
            for place, part in parts:
                kernels.copy_into(registers[place], part)
            registers[given] = out
            for place in dead:
                registers[place] = None

        return join

    def _poisoning(self, nr: int, memory: Array) -> Action:
        dead = [v for v, life in self.layout.lives.items() if life.last == nr]
        spans = [(self._starts[v], self._starts[v] + self.layout.lives[v].size) for v in dead]

        def poison(registers: Registers) -> None:
            for start, stop in spans:
                memory[start:stop] = 0xFF

        return poison


def _making(op: Op, kernels: Kernels, taken: tuple[int, ...], given: tuple[int, ...], dead: tuple[int, ...]) -> Action:
    """A step whose kernel makes the memory of its results."""
    forward, take, first = op.forward, _taking(taken), given[0]

    def make(registers: Registers) -> None:
        found = forward(kernels, *take(registers))
        if not isinstance(found, tuple):  # NumPy hands out scalars where a 0-d array is meant
            registers[first] = found if hasattr(found, "__setitem__") else np.asarray(found)
        else:
            for place, array in zip(given, found, strict=True):
                registers[place] = array if hasattr(array, "__setitem__") else np.asarray(array)
        for place in dead:
            registers[place] = None

    return make


def _writing(
    op: Activated, kernels: Kernels, taken: tuple[int, ...], given: int, out: Array, dead: tuple[int, ...]
) -> Action:
    """A step that writes its result into the block."""
    write_into, take = op.write, _taking(taken)

    def write(registers: Registers) -> None:
        if write_into(kernels, out, *take(registers)) is not out:
            raise BackendError(f"{op.name}: the kernel {op.kernel} did not write into the memory it was handed")
        registers[given] = out
        for place in dead:
            registers[place] = None

    return write


def _taking(places: tuple[int, ...]) -> Callable[[Registers], tuple[Any, ...]]:
    """What a step takes out of the registers, of which the last, number -1, is always None."""
    if len(places) == 1:
        (place,) = places
        return lambda registers: (registers[place],)
    return operator.itemgetter(*places) if places else lambda registers: ()
