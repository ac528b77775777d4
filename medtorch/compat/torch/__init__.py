"""What PyTorch code asks of `torch` itself beyond medtorch's names.

A name is here for one of four reasons, and never to pass something off: it answers a question truly (nothing is being
scripted, so `jit.is_scripting()` is False), it marks code for a compiler that is not here (`jit.unused`: the code
stays as it is), it only has to exist for `isinstance` and annotations, or it raises an UnsupportedError that names it.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.compat.torch.torch_version import __version__
from medtorch.errors import ArgumentError

memory_format = layout = str  # medtorch names both by strings

__all__ = [
    "__version__",
    "_assert",
    "_check",
    "_check_index",
    "_check_is_size",
    "_check_type",
    "_check_value",
    "compile",
    "layout",
    "memory_format",
]

_MODES = (None, "default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "inductor",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """`model` as it is: torch.compile promises the same results sooner, and eager execution gives the same results.

    `medtorch.compile` is the compiler of this house.
    """
    if mode not in _MODES:
        raise ArgumentError(f"compile: unknown mode {mode!r}; have {', '.join(map(repr, _MODES))}")
    return _itself if model is None else model


def _itself(model: Any) -> Any:
    return model


def _assert(condition: Any, message: str) -> None:
    """Raise AssertionError(message) unless `condition`."""
    if not condition:
        raise AssertionError(message)


def _check(cond: Any, message: Callable[[], Any] | None = None) -> None:
    _raise_unless(cond, RuntimeError, message)


def _check_index(cond: Any, message: Callable[[], Any] | None = None) -> None:
    _raise_unless(cond, IndexError, message)


def _check_value(cond: Any, message: Callable[[], Any] | None = None) -> None:
    _raise_unless(cond, ValueError, message)


def _check_type(cond: Any, message: Callable[[], Any] | None = None) -> None:
    _raise_unless(cond, TypeError, message)


def _check_is_size(i: int, message: Callable[[], Any] | None = None, *, max: int | None = None) -> None:
    _raise_unless(i >= 0 and (max is None or i <= max), RuntimeError, message)


def _raise_unless(cond: Any, kind: type[Exception], message: Callable[[], Any] | None) -> None:
    if not cond:
        text = "expected cond to be True, but got False" if message is None else message
        raise kind(str(text() if callable(text) else text))
