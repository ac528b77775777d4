"""Scales and shifts by channel (batch norm in evaluation mode) multiplied into the product before them.

Math      s (W x + b) + t = (s W) x + (s b + t), computed in float64 from the model's own numbers and rounded once
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.backends import move
from medtorch.core.devices import device
from medtorch.core.graph.draft import Draft
from medtorch.core.graph.ir import Graph, Node, Value
from medtorch.core.graph.ops import Activated, ConvFused, ConvTransposeFused, LinearFused
from medtorch.core.graph.rewrite.exact import Exact
from medtorch.core.ops.arithmetic import Add, Mul, Sub
from medtorch.core.spec import Spec

Array = Any
_CPU = device("cpu")
_PRODUCTS = (ConvFused, ConvTransposeFused, LinearFused)


@dataclass
class _Chain:
    """What follows a product: places to empty, scale and shift in float64 (None: 1 and 0), the last value."""

    places: list[int]
    last: Value
    scale: Array | None = None
    shift: Array | None = None
    steps: int = 0


def fold_affine(graph: Graph) -> tuple[Graph, dict[str, int]]:
    """The graph with weights and biases that hold what followed them."""
    draft = Draft(graph)
    fixed, exact = draft.fixed(), Exact(draft)
    counts = {"scales folded into weights": 0, "biases joined": 0, "shifts folded into biases": 0}
    for place, node in draft.nodes():
        if not isinstance(node.op, _PRODUCTS) or not _is_plain(node, fixed):
            continue
        chain = _follow(draft, fixed, exact, place, node)
        if not chain.steps:
            continue
        if chain.scale is not None:
            counts["scales folded into weights"] += 1
        else:
            counts["biases joined" if node.inputs[2] is None and chain.steps == 1 else "shifts folded into biases"] += 1
        _replace(draft, exact, place, node, chain)
    return draft.finished(), counts


def changes_numbers(counts: dict[str, int]) -> bool:
    """Whether what was folded is rounded elsewhere than in the model."""
    return bool(counts.get("scales folded into weights") or counts.get("shifts folded into biases"))


def channel_dim(op: Activated, spec: Spec) -> int:
    """The dim of a product's result that has one number for each row of the weight."""
    return spec.ndim - 1 if isinstance(op, LinearFused) else 1


def is_by_channel(have: Spec, result: Spec, dim: int) -> bool:
    """Whether `have` stretches to `result` with numbers of its own along `dim` at most."""
    if have.ndim > result.ndim or have.dtype is not result.dtype:
        return False
    lead = result.ndim - have.ndim
    return all(n == 1 or (d + lead == dim and n == result.shape[dim]) for d, n in enumerate(have.shape))


def _is_plain(node: Node, fixed: set[Value]) -> bool:
    """A fixed weight, a fixed bias or none, no residual and no activation yet."""
    _, weight, bias, residual = node.inputs
    plain = isinstance(node.op, Activated) and node.op.activation == "none" and residual is None
    return plain and weight in fixed and (bias is None or bias in fixed)


def _follow(draft: Draft, fixed: set[Value], exact: Exact, place: int, node: Node) -> _Chain:
    """The scales and shifts after a product."""
    chain = _Chain([place], node.outputs[0])
    while (user := draft.only_user(chain.last)) is not None:
        where, after = user
        if not _absorb(draft, fixed, exact, chain, node, after):
            break
        chain.places.append(where)
        chain.last, chain.steps = after.outputs[0], chain.steps + 1
    return chain


def _absorb(draft: Draft, fixed: set[Value], exact: Exact, chain: _Chain, node: Node, after: Node) -> bool:
    """Take `after` into the chain, if it is a scale or a shift by channel."""
    if not isinstance(after.op, (Add, Mul, Sub)) or not isinstance(node.op, Activated):
        return False
    result, value = draft.specs[after.outputs[0]], chain.last
    a, b = after.inputs
    other = b if a == value else a
    if other is None or other == value or other not in fixed or (isinstance(after.op, Sub) and a != value):
        return False
    dim = channel_dim(node.op, result)
    if result != draft.specs[value] or not is_by_channel(draft.specs[other], result, dim):
        return False
    numbers = np.broadcast_to(exact(other).reshape(-1), (result.shape[dim],))
    if isinstance(after.op, Mul):
        chain.scale = numbers if chain.scale is None else chain.scale * numbers
        chain.shift = None if chain.shift is None else chain.shift * numbers
    else:
        signed = -numbers if isinstance(after.op, Sub) else numbers
        chain.shift = signed if chain.shift is None else chain.shift + signed
    return True


def _replace(draft: Draft, exact: Exact, place: int, node: Node, chain: _Chain) -> None:
    x, weight, bias, _ = node.inputs
    if weight is None:
        return
    shift = None if bias is None else exact(bias)
    if chain.scale is not None:
        weight = _scaled(draft, exact, node.op, weight, chain.scale)
        shift = None if shift is None else shift * chain.scale
    if chain.shift is not None:
        shift = chain.shift if shift is None else shift + chain.shift
    spec = draft.specs[weight]
    if shift is not None:
        bias = _constant(draft, np.ascontiguousarray(shift), spec.with_shape(shift.shape))
    for empty in chain.places[:-1]:
        draft.put(empty)
    draft.put(chain.places[-1], Node(node.op, (x, weight, bias, None), (chain.last,)))


def _constant(draft: Draft, numbers: Array, spec: Spec) -> Value:
    rounded = numbers.astype(spec.dtype.numpy)
    return draft.new_constant(move(rounded, spec.device), spec, None)


def _scaled(draft: Draft, exact: Exact, op: Any, weight: Value, scale: Array) -> Value:
    """Each row of the weight (column, for a transposed convolution) times its channel's scale, when it is needed."""
    spec, constant = draft.specs[weight], draft.constants.get(weight)
    numbers = exact(weight) if constant is None else None

    def made() -> Array:
        given = np.asarray(move(constant.array, _CPU)) if constant is not None else numbers
        return move(_product(given, _by_row(op, spec, scale), spec), spec.device)

    return draft.new_constant(made, spec, None)


def _by_row(op: Any, spec: Spec, scale: Array) -> Array:
    """The scales, as they stretch over the weight."""
    if not isinstance(op, ConvTransposeFused):
        return scale.reshape(-1, *(1,) * (spec.ndim - 1))
    rows, columns, *kernel = spec.shape
    grouped = scale.reshape(op.groups, 1, columns, *(1,) * len(kernel))
    stretched = np.broadcast_to(grouped, (op.groups, rows // op.groups, columns, *(1,) * len(kernel)))
    return stretched.reshape(rows, columns, *(1,) * len(kernel))


def _product(weight: Array, scale: Array, spec: Spec) -> Array:
    """The product in float64, rounded once; NumPy widens a few thousand numbers at a time."""
    rounded = np.empty_like(weight, dtype=spec.dtype.numpy)
    if rounded.dtype == np.float32:
        return np.multiply(weight, scale, out=rounded, dtype=np.float64, casting="same_kind")
    rounded[...] = weight.astype(np.float64) * scale
    return rounded
