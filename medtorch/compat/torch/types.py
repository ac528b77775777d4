"""Names of types, for annotations.

Source    semantics of torch.types
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from medtorch.core.devices import device
from medtorch.core.dtypes import dtype
from medtorch.core.tensor import Size, Tensor

__all__ = ["Device", "FileLike", "Number", "_TensorOrTensors", "_bool", "_device", "_dtype", "_float", "_int", "_size"]

_bool, _int, _float = bool, int, float
_dtype, _device = dtype, device
_size = Size | list[int] | tuple[int, ...]
_TensorOrTensors = Tensor | Sequence[Tensor]
Number = int | float | bool
Device = device | str | int | None
FileLike: Any = str | os.PathLike[str] | Any
