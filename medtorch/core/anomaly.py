"""Anomaly mode: a backward step that fails, or gives NaN, tells which op it belongs to and where that was called.

Source    semantics of torch.autograd.detect_anomaly, torch.autograd.set_detect_anomaly
Requires  REQ-F-AUT-012
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from medtorch.core.modes import STATE, no_grad
from medtorch.errors import AutogradError

if TYPE_CHECKING:
    from medtorch.core.autograd import Node
    from medtorch.core.tensor import Tensor


def forward_call() -> str:
    """The Python stack of the op that is just being recorded, the core's own frames left out."""
    frames = traceback.extract_stack()
    while len(frames) > 1 and "/medtorch/core/" in frames[-1].filename.replace("\\", "/"):
        frames.pop()
    return "".join(traceback.format_list(frames))


def told_of(node: Node) -> str:
    """Where the op behind `node` was called, as far as it is known."""
    if node.made_at is None:
        return "anomaly mode was off when it was called: its forward call is not known"
    return f"its forward call, most recent call last:\n{node.made_at}"


def pulled(node: Node, dys: list[Tensor | None]) -> Sequence[Tensor | None]:
    """`node.pull(dys)`, whose failure and whose NaN are told with the op's name.

    Raises    AutogradError for a gradient with NaN in it; what pull raises, with a note
    """
    try:
        grads = node.pull(dys)
    except Exception as error:
        error.add_note(f"while going back through {node.name()}; {told_of(node)}")
        raise
    for place, dy in enumerate(grads) if STATE.anomaly == "nan" else ():
        if dy is not None and _has_nan(dy):
            raise AutogradError(f"{node.name()} gives NaN in its gradient {place}; {told_of(node)}")
    return grads


def _has_nan(gradient: Tensor) -> bool:
    with no_grad():
        return bool((gradient != gradient).any().item())


class _Anomaly:
    """Turns the mode at once where `now`, and back at the end of a context."""

    def __init__(self, mode: bool, check_nan: bool, *, now: bool) -> None:
        self._wanted = ("nan" if check_nan else "names") if mode else ""
        self._before: list[str] = [STATE.anomaly] if now else []
        self._now = now
        if now:
            STATE.anomaly = self._wanted

    def __enter__(self) -> Self:
        if not self._now:
            self._before.append(STATE.anomaly)
            STATE.anomaly = self._wanted
        return self

    def __exit__(self, *_: object) -> None:
        STATE.anomaly = self._before[0] if self._now else self._before.pop()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return wrapper


class detect_anomaly(_Anomaly):  # noqa: N801  the public name is torch's
    """Inside, anomaly mode is on; with `check_nan` a NaN in a gradient is an error."""

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(True, check_nan, now=False)


class set_detect_anomaly(_Anomaly):  # noqa: N801  the public name is torch's
    """Turn anomaly mode on or off, at once and, used as a context, until its end."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(mode, check_nan, now=True)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return bool(STATE.anomaly)


def is_anomaly_check_nan_enabled() -> bool:
    """Whether it looks for NaN, too."""
    return STATE.anomaly == "nan"
