"""torch.fx.proxy's names, for annotations and `isinstance`."""

from __future__ import annotations

from typing import Any

from medtorch.errors import UnsupportedError

__all__ = ["Proxy"]


class Proxy:
    """There to be asked for: nothing is one."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise UnsupportedError("torch.fx.Proxy is not supported; medtorch.compile captures and rewrites models")
