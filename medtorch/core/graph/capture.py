"""Run a model once and keep the list of what it did; run it again on other numbers to see that it does the same.

The second run is the proof that nothing of the first input was built into the list by a way that the recorder does not
see: constants and ops must be the same for both.

Requires  REQ-F-CMP-001, REQ-F-CMP-002
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.graph.ir import Graph, same_op
from medtorch.core.graph.recorder import Recorder, same_numbers
from medtorch.core.graph.structure import Structure, put_together, taken_apart
from medtorch.core.kernels import Kernels
from medtorch.core.modes import STATE, set_grad_enabled
from medtorch.core.tensor import Tensor
from medtorch.errors import CompileError

Array = Any


@dataclass(frozen=True)
class Captured:
    """A model's graph, how its outputs are nested, and what it answered when it was captured."""

    graph: Graph
    outputs: Structure
    answers: tuple[Array, ...]


def capture(model: Callable[..., Any], arguments: Structure, arrays: list[Array], place: device) -> Captured:
    """The graph of `model` for inputs like `arrays`, nested as `arguments` (args, kwargs).

    Raises    CompileError for a model that is not in evaluation mode, or does what a fixed list of ops cannot do
    """
    check_evaluation(model)
    first = _watched(model, arguments, [array.copy(order="K") for array in arrays], place)
    trim(kernels_for(place))  # the second run would have its own on top of what the first one left
    second = _watched(model, arguments, [other_numbers(array) for array in arrays], place)
    _check_same(first, second)
    return first


def trim(kernels: Kernels) -> None:
    """Give back the memory that the last pass needed."""
    if kernels.native is not None:
        kernels.native.trim_memory()


def check_evaluation(model: Callable[..., Any]) -> None:
    """Raise CompileError if a module of `model` is in training mode."""
    for name, module in named(model, "named_modules"):
        if module.training:
            which = f"its module {name!r} ({type(module).__name__}) is" if name else "it is"
            raise CompileError(
                f"compile: the model must be in evaluation mode, but {which} in training mode: call eval()"
            )


def named(model: Callable[..., Any], method: str) -> Iterable[tuple[str, Any]]:
    """What a module lists by `method`; nothing for a plain function."""
    listed = getattr(model, method, None)
    return () if listed is None else listed()


def _watched(model: Callable[..., Any], arguments: Structure, arrays: list[Array], place: device) -> Captured:
    kinds = [("parameter", "named_parameters"), ("buffer", "named_buffers")]
    names = {id(t._array): f"{kind} {name}" for kind, method in kinds for name, t in named(model, method)}
    recorder = Recorder(names, place)
    tensors = [Tensor._from_array(array, place) for array in arrays]
    for nr, tensor in enumerate(tensors):
        recorder.add_input(tensor, nr)
    args, kwargs = put_together(arguments, tensors)
    before, inference = STATE.capture, STATE.inference
    STATE.capture, STATE.inference = recorder, False
    try:
        with set_grad_enabled(False):
            answer = model(*args, **kwargs)
        outputs, structure = taken_apart(answer, "the model's output")
        graph = recorder.graph(outputs)
    finally:
        STATE.capture, STATE.inference = before, inference
        recorder.close()
    return Captured(graph, structure, tuple(t._array for t in outputs))


def other_numbers(array: Array) -> Array:
    """Numbers of the same kind in another order, so that whole numbers stay in range; floating ones change, too."""
    other = array.copy(order="K")
    turned = array[(slice(None, None, -1),) * array.ndim]
    if array.dtype.kind in "biu":
        other[...] = turned
    else:
        other[...] = turned * array.dtype.type(0.75) + array.dtype.type(0.125)
    return other


def _check_same(first: Captured, second: Captured) -> None:
    one, other = first.graph, second.graph
    for nr, (a, b) in enumerate(zip(one.nodes, other.nodes, strict=False)):
        if not same_op(a.op, b.op) or a.inputs != b.inputs:
            raise CompileError(
                f"compile: for other numbers of the same shape the model does something else: op {nr} is {a.op.name} "
                f"for the example and {b.op.name} for others, or takes other values; such a model cannot be compiled"
            )
    if len(one.nodes) != len(other.nodes) or one.outputs != other.outputs or first.outputs != second.outputs:
        raise CompileError(
            f"compile: for other numbers of the same shape the model does something else: {len(one.nodes)} ops for "
            f"the example, {len(other.nodes)} for others, or other outputs; such a model cannot be compiled"
        )
    for value, constant in one.constants.items():
        again = other.constants[value].array
        if again is not constant.array and not same_numbers(constant.array, again):
            raise CompileError(
                f"compile: {constant.name or 'a constant'} {one.specs[value]} that the model uses follows from its "
                "input by a way around medtorch's ops, or changes from call to call; such a model cannot be compiled"
            )
