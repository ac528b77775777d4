"""The plans of a compiled model as JSON values and arrays.

Requires  REQ-F-CMP-010
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from medtorch.core.graph.compiled import Compiled, Key
from medtorch.core.graph.plan import Plan
from medtorch.core.graph.probe import dense_order
from medtorch.core.graph.saved.operations import op_to_data
from medtorch.core.graph.structure import Leaf, Plain, Structure
from medtorch.errors import UnsupportedError

Array = Any
FORMAT, VERSION = "medtorch.plans", 1
KINDS: dict[str, type] = {"tuple": tuple, "list": list, "dict": dict, "OrderedDict": OrderedDict}


def save_plans(compiled: Compiled) -> tuple[dict[str, Any], dict[str, Array]]:
    """JSON values that describe every plan of `compiled`, and the constants that they name. Equal constants are one.

    Raises    UnsupportedError for a plan of another device than the CPU, or with an op that cannot be saved
    """
    constants: dict[int, str] = {}
    arrays: dict[str, Array] = {}
    whole = [(key, compiled.remade(key, plan)) for key, plan in compiled.plans()]
    plans = [_plan(key, plan, constants, arrays) for key, plan in whole]
    data = {
        "format": FORMAT,
        "version": VERSION,
        "rewrites": compiled.rewrites,
        "algorithms": compiled.algorithms,
        "plans": plans,
    }
    return data, arrays


def _plan(key: Key, plan: Plan, constants: dict[int, str], arrays: dict[str, Array]) -> dict[str, Any]:
    structure, place, *_ = key
    if place != "cpu":
        raise UnsupportedError(f"a plan for {place} cannot be saved: only those for the CPU can")
    graph = plan.program.graph
    return {
        "arguments": structure_to_data(structure),
        "outputs_as": structure_to_data(plan.outputs),
        "inputs": [
            {"value": value, "shape": list(shape), "dtype": dtype, "order": list(order_of(shape, strides))}
            for value, (shape, dtype, strides) in zip(graph.inputs, key[2:], strict=True)
        ],
        "constants": [
            {"value": value, **_constant(constant.array, constants, arrays)}
            for value, constant in sorted(graph.constants.items())
        ],
        "nodes": [
            {**op_to_data(node.op), "inputs": list(node.inputs), "outputs": list(node.outputs)} for node in graph.nodes
        ],
        "outputs": list(graph.outputs),
        "made": {
            "ops_captured": plan.captured_ops,
            "rewrites": dict(plan.counts),
            "bit_equal_on_example": plan.accuracy.bit_equal,
            "largest_on_example": plan.accuracy.largest,
            "convolutions": dict(plan.algorithms.convolutions),
            "largest_from_direct_on_example": plan.algorithms.largest_from_direct,
        },
    }


def _constant(array: Array, constants: dict[int, str], arrays: dict[str, Array]) -> dict[str, Any]:
    """A constant's tensor, in memory order, and the order of dims in which it lies there."""
    order = dense_order(array) or tuple(range(array.ndim))
    name = constants.setdefault(id(array), f"constant.{len(constants)}")
    if name not in arrays:
        arrays[name] = array.transpose(order).copy(order="C")
    return {"tensor": name, "order": list(order)}


def order_of(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The dims of a dense array from the longest step to the shortest; the order of those of size 1 means nothing."""
    return tuple(sorted(range(len(shape)), key=lambda d: (-strides[d], d)))


def structure_to_data(structure: Structure) -> Any:
    """How tensors are nested, as JSON values."""
    if isinstance(structure, Leaf):
        return {"is": "tensor"}
    if isinstance(structure, Plain):
        return {"is": "value", "value": structure.value, "kind": structure.kind.__name__}
    named = next((name for name, kind in KINDS.items() if kind is structure.kind), None)
    keys = None if structure.keys is None else list(structure.keys)
    if named is None or not all(isinstance(key, str) for key in keys or ()):
        raise UnsupportedError(f"inputs or outputs in a {structure.kind.__name__} cannot be saved")
    return {"is": named, "keys": keys, "parts": [structure_to_data(part) for part in structure.parts]}
