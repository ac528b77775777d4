"""Changing a tensor in place: the numbers are written, the version rises, and the tape tells the story without it.

On the tape an in-place change of a tensor is a new value under the old name. A change through a view is a new value of
the view's base with a part replaced (`SetView`), and every view of that base is read afresh from it.

Source    semantics of torch's in-place ops and views (version counters, rebased history)
Requires  REQ-F-AUT-003
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from medtorch.core import dtypes, forward, laid_out
from medtorch.core.autograd import OpNode, keep_copies, now
from medtorch.core.backends import kernels_for
from medtorch.core.modes import STATE, enable_grad
from medtorch.core.ops.copy import Overwrite, SetView
from medtorch.core.spec import describe
from medtorch.errors import AutogradError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


_DIRECT = ("add", "relu")
"""Functions that are one op on the tensor, at their end, and whose ops can write over it."""


def inplace(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place form of an op's function: `add` -> `add_`."""

    name = function.__name__

    @functools.wraps(function)
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return change(self, name, function, *args, **kwargs)

    method.__name__ = method.__qualname__ = name + "_"
    return method


def change(target: Tensor, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
    """`function(target, ...)` written over `target`, whose old numbers the tape keeps if it needs them."""
    guard(target, name + "_")
    start = now()
    if name in _DIRECT:
        STATE.into = target
    try:
        value = function(target, *args, **kwargs)
    finally:
        STATE.into = None
    keep_copies(value.grad_fn, start, target)
    return assign(target, value, name + "_")


def overwrite(target: Tensor, value: Any, name: str) -> Tensor:
    """`target` takes the numbers of `value`, a tensor or a number, stretched to its shape and cast to its dtype."""
    guard(target, name)
    if not hasattr(value, "_run"):
        value = target._scalar(value, target.dtype)
    elif value.device != target.device:
        value = value.to(target.device)
    tracked = STATE.grad and (target.requires_grad or value.requires_grad)
    if tracked or (STATE.levels and (target._tangents or value._tangents or target._base is not None)):
        return assign(target, Overwrite()(target, value.to(target.dtype)), name)
    Overwrite().check(target.spec, value.spec)
    write(target, value, name)
    target._counter[0] += 1
    return target


def write(target: Tensor, value: Tensor, name: str) -> None:
    """The numbers of `value` into the memory of `target`, on the same device."""
    if STATE.capture is not None:
        STATE.capture.saw_write(target, value, name)
    kernels = kernels_for(target.device)
    with kernels.quiet():
        plain = not STATE.batches  # inside vmap an array is many, which only its own assignment knows
        if plain and value.shape == target.shape and value.dtype is target.dtype:
            kernels.copy_into(value._array, target._array)
        else:
            target._array[...] = value._array


def guard(target: Tensor, name: str) -> None:
    """Raise where `target` may not be changed in place."""
    laid_out.refuse_change(target, name)
    if target._inference and not STATE.inference:
        raise AutogradError(
            f"{name}: an inference tensor can be changed in place in inference mode only{describe(tensor=target.spec)}"
        )
    array = target._array
    if (
        0 in array.strides
        and array.size
        and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))
    ):
        raise ShapeError(
            f"{name}: several elements of the tensor share one place in memory; clone() it first"
            f"{describe(tensor=target.spec)}"
        )
    if STATE.grad:
        _guard_recorded(target, name)


def _guard_recorded(target: Tensor, name: str) -> None:
    owner = target if target._base is None else target._base
    if owner.requires_grad and owner.grad_fn is None:
        kind = "a leaf" if owner is target else "a view of a leaf"
        raise AutogradError(
            f"{name}: {kind} that requires grad cannot be changed in place while recording"
            f"{describe(tensor=target.spec)}"
        )
    if target._view_kind and target.requires_grad:
        raise AutogradError(
            f"{name}: this view was made {target._view_kind} and cannot be changed in place"
            f"{describe(tensor=target.spec)}"
        )


def assign(target: Tensor, value: Tensor, name: str) -> Tensor:
    """Write `value` into the memory of `target` and let the tape follow. The caller has asked `guard`."""
    if value.shape != target.shape:
        raise ShapeError(f"{name}: the result does not fit{describe(tensor=target.spec, result=value.spec)}")
    if value.dtype is not target.dtype:
        if not dtypes.can_cast(value.dtype, target.dtype):
            raise DtypeError(
                f"{name}: result {value.dtype.name} cannot be written into {target.dtype.name}"
                f"{describe(tensor=target.spec)}"
            )
        value = value.to(target.dtype)
    needs_history = STATE.grad and (target.requires_grad or value.requires_grad)
    if needs_history and target._view_kind:
        raise AutogradError(
            f"{name}: this view was made {target._view_kind} and cannot be changed in place"
            f"{describe(tensor=target.spec)}"
        )
    node, base = None, target._base
    if needs_history and base is not None:
        needs = (base.requires_grad, value.requires_grad)
        node = OpNode(SetView(target._view_ops), (base, value), needs, (base,))
    if value._array is not target._array:  # else the op has written it already
        write(target, value, name)
        target._counter[0] += 1
    if STATE.levels:
        forward.assigned(target, value)
    if node is not None and base is not None:
        base._set_node(node, 0)
        refresh_view(target)
    elif needs_history:
        target._set_node(value.grad_fn, value._output_nr)
    return target


def refresh_view(view: Tensor) -> None:
    """Read a view's place on the tape afresh from its base, whose numbers have changed since."""
    view._view_version = view._counter[0]
    base = view._base
    if base is None or view._view_kind or not base.requires_grad:
        return
    with enable_grad():
        again = base
        for op, nr in view._view_ops:
            out = op(again)
            again = out[nr] if isinstance(out, tuple) else out
    view._set_node(again._grad_fn, again._output_nr)
