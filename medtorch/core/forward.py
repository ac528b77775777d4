"""Forward mode: tensors that carry a tangent, the direction in which they move, through every op.

A level is one direction; levels may be nested, and an op sees those below its own only. What an op does to tangents
follows from its vjp alone: v -> vjp(v) is linear in v, so its own vjp along v takes a tangent forward (the tangent is
d<vjp(v), t>/dv, at v = 0). Ops that say so are spared that: a linear op acts on tangents as on numbers, one whose
Jacobian is diagonal moves a tangent as it moves a gradient.

Source    forward accumulation: Griewank & Walther, Evaluating Derivatives, 2008, chapter 3; semantics of
          torch.autograd.forward_ad
Requires  REQ-F-AUT-010
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from medtorch.core import autograd
from medtorch.core.modes import STATE, enable_grad
from medtorch.core.ops.copy import Alias, SetView
from medtorch.core.spec import describe
from medtorch.errors import ArgumentError, AutogradError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.ops.op import Op
    from medtorch.core.tensor import Tensor

Tangents = Sequence["Tensor | None"]


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent, None where it has none."""

    primal: Tensor
    tangent: Tensor | None


@contextmanager
def only_levels(levels: tuple[int, ...]) -> Iterator[None]:
    """Inside, tangents of `levels` alone are seen."""
    before = STATE.levels
    STATE.levels = levels
    try:
        yield
    finally:
        STATE.levels = before


@contextmanager
def new_level() -> Iterator[int]:
    """A level above all others, whose tangents are forgotten at its end."""
    level = max(STATE.levels, default=0) + 1
    with only_levels((*STATE.levels, level)):
        yield level


def tangent_of(tensor: Tensor, level: int) -> Tensor | None:
    """The tangent of a level; of a view that of its base, if the base was changed in place since."""
    base = tensor._base
    if base is not None and base._tangents is not None and tensor._tangents_version != tensor._counter[0]:
        tensor._tangents_version = tensor._counter[0]
        for known in STATE.levels:
            moved = tangent_of(base, known)
            if moved is not None:
                with only_levels(_below(known)):
                    set_tangent(tensor, known, _viewed(moved, tensor))
    return None if tensor._tangents is None else tensor._tangents.get(level)


def _viewed(tangent: Tensor, view: Tensor) -> Tensor:
    for op, nr in view._view_ops:
        found = op(tangent)
        tangent = found[nr] if isinstance(found, tuple) else found
    return tangent


def set_tangent(tensor: Tensor, level: int, tangent: Tensor | None) -> None:
    """Give `tensor` a tangent, or take it away."""
    if tangent is not None:
        tensor._tangents = {**(tensor._tangents or {}), level: tangent}
    elif tensor._tangents is not None:
        tensor._tangents = {k: v for k, v in tensor._tangents.items() if k != level}
    tensor._tangents_version = tensor._counter[0]


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int) -> Tensor:
    """The same numbers, moving along `tangent`.

    Raises    ShapeError, AutogradError for a tangent that does not fit
    """
    given = {"tensor": tensor.spec, "tangent": tangent.spec}
    if tensor.shape != tangent.shape:
        raise ShapeError(f"make_dual: tensor and tangent differ in shape{describe(**given)}")
    if tensor.dtype is not tangent.dtype or not tensor.dtype.is_differentiable:
        raise AutogradError(f"make_dual: tensor and tangent must be floating point, of one dtype{describe(**given)}")
    if level in STATE.levels and tangent_of(tensor, level) is not None:
        raise AutogradError("make_dual: the tensor has a tangent of this level already")
    out: Tensor = Alias()(tensor)
    set_tangent(out, level, tangent)
    return out


def unpack_dual(tensor: Tensor, *, level: int) -> UnpackedDualTensor:
    """The tensor without, and its tangent of, a level."""
    found = tangent_of(tensor, level)
    with only_levels(_below(level)):
        return UnpackedDualTensor(Alias()(tensor), found)


def _below(level: int) -> tuple[int, ...]:
    return tuple(known for known in STATE.levels if known < level)


def highest(tensors: Tangents) -> int | None:
    """The highest level of which one of the tensors has a tangent."""
    for level in reversed(STATE.levels):
        if any(t is not None and tangent_of(t, level) is not None for t in tensors):
            return level
    return None


def run_dual(op: Op, tensors: tuple[Tensor | None, ...], level: int) -> Any:
    """Carry `op` out and move the tangents of one level, below which it is an op like any other."""
    tangents = [None if t is None else tangent_of(t, level) for t in tensors]
    if STATE.packing:
        raise UnsupportedError(f"{op.name}: forward mode does not go with saved_tensors_hooks")
    with only_levels(_below(level)):
        found = autograd.run(op, tensors)
        outputs = found if isinstance(found, tuple) else (found,)
        moved = op_tangents(op, tensors, outputs, tangents)
    for out, tangent in zip(outputs, moved, strict=True):
        if tangent is not None and out.dtype.is_differentiable:
            set_tangent(out, level, tangent)
    _share_with_saved(outputs)
    return found


def _share_with_saved(outputs: Sequence[Tensor]) -> None:
    """What the node has kept of its outputs moves with them."""
    node = outputs[0]._grad_fn
    if isinstance(node, autograd.OpNode) and node.saved is not None:
        every = [kept for many in node.saved.values() for kept in many]
        for kept in (k for k in every if k is not None and k._output is not None):
            if kept._array is not None:
                out = outputs[kept._output]
                kept._array._tangents, kept._array._tangents_version = out._tangents, out._tangents_version


def op_tangents(op: Op, tensors: Sequence[Any], outputs: Sequence[Tensor], tangents: Tangents) -> Tangents:
    """Where the outputs go when the inputs move along `tangents`."""
    if not any(o.dtype.is_differentiable for o in outputs):
        return [None] * len(outputs)
    if op.tangents == "linear":
        directions = [
            d if d is not None or t is None else t.new_zeros(t.shape) for t, d in zip(tensors, tangents, strict=True)
        ]
        found = op(*directions)
        return found if isinstance(found, tuple) else (found,)
    if op.tangents == "bilinear":
        return (_product_rule(op, tensors, outputs[0], tangents),)
    if op.tangents == "diagonal" and not tensors[0].dtype.is_complex:
        (direction,) = tangents
        return (_pulled(op, tensors, outputs, [direction], (True,))[0],)
    return _by_two_vjps(op, tensors, outputs, tangents)


def _product_rule(op: Op, tensors: Sequence[Any], output: Tensor, tangents: Tangents) -> Tensor | None:
    """op(da, b) + op(a, db) + dbias."""
    a, b, rest = tensors[0], tensors[1], [None] * (len(tensors) - 2)
    parts = [op(tangents[0], b, *rest)] if tangents[0] is not None else []
    parts += [op(a, tangents[1], *rest)] if tangents[1] is not None else []
    if rest and tangents[2] is not None:
        across = (1, -1, *(1,) * (output.ndim - 2))
        parts.append(tangents[2].reshape(across).expand(output.shape))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total  # type: ignore[no-any-return]


def _by_two_vjps(op: Op, tensors: Sequence[Any], outputs: Sequence[Tensor], tangents: Tangents) -> Tangents:
    create = STATE.grad
    with enable_grad():
        weights: list[Any] = [
            o.new_zeros(o.shape).requires_grad_() if o.dtype.is_differentiable else None for o in outputs
        ]
        grads = _pulled(op, tensors, outputs, weights, tuple(d is not None for d in tangents))
        pairs = [(g, d) for g, d in zip(grads, tangents, strict=True) if g is not None and d is not None]
        pairs = [(g, d.to(g.dtype)) for g, d in pairs if g.requires_grad]
        wanted = [w for w in weights if w is not None]
        if not pairs or not wanted:
            return [None] * len(outputs)
        roots, along = zip(*pairs, strict=True)
        found = iter(autograd.grad(roots, wanted, along, create_graph=create, allow_unused=True))
    return [None if w is None else next(found) for w in weights]


def _pulled(
    op: Op, tensors: Sequence[Any], outputs: Sequence[Tensor], dys: Sequence[Any], needs: tuple[bool, ...]
) -> Tangents:
    """`op`'s vjp of `dys`, from the inputs and outputs as they stand."""
    found = op.vjp(*(_argument(op, want, tensors, outputs, dys, needs) for want in op.wants))
    return found if isinstance(found, tuple) else (found,)


def _argument(
    op: Op, want: str, tensors: Sequence[Any], outputs: Sequence[Any], dys: Sequence[Any], needs: tuple[bool, ...]
) -> Any:
    single = len(outputs) == 1
    if want == "dy":
        return dys[0] if single else tuple(dys)
    if want == "y":
        return outputs[0] if single else tuple(outputs)
    if want in getattr(op, "outputs", ()):
        return outputs[op.outputs.index(want)]
    if want == "needs":
        return needs
    if want == "y_spec":
        return outputs[0].spec if single else tuple(o.spec for o in outputs)
    if want.endswith("_spec"):
        specs = tuple(None if t is None else t.spec for t in tensors)
        return specs if op.variadic else specs[op.inputs.index(want[:-5])]
    return tuple(tensors) if op.variadic else tensors[op.inputs.index(want)]


def assigned(target: Tensor, value: Tensor) -> None:
    """After the numbers of `value` were written over those of `target`: the tangents follow."""
    base = target._base
    for level in STATE.levels:
        with only_levels(_below(level)):
            new = None if value._tangents is None else value._tangents.get(level)
        if base is None:
            set_tangent(target, level, new)
            continue
        old = None if base._tangents is None else base._tangents.get(level)
        if new is None and old is None:
            continue
        with only_levels(_below(level)):
            whole = base.new_zeros(base.shape) if old is None else old
            part = target.new_zeros(target.shape) if new is None else new
            set_tangent(base, level, SetView(target._view_ops)(whole, part))
    if base is not None:
        target._tangents_version = -1


def moved(tensor: Tensor, out: Tensor) -> None:
    """`out` is a copy of `tensor` on another device: its tangents are copies of tangents."""
    for level in STATE.levels:
        tangent = tangent_of(tensor, level)
        if tangent is not None:
            with only_levels(_below(level)):
                set_tangent(out, level, tangent.to(out.device))


def current_level() -> int:
    """The innermost level. Raises ArgumentError outside of all."""
    if not STATE.levels:
        raise ArgumentError("forward_ad: there is no dual level; use `with dual_level():`")
    return STATE.levels[-1]
