"""Which functions run in fewer bits, and which in float32, while autocast is on.

`@narrow` functions take their floating tensors (float64 aside) in autocast's dtype, `@wide` ones in float32. What runs
inside such a function casts nothing any more. Lists and rules are those of PyTorch's CPU autocast.

Source    semantics of torch.amp.autocast; lists as PyTorch 2.13.0 casts on CPU
Requires  REQ-F-AMP-001
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from medtorch.core.dtypes import dtype, float32, float64
from medtorch.core.modes import STATE

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Casting:
    """What autocast does at present: the dtype of each device type where it is on, and casts of leaves done so far."""

    dtypes: dict[str, dtype]
    cache: bool = True
    done: dict[int, tuple[Tensor, int, dtype, Tensor]] = field(default_factory=dict)


def narrow(function: Callable[P, R]) -> Callable[P, R]:
    """A function that autocast runs in fewer bits."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if STATE.casting is None:
            return function(*args, **kwargs)
        return _cast(function, args, kwargs, wide_=False)  # type: ignore[no-any-return]

    return wrapper


def wide(function: Callable[P, R]) -> Callable[P, R]:
    """A function that autocast runs in float32."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if STATE.casting is None:
            return function(*args, **kwargs)
        return _cast(function, args, kwargs, wide_=True)  # type: ignore[no-any-return]

    return wrapper


def unchanged(function: Callable[P, R]) -> Callable[P, R]:
    """A function that autocast leaves alone, and whatever it calls."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if STATE.casting is None:
            return function(*args, **kwargs)
        before, STATE.casting = STATE.casting, None
        try:
            return function(*args, **kwargs)
        finally:
            STATE.casting = before

    return wrapper


@contextmanager
def nothing_cast() -> Iterator[None]:
    """Inside, autocast is off: a backward pass runs in the dtypes of its forward."""
    before, STATE.casting = STATE.casting, None
    try:
        yield
    finally:
        STATE.casting = before


def _cast(function: Callable[..., Any], args: Any, kwargs: Any, *, wide_: bool) -> Any:
    casting = STATE.casting
    cast_one = functools.partial(_one, casting, wide_)
    STATE.casting = None
    try:
        return function(*(_each(a, cast_one) for a in args), **{k: _each(v, cast_one) for k, v in kwargs.items()})
    finally:
        STATE.casting = casting


def _each(value: Any, cast_one: Callable[[Any], Any]) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_each(v, cast_one) for v in value)
    return cast_one(value) if hasattr(value, "_run") else value


def _one(casting: Casting, wide_: bool, tensor: Tensor) -> Tensor:
    wanted = casting.dtypes.get(tensor.device.type)
    own = tensor.dtype
    if wanted is None or not own.is_floating_point or own is float64:
        return tensor
    wanted = float32 if wide_ else wanted
    if own is wanted:
        return tensor
    leaf = own is float32 and tensor.requires_grad and tensor.is_leaf and tensor._base is None
    if not (casting.cache and leaf and not wide_):
        return tensor.to(wanted)
    kept = casting.done.get(id(tensor))
    recorded = (tensor._version, wanted)
    if kept is None or (kept[1], kept[2]) != recorded or kept[3].requires_grad != STATE.grad:
        kept = (tensor, *recorded, tensor.to(wanted))
        casting.done[id(tensor)] = kept
    return kept[3]
