"""torch.compiler's marks on Python code, which run as Python.

Source    semantics of torch.compiler for code that runs eagerly
Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from typing import Any

from medtorch.compat.torch import compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "reset",
]


def is_compiling() -> bool:
    """False: Python runs this."""
    return False


def is_dynamo_compiling() -> bool:
    """False: Python runs this."""
    return False


def is_exporting() -> bool:
    """False: nothing is being exported."""
    return False


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function as it is; called without one, a decorator that does the same."""
    return _as_it_is if fn is None else fn


def allow_in_graph(fn: Any) -> Any:
    """The function as it is."""
    return fn


def assume_constant_result(fn: Any) -> Any:
    """The function as it is."""
    return fn


def reset() -> None:
    """Nothing to do: nothing is kept."""


def cudagraph_mark_step_begin() -> None:
    """Nothing to do: no graph is recorded behind the code's back."""


def _as_it_is(fn: Any) -> Any:
    return fn
