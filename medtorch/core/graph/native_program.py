"""A plan as one native call: jobs with their memory settled beforehand, and the few steps that only Python can do.

Every step is described once (description.py). Native jobs are written down as they come; looks into memory cost nothing
later; what is left runs from Python between native calls and copies what it makes to its place (settling.py).

Requires  REQ-F-CMP-005, REQ-F-CMP-006, REQ-F-CMP-009
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from medtorch.core.algorithms import cpu_algorithms, get_cpu_algorithms
from medtorch.core.graph.arena import ALIGNMENT
from medtorch.core.graph.description import Description
from medtorch.core.graph.ir import Constant, Graph, Value
from medtorch.core.graph.lifetimes import Planner
from medtorch.core.graph.probe import Seen
from medtorch.core.graph.recorder import memory_order
from medtorch.core.graph.recording import span_of
from medtorch.core.graph.settling import BLOCK, Jobs, Look, PythonStep, Settled, settle
from medtorch.core.graph.slices import written_out
from medtorch.core.graph.stretches import chosen_stretches
from medtorch.core.kernels import Kernels
from medtorch.errors import BackendError

Array = Any


@dataclass(frozen=True)
class Workspace:
    """The block of memory of one run at a time, and the arrays in it that Python uses."""

    memory: Array
    start: int
    arrays: dict[Look, Array]


@dataclass(frozen=True)
class _Run:
    """The pieces of memory of one run."""

    workspace: Workspace
    pieces: tuple[Array, ...]

    def array(self, one: Any) -> Any:
        """The array of a look; anything else as it is."""
        if not isinstance(one, Look):
            return one
        return self.workspace.arrays[one] if one.piece == BLOCK else one.into(_bytes(self.pieces[one.piece - 2]))


class NativeProgram:
    """A graph ready to run natively. Runs at the same time each take a workspace; it is kept for the next run.

    `stretches` of it run for some images of the batch at a time; `graph` is told and saved as it was without them.

    `poison` fills memory that no step needs any more with 0xFF bytes (NaN) after each step, and all of it before a run.
    Constants that no step reads, as all of what they were needed for was packed, are let go unless `keep`: then `graph`
    has those alone that are left.
    """

    def __init__(
        self,
        graph: Graph,
        kernels: Kernels,
        seen: Seen,
        *,
        poison: bool = False,
        keep: bool = False,
    ) -> None:
        native = kernels.native
        if native is None:
            raise BackendError("a native program needs native kernels")
        self.graph, self.kernels, self._poison, self._native = graph, kernels, poison, native
        self.stretches = chosen_stretches(graph, seen)
        steps, shown = written_out(graph, seen, self.stretches)
        self.layout = Planner(steps, shown, kernels.writes).plan()
        described = Description(steps, kernels, native, shown, self.layout)
        self._settled = settle(steps, described)
        self._program = native.program(described.recorder, self._settled.places, self._settled.sizes)
        if not keep:
            self.graph = replace(graph, constants=_still_read(graph, described, self._settled))
        self._given = self._settled.sizes[2 + len(graph.inputs) :]
        self.jobs = len(described.jobs)
        self.arena_bytes = self._settled.sizes[BLOCK]
        self.values_bytes = self._settled.values_bytes
        self._algorithms = get_cpu_algorithms()
        self._idle: deque[Workspace] = deque()

    def run(self, arrays: list[Array]) -> list[Array]:
        """The outputs for `arrays`. None shares memory with an input, a constant or the workspace."""
        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self._made()
        fresh = [self._memory(size) for size in self._given]
        starts = [0, workspace.start, *map(_address, arrays), *map(_address, fresh)]
        run = _Run(workspace, (*arrays, *fresh))
        if self._poison:
            self._run_poisoned(run, starts)
        else:
            for span in self._settled.spans:
                if isinstance(span, Jobs):
                    self._program.run(span.first, span.last, starts)
                else:
                    self._step(span, run)
        found = [
            run.array(look).copy(order="K") if copied else run.array(look) for look, copied in self._settled.outputs
        ]
        self._idle.append(workspace)
        return found

    def without_poison(self) -> Self:
        """The same program, running at full speed, with workspaces of its own."""
        other = copy(self)
        other._poison, other._idle = False, deque()
        return other

    @property
    def workspaces(self) -> int:
        """How many are kept: as many as ever ran at once."""
        return len(self._idle)

    @property
    def native_calls(self) -> int:
        """How often a run goes from Python to native code."""
        return sum(isinstance(span, Jobs) for span in self._settled.spans)

    @property
    def python_steps(self) -> list[str]:
        """The ops that run from Python, in order."""
        return [span.node.op.name for span in self._settled.spans if isinstance(span, PythonStep)]

    def _step(self, step: PythonStep, run: _Run) -> None:
        with self.kernels.quiet(), cpu_algorithms(self._algorithms):
            found = step.node.op.forward(self.kernels, *map(run.array, step.taken))
        for look, array in zip(step.made, found if isinstance(found, tuple) else (found,), strict=True):
            if tuple(array.shape) != look.shape or array.dtype != look.dtype:
                raise BackendError(f"{step.node.op.name}: made {array.dtype} {array.shape}, the plan says {look}")
            np.copyto(run.array(look), array)

    def _run_poisoned(self, run: _Run, starts: list[int]) -> None:
        memory, moment = run.workspace.memory, 0
        memory[:] = 0xFF
        for span in self._settled.spans:
            for nr in range(span.first, span.last) if isinstance(span, Jobs) else (0,):
                if isinstance(span, Jobs):
                    self._program.run(nr, nr + 1, starts)
                else:
                    self._step(span, run)
                for offset, size in self._settled.dying.get(moment, ()):
                    memory[offset : offset + size] = 0xFF
                moment += 1

    def _made(self) -> Workspace:
        room = self._memory(self.arena_bytes + ALIGNMENT)
        start = -_address(room) % ALIGNMENT
        memory = room[start : start + self.arena_bytes]
        used = [
            look for span in self._settled.spans if isinstance(span, PythonStep) for look in (*span.taken, *span.made)
        ]
        used += [look for look, _ in self._settled.outputs]
        arrays = {look: look.into(memory) for look in used if isinstance(look, Look) and look.piece == BLOCK}
        return Workspace(memory, _address(memory), arrays)

    def _memory(self, size: int) -> Array:
        """Bytes from the backend's pool."""
        return self._native.empty((-(-size // 4),)).view(np.uint8)


def _still_read(graph: Graph, described: Description, settled: Settled) -> dict[Value, Constant]:
    """The constants whose memory a job reads, or that Python uses."""
    starts = sorted({t.span.first for job in described.jobs for t in job if t.span.first < t.span.end})
    used = [one for span in settled.spans if isinstance(span, PythonStep) for one in span.taken]
    used += [one for one, _ in settled.outputs]
    starts = sorted({*starts, *(span_of(one).first for one in used if isinstance(one, np.ndarray))})
    found = {}
    for value, constant in graph.constants.items():
        span = span_of(constant.array)
        nr = bisect_left(starts, span.first)
        if nr < len(starts) and starts[nr] < span.end:
            found[value] = constant
    return found


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])


def _bytes(array: Array) -> Array:
    """The bytes of an array without gaps."""
    return array.transpose(memory_order(array)).reshape(-1).view(np.uint8)
