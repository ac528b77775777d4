"""Whole numbers and yes-or-no worked out on the host, brought to where a tensor is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.dtypes import bool_, int64

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

Numbers = np.ndarray[Any, np.dtype[np.int64]]


def beside(like: Tensor, numbers: np.ndarray[Any, Any]) -> Tensor:
    """A tensor of `numbers`, int64 or bool, on the device of `like`."""
    wanted = bool_ if numbers.dtype == np.bool_ else int64
    return like.new_tensor(np.ascontiguousarray(numbers), dtype=wanted)


def read(tensor: Tensor) -> Numbers:
    """The whole numbers of a tensor on whatever device."""
    return tensor.numpy(force=True).astype(np.int64)
