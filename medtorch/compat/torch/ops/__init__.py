"""torch.ops: operators by namespace. Those of torchvision that medtorch has are here; others raise by name.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

import os
from pathlib import Path

from medtorch.compat.torch.ops import torchvision

__all__ = ["load_library", "torchvision"]

_HAVE = {"torchvision": torchvision}


def names(namespace: str) -> tuple[str, ...]:
    """The operators of a namespace that are here."""
    return tuple(_HAVE[namespace].__all__) if namespace in _HAVE else ()


def load_library(path: str | os.PathLike[str]) -> None:
    """Nothing to do for torchvision's library, whose operators medtorch brings. Raises OSError for any other."""
    place = Path(path)
    if place.parent.name != "torchvision" or place.name.partition(".")[0] != "_C":
        raise OSError(f"{place}: libraries of PyTorch operators cannot be loaded")
