"""Registering operators with PyTorch's dispatcher, which is not here.

What only tells shapes to a tracer (`register_fake`) is taken and never asked for. Implementations of an operator that
medtorch has already are not needed; any other is refused by name.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from medtorch.compat.torch import ops
from medtorch.errors import UnsupportedError

__all__ = ["Library", "register_autograd", "register_fake"]

T = TypeVar("T")


def register_fake(op: Any, func: Any = None, /, *, lib: Any = None, _stacklevel: int = 1) -> Any:
    """The function as it is: shapes without numbers are never asked for."""
    return _as_it_is if func is None else func


def register_autograd(op: str, backward: Callable[..., Any], /, *, setup_context: Any = None, lib: Any = None) -> None:
    """Nothing to do for an operator of medtorch's own, which brings its gradient; else UnsupportedError."""
    _own(op, "register_autograd")


class Library:
    """A place to register operators at. Definitions and implementations of operators that are not here are refused."""

    def __init__(self, ns: str, kind: str, dispatch_key: str = "") -> None:
        self.ns, self.kind, self.dispatch_key = ns, kind, dispatch_key

    def define(self, schema: str, alias_analysis: str = "", *, tags: Any = ()) -> str:
        """Nothing to do for an operator of medtorch's own; else UnsupportedError."""
        name = schema.partition("(")[0]
        _own(f"{self.ns}::{name}", "Library.define")
        return name

    def impl(self, op_name: Any, fn: Any, dispatch_key: str = "", *, with_keyset: bool = False) -> None:
        """Shapes for a tracer are never asked for, and an operator of medtorch's own needs none; else refused."""
        if (dispatch_key or self.dispatch_key) != "Meta":
            _own(op_name if "::" in str(op_name) else f"{self.ns}::{op_name}", "Library.impl")


def _own(op: str, what: str) -> None:
    namespace, _, name = op.partition("::")
    if name.partition(".")[0] not in ops.names(namespace):
        raise UnsupportedError(f"torch.library.{what}: the operator {op!r} is not here and cannot be added")


def _as_it_is(function: T) -> T:
    return function
