"""torch.fx's names, for annotations, `isinstance` and base classes; nothing is traced symbolically here.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from typing import Any, NoReturn

from medtorch.compat.torch.fx.graph_module import GraphModule
from medtorch.compat.torch.fx.node import Node
from medtorch.compat.torch.fx.proxy import Proxy
from medtorch.errors import UnsupportedError

__all__ = ["Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "symbolic_trace", "wrap"]


def wrap(fn_or_name: Any) -> Any:
    """The function, or its name, as it is: it says not to trace through, and nothing is traced."""
    return fn_or_name


class Graph:
    """There to be asked for: nothing is one."""

    def __init__(self, *_: Any, **__: Any) -> None:
        _refuse("Graph")


class Tracer:
    """A base class whose subclasses can be defined; one of them cannot be made."""

    def __init__(self, *_: Any, **__: Any) -> None:
        _refuse("Tracer")


class Interpreter:
    """A base class whose subclasses can be defined; one of them cannot be made."""

    def __init__(self, *_: Any, **__: Any) -> None:
        _refuse("Interpreter")


class Transformer(Interpreter):
    """A base class whose subclasses can be defined; one of them cannot be made."""


def symbolic_trace(root: Any, concrete_args: Any = None) -> NoReturn:
    """Raises UnsupportedError."""
    _refuse("symbolic_trace")


def _refuse(name: str) -> NoReturn:
    raise UnsupportedError(f"torch.fx.{name} is not supported; medtorch.compile captures and rewrites models")
