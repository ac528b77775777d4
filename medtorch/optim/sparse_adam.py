"""SparseAdam, which is not here: it is for sparse gradients, and there are no sparse tensors."""

from __future__ import annotations

from typing import Any

from medtorch.errors import UnsupportedError


class SparseAdam:
    """Not supported. Raises UnsupportedError on construction."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UnsupportedError("SparseAdam is not supported: it needs sparse gradients")
