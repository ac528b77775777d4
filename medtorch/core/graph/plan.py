"""From a captured model to a program for inputs of one kind, checked on the example before anybody gets it.

Requires  REQ-F-CMP-001, REQ-F-CMP-007
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.graph.accuracy import Accuracy, compare
from medtorch.core.graph.algorithms import Algorithms, chosen_algorithms
from medtorch.core.graph.capture import capture, other_numbers, trim
from medtorch.core.graph.constants import ConstantPool, Supply
from medtorch.core.graph.ir import Graph
from medtorch.core.graph.lifetimes import Planner
from medtorch.core.graph.native_program import NativeProgram
from medtorch.core.graph.probe import Seen, probe
from medtorch.core.graph.program import Program
from medtorch.core.graph.recorder import same_numbers
from medtorch.core.graph.rewrite import Rewritten, rewrite
from medtorch.core.graph.rewrite.affine import changes_numbers
from medtorch.core.graph.structure import Structure
from medtorch.core.kernels import Kernels
from medtorch.errors import CompileError

Array = Any


@dataclass(frozen=True)
class Plan:
    """A program for inputs of one kind, how its outputs are nested, and what is to be told of it.

    `state` are the ids of the arrays of parameters and buffers whose numbers went into it.
    """

    program: Program | NativeProgram
    outputs: Structure
    counts: dict[str, int]
    captured_ops: int
    accuracy: Accuracy
    algorithms: Algorithms
    state: frozenset[int]

    @property
    def folded(self) -> bool:
        """Whether a weight or bias holds what the model computes apart from it."""
        return changes_numbers(self.counts)


def make_plan(
    model: Callable[..., Any],
    arguments: Structure,
    arrays: list[Array],
    place: device,
    pool: ConstantPool,
    *,
    rewrites: bool,
    poison: bool,
    folds: bool = True,
    keep: bool = False,
    release: Callable[[], None] | None = None,
) -> Plan:
    """Capture, rewrite, plan, and compare with the model on `arrays`.

    Without `folds` nothing is multiplied into weights, so that every bit is the model's.
    `keep` says that the plan's graph must have all of its constants, as for saving it. `release` takes the model's
    numbers from it, once it was captured: from then on they go as they are packed.

    Raises    CompileError for what cannot be captured, or where the plan does not give the model's answer;
              FoldingError, a CompileError, where that is for what was folded
    """
    kernels = kernels_for(place)
    with _frugal(kernels):
        captured, counts, state = _captured(model, arguments, arrays, place, rewrites=rewrites, folds=folds)
        if release is not None:
            release()
        graph = captured.graph
        supply = Supply(
            graph.constants,
            kernels,
            pool.freezing(kernels, shared=release is None),
            lambda array: pool.keep_packed(array, kernels),
            keep=keep,
        )
        trim(kernels)
        seen = probe(graph, kernels, arrays, supply)
        graph = replace(graph, constants=supply.made)
        accuracy = compare(list(seen.answers), captured.answers, exact=not rewrites)
        trim(kernels)
        others = [other_numbers(array) for array in arrays]
        answers = probe(graph, kernels, others).answers
        chosen = chosen_algorithms(graph, kernels, arrays, seen.answers)
        trim(kernels)
        checked = planned_program(graph, kernels, seen, place, poison=True, keep=keep)
        _check(checked, arrays, seen.answers, "when values share memory")
        _check(checked, others, answers, "for other numbers")
        program = checked if poison else checked.without_poison()
        return Plan(program, captured.outputs, counts, captured.ops, accuracy, chosen, state)


@dataclass(frozen=True)
class _Rewritten:
    """What is left of a capture: the rewritten graph alone, so that nothing else holds the model's numbers."""

    graph: Graph
    outputs: Structure
    answers: tuple[Array, ...]
    ops: int


def _captured(
    model: Callable[..., Any], arguments: Structure, arrays: list[Array], place: device, *, rewrites: bool, folds: bool
) -> tuple[_Rewritten, dict[str, int], frozenset[int]]:
    """The graph to be planned, what was rewritten, and the ids of the model's own arrays that went into it."""
    found = capture(model, arguments, arrays, place)
    state = frozenset(id(c.array) for c in found.graph.constants.values() if c.name is not None)
    done = rewrite(found.graph, folds=folds) if rewrites else Rewritten(found.graph, {})
    return _Rewritten(done.graph, found.outputs, found.answers, len(found.graph.nodes)), done.counts, state


def planned_program(
    graph: Graph, kernels: Kernels, seen: Seen, place: device, *, poison: bool, keep: bool = False
) -> Program | NativeProgram:
    """The graph with its memory planned, for the kernels that run it. `keep`: with all of its constants."""
    if kernels.native is None:
        layout = Planner(graph, seen, kernels.writes if place.type == "cpu" else ()).plan()
        return Program(graph, kernels, seen, layout, poison=poison)
    return NativeProgram(graph, kernels, seen, poison=poison, keep=keep)


@contextmanager
def _frugal(kernels: Kernels) -> Iterator[None]:
    """Nothing large is kept for later meanwhile: each pass needs other sizes, and the highest point of all counts."""
    if kernels.native is None:
        yield
        return
    kernels.native.hold_memory(False)
    try:
        yield
    finally:
        kernels.native.hold_memory(True)
        trim(kernels)


def _check(program: Program | NativeProgram, arrays: list[Array], wanted: tuple[Array, ...], when: str) -> None:
    """Run once with dead memory poisoned: the answer must be that of a run in which every value has its own."""
    for nr, (a, b) in enumerate(zip(program.run(arrays), wanted, strict=True)):
        if not same_numbers(a, b):
            raise CompileError(f"compile: output {nr} is another {when}; please report this model")


def kernel_names(graph: Graph) -> dict[str, int]:
    """How often each op is run, by name."""
    return dict(sorted(Counter(node.op.name for node in graph.nodes).items()))
