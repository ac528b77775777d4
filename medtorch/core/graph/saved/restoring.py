"""Plans from data that nobody vouches for: every field is checked, every shape computed anew, sizes stay bounded.

Native kernels check once more that no job leaves its memory (native/program.cpp). That the numbers are the model's is
for the digest of the file to say, and for the recorded answers of the bundle that it stands in.

Requires  REQ-F-CMP-010, REQ-S-SEC-001, REQ-S-SEC-003
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from medtorch.core import dtypes
from medtorch.core.algorithms import ALGORITHMS, cpu_algorithms
from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.graph.accuracy import Accuracy
from medtorch.core.graph.algorithms import Algorithms
from medtorch.core.graph.compiled import Compiled, Key, kind_of
from medtorch.core.graph.constants import ConstantPool, Supply
from medtorch.core.graph.ir import Constant, Graph, Node, Value
from medtorch.core.graph.ops import Activated, Arrange, LinearFused, NormalizeFused, ScaleShift
from medtorch.core.graph.plan import Plan, planned_program
from medtorch.core.graph.probe import probe_described
from medtorch.core.graph.saved.checks import (
    counts,
    dense_strides,
    fields_of,
    leaves,
    listed,
    order_of_dims,
    structure,
    whole,
)
from medtorch.core.graph.saved.operations import DTYPES, op_from_data
from medtorch.core.graph.saved.saving import FORMAT, VERSION
from medtorch.core.ops.norm import BatchNorm
from medtorch.core.spec import Spec
from medtorch.errors import FormatError, LimitError, MedtorchError

Array = Any
_CPU = device("cpu")
MOST_NODES, MOST_PLANS, MOST_BYTES = 100_000, 64, 1 << 34
_RAISED = (
    *(MedtorchError, ValueError, TypeError, IndexError, KeyError, AttributeError),
    *(ArithmeticError, MemoryError, RuntimeError, StopIteration, np.linalg.LinAlgError),
)
"""What checks and kernels raise for arguments that their ops would never have let through."""


def restore_plans(
    model: Callable[..., Any], data: Any, arrays: Mapping[str, Array], *, most_bytes: int = MOST_BYTES
) -> Compiled:
    """What `save_plans` gave as a compiled `model`: its plans are there, inputs of other kinds are captured as ever.

    `most_bytes` is how much memory the values of one plan may take together.

    Raises    FormatError, LimitError
    """
    head = fields_of(data, "the plans", {"format", "version", "rewrites", "algorithms", "plans"})
    if (head["format"], head["version"]) != (FORMAT, VERSION):
        raise FormatError(f"the plans: format {head['format']!r} {head['version']!r}, not {FORMAT} {VERSION}")
    if head["rewrites"] not in ("all", "none") or head["algorithms"] not in ALGORITHMS:
        raise FormatError("the plans: unknown rewrites or algorithms")
    found = listed(head["plans"], "the plans", MOST_PLANS)
    compiled = Compiled(
        model, rewrites=head["rewrites"] == "all", plans=max(8, len(found)), poison=False, algorithms=head["algorithms"]
    )
    for nr, one in enumerate(found):
        with cpu_algorithms(head["algorithms"]):
            compiled.adopt(*_restored(one, arrays, compiled.pool, f"plan {nr}", most_bytes))
    return compiled


def _restored(
    data: Any, arrays: Mapping[str, Array], pool: ConstantPool, where: str, most_bytes: int
) -> tuple[Key, Plan]:
    names = {"arguments", "outputs_as", "inputs", "constants", "nodes", "outputs", "made"}
    plan = fields_of(data, where, names)
    arguments, outputs_as = (structure(plan[name], where) for name in ("arguments", "outputs_as"))
    specs: dict[Value, Spec] = {}
    orders = [_input(one, specs, where) for one in listed(plan["inputs"], where, 1000)]
    inputs = tuple(specs)
    constants = dict(_constant(one, arrays, specs, where) for one in listed(plan["constants"], where, MOST_NODES))
    nodes = tuple(
        _node(one, specs, f"{where}, node {nr}", most_bytes)
        for nr, one in enumerate(listed(plan["nodes"], where, MOST_NODES))
    )
    outputs = tuple(_known(value, specs, where) for value in listed(plan["outputs"], where, 1000))
    if sum(spec.numel * spec.dtype.itemsize for spec in specs.values()) > most_bytes:
        raise LimitError(f"{where}: its values take more than {most_bytes} bytes")
    if leaves(arguments) != len(inputs) or leaves(outputs_as) != len(outputs):
        raise FormatError(f"{where}: inputs or outputs do not fit how they are nested")
    graph = Graph(inputs, constants, nodes, outputs, specs)
    kernels = kernels_for(_CPU)
    try:
        supply = Supply(
            graph.constants,
            kernels,
            lambda constant: pool.frozen(constant.array, kernels, (constant.name or "").encode()),
            lambda array: pool.keep_packed(array, kernels),
        )
        seen = probe_described(graph, kernels, orders, supply)
        graph = replace(graph, constants=supply.made)
        program = planned_program(graph, kernels, seen, _CPU, poison=False)
    except _RAISED as error:
        raise FormatError(f"{where}: {error}") from error
    kinds = [specs[value] for value in inputs]
    layouts = [
        kind_of(kind.shape, kind.dtype.name, dense_strides(kind.shape, order, kind.dtype.itemsize))
        for kind, order in zip(kinds, orders, strict=True)
    ]
    return (arguments, "cpu", *layouts), Plan(program, outputs_as, *_made(plan["made"], where), frozenset())


def _input(data: Any, specs: dict[Value, Spec], where: str) -> tuple[int, ...]:
    """Enters an input; the order of its dims in memory."""
    entry = fields_of(data, f"{where}, input", {"value", "shape", "dtype", "order"})
    shape = tuple(whole(n, 1 << 31, where) for n in listed(entry["shape"], where, 64))
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        raise FormatError(f"{where}: no dtype {entry['dtype']!r}")
    _new(entry["value"], Spec(shape, DTYPES[entry["dtype"]], _CPU), specs, where)
    return order_of_dims(entry["order"], len(shape), where)


def _constant(data: Any, arrays: Mapping[str, Array], specs: dict[Value, Spec], where: str) -> tuple[Value, Constant]:
    entry = fields_of(data, f"{where}, constant", {"value", "tensor", "order"})
    if not isinstance(entry["tensor"], str) or entry["tensor"] not in arrays:
        raise FormatError(f"{where}: no tensor {entry['tensor']!r} for a constant")
    array = arrays[entry["tensor"]]
    order = order_of_dims(entry["order"], array.ndim, where)
    turned = _turned(array, order)
    value = _new(entry["value"], Spec(turned.shape, dtypes.from_numpy(turned.dtype), _CPU), specs, where)
    return value, Constant(turned, f"{entry['tensor']} {order}")


def _turned(array: Array, order: tuple[int, ...]) -> Array:
    """A tensor in memory order, with its dims where they belong."""
    return array.transpose(sorted(range(len(order)), key=order.__getitem__))


def _node(data: Any, specs: dict[Value, Spec], where: str, most_bytes: int) -> Node:
    if not isinstance(data, dict) or not {"inputs", "outputs"} <= set(data):
        raise FormatError(f"{where}: has no inputs or outputs")
    op = op_from_data({name: value for name, value in data.items() if name not in ("inputs", "outputs")}, where)
    taken = [None if v is None else _known(v, specs, where) for v in listed(data["inputs"], where, 10_000)]
    try:
        made = op.check(*(None if value is None else specs[value] for value in taken))
        _check_more(op, [None if value is None else specs[value] for value in taken])
    except _RAISED as error:
        raise FormatError(f"{where}: {error}") from error
    results = made if isinstance(made, tuple) else (made,)
    names = listed(data["outputs"], where, 100)
    if len(names) != len(results):
        raise FormatError(f"{where}: {op.name} makes {len(results)} values, not {len(names)}")
    for name, spec in zip(names, results, strict=True):
        if any(size < 0 for size in spec.shape) or spec.numel * spec.dtype.itemsize > most_bytes:
            raise LimitError(f"{where}: {op.name} would make {spec}")
        _new(name, spec, specs, where)
    return Node(op, tuple(taken), tuple(names))


def _check_more(op: Any, taken: list[Spec | None]) -> None:
    """What the rewrites keep by construction, and the ops of a graph do not check themselves."""
    given = [None if spec is None else spec.shape for spec in taken]
    kinds = {spec.dtype for spec in taken if spec is not None}
    if isinstance(op, Activated) and len(kinds) > 1:
        raise FormatError(f"{op.name}: inputs of several dtypes")
    if isinstance(op, LinearFused):
        x, weight, bias, residual = given
        result = None if x is None or weight is None else (*x[:-1], weight[0])
        fits = x and weight and len(weight) == 2 and x[-1] == weight[1]
        if not fits or bias not in (None, weight[:1]) or residual not in (None, result):  # type: ignore[index]
            raise FormatError(f"{op.name}: sizes do not fit")
    if isinstance(op, ScaleShift):
        x, scale, shift = given
        if x is None or not 0 <= op.dim < len(x) or scale != (x[op.dim],) or shift not in (None, scale):
            raise FormatError(f"{op.name}: sizes do not fit")
    if isinstance(op, NormalizeFused):
        x, weight, bias = given
        fits = x is not None and len(x) > 1 and weight == bias == x[1:2] and len(set(op.dims)) == len(op.dims)
        if not fits or not all(0 <= dim < len(x) for dim in op.dims):  # type: ignore[arg-type]
            raise FormatError(f"{op.name}: sizes do not fit")
    if isinstance(op, BatchNorm):
        x, *others = given
        present = all(one is not None for one in (x, *others[:2]))
        if not present or not x or len(x) < 2 or any(one not in (None, x[1:2]) for one in others) or len(kinds) > 1:
            raise FormatError(f"{op.name}: sizes do not fit")
    if isinstance(op, Arrange):
        fits = given[0] is not None and np.broadcast_shapes(given[0], op.shape) == op.shape
        if not fits or sorted(op.order) != list(range(len(op.shape))):
            raise FormatError(f"{op.name}: sizes do not fit")


def _made(data: Any, where: str) -> tuple[dict[str, int], int, Accuracy, Algorithms]:
    """What was found when the plan was made."""
    names = {"ops_captured", "rewrites", "bit_equal_on_example", "largest_on_example", "convolutions"}
    entry = fields_of(data, f"{where}, made", names | {"largest_from_direct_on_example"})
    largest, direct = entry["largest_on_example"], entry["largest_from_direct_on_example"]
    if not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in (largest, direct)):
        raise FormatError(f"{where}: an accuracy that is no number")
    if not isinstance(entry["bit_equal_on_example"], bool):
        raise FormatError(f"{where}: bit_equal_on_example is neither true nor false")
    rewrites, convolutions = (counts(entry[name], where) for name in ("rewrites", "convolutions"))
    accuracy = Accuracy(entry["bit_equal_on_example"], float(largest))
    return rewrites, whole(entry["ops_captured"], MOST_NODES, where), accuracy, Algorithms(convolutions, float(direct))


def _new(value: Any, spec: Spec, specs: dict[Value, Spec], where: str) -> Value:
    number = whole(value, 1 << 31, where)
    if number in specs:
        raise FormatError(f"{where}: value {number} is made twice")
    specs[number] = spec
    return number


def _known(value: Any, specs: dict[Value, Spec], where: str) -> Value:
    number = whole(value, 1 << 31, where)
    if number not in specs:
        raise FormatError(f"{where}: nobody made value {number}")
    return number
