"""Whether ops are recorded: a switch of each thread, turned by context managers that are decorators too.

Source    semantics of torch.no_grad, torch.enable_grad, torch.set_grad_enabled, torch.inference_mode
Requires  REQ-F-AUT-002
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, Self, TypeVar

from medtorch.errors import AutogradError

F = TypeVar("F", bound=Callable[..., Any])


class Watcher(Protocol):
    """Sees everything that happens to tensors in one thread, and may refuse it by raising."""

    def saw_op(self, op: Any, inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> None:
        """`op` made `outputs`."""

    def saw_write(self, target: Any, value: Any, name: str) -> None:
        """The numbers of `value` are about to be written into the memory of `target`."""

    def saw_read(self, tensor: Any, name: str) -> None:
        """The numbers of `tensor` are about to leave for Python or NumPy."""

    def saw_move(self, tensor: Any, place: Any) -> None:
        """`tensor` is about to be copied to another device."""

    def saw_random(self) -> None:
        """Random numbers are about to be drawn."""


class _State(threading.local):
    grad = True
    inference = False
    packing: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...] = ()
    """How saved tensors are stored and fetched: pairs (pack, unpack), of which the last is in force."""
    levels: tuple[int, ...] = ()
    """The levels of forward mode whose tangents are seen (medtorch/core/forward.py)."""
    batches: tuple[Any, ...] = ()
    """The levels of vmap that are open (medtorch/core/batching.py)."""
    anomaly = ""
    """Anomaly mode: off, "names", or "nan", which looks for NaN in gradients too."""
    casting: Any = None
    """What autocast does (medtorch/core/autocasting.py), None where it is off."""
    into: Any = None
    """The tensor that an in-place function is about to change: its op may write the result there at once."""
    capture: Watcher | None = None
    """Who is told of everything that happens to tensors, while a model is captured (medtorch/core/graph)."""


STATE = _State()


def is_grad_enabled() -> bool:
    """Whether ops on tensors that require a gradient are recorded in this thread."""
    return STATE.grad


def is_plain() -> bool:
    """Whether nothing follows what happens to tensors: no recording, no tangents, no vmap, no capture."""
    return not (STATE.grad or STATE.levels or STATE.batches or STATE.capture is not None)


def is_inference_mode_enabled() -> bool:
    """Whether new tensors are inference tensors, which can never take part in a backward pass."""
    return STATE.inference


class _Mode:
    """Set the two switches on entry, put them back on exit."""

    def __init__(self, *, grad: bool, inference: bool | None = None) -> None:
        self._wanted = (grad, inference)
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> Self:
        self._before.append((STATE.grad, STATE.inference))
        grad, inference = self._wanted
        STATE.grad = grad
        if inference is not None:
            STATE.inference = inference
        return self

    def __exit__(self, *_: object) -> None:
        STATE.grad, STATE.inference = self._before.pop()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


class _BareDecorator(type):
    """Lets `@no_grad` stand without brackets, as torch does."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and callable(args[0]):
            return super().__call__()(args[0])
        return super().__call__(*args, **kwargs)


class no_grad(_Mode, metaclass=_BareDecorator):  # noqa: N801
    """Nothing inside is recorded."""

    def __init__(self) -> None:
        super().__init__(grad=False)


class enable_grad(_Mode, metaclass=_BareDecorator):  # noqa: N801
    """Recording is on inside, also within `no_grad`."""

    def __init__(self) -> None:
        super().__init__(grad=True)


class inference_mode(_Mode, metaclass=_BareDecorator):  # noqa: N801
    """Nothing inside is recorded, and what is made inside can never be."""

    def __init__(self, mode: bool = True) -> None:
        super().__init__(grad=not mode and STATE.grad, inference=mode)


class saved_tensors_hooks:  # noqa: N801
    """Inside, what ops save for backward is stored as `pack_hook(tensor)` and fetched with `unpack_hook`.

    Leaves that require grad are alive anyway and are left alone.
    Source    semantics of torch.autograd.graph.saved_tensors_hooks
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self._hooks = (pack_hook, unpack_hook)

    barred: ClassVar[str] = ""
    """Why opening one is an error at present."""

    def __enter__(self) -> None:
        if self.barred:
            raise AutogradError(self.barred)
        STATE.packing = (*STATE.packing, self._hooks)

    def __exit__(self, *_: object) -> None:
        STATE.packing = STATE.packing[:-1]


class set_grad_enabled(_Mode):  # noqa: N801
    """Turn recording on or off, at once and, used as a context, until its end."""

    def __init__(self, mode: bool) -> None:
        super().__init__(grad=bool(mode))
        self._outside = (STATE.grad, STATE.inference)
        STATE.grad = bool(mode)

    def __enter__(self) -> Self:
        self._before.append(self._outside)
        STATE.grad = self._wanted[0]
        return self
