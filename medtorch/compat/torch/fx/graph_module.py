"""torch.fx.graph_module's names, for annotations, `isinstance` and base classes."""

from __future__ import annotations

from typing import Any

from medtorch.errors import UnsupportedError
from medtorch.nn.modules.module import Module

__all__ = ["_USER_PRESERVED_ATTRIBUTES_KEY", "GraphModule", "_CodeOnlyModule", "_copy_attr"]

_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"


class GraphModule(Module):
    """A base class whose subclasses can be defined; one of them cannot be made."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise UnsupportedError("torch.fx.GraphModule is not supported; medtorch.compile captures and rewrites models")


class _CodeOnlyModule(Module):
    """There to be asked for: nothing is one."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise UnsupportedError("torch.fx.graph_module._CodeOnlyModule is not supported")


def _copy_attr(from_module: Any, to_module: Any, target: str) -> None:
    """Raises UnsupportedError."""
    raise UnsupportedError("torch.fx.graph_module._copy_attr is not supported")
