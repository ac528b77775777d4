"""torch.utils' names. `data` is fetched when it is first asked for: it brings a room with it."""

from __future__ import annotations

import importlib
from typing import Any

from medtorch.utils import checkpoint as checkpoint


def __getattr__(name: str) -> Any:
    if name == "data":
        return importlib.import_module("medtorch.utils.data")
    raise AttributeError(f"module 'medtorch.utils' has no attribute {name!r}")
