"""torch.fx.node's names, for annotations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.errors import UnsupportedError

__all__ = ["Argument", "Node", "Target"]

Target = Callable[..., Any] | str
Argument = Any


class Node:
    """There to be asked for: nothing is one."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise UnsupportedError("torch.fx.Node is not supported; medtorch.compile captures and rewrites models")
