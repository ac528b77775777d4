"""The one place where arrays become tensors and tensors become arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from medtorch.core.creation import from_numpy
from medtorch.core.tensor import Tensor
from medtorch.errors import SaveError
from medtorch.serialize.storages import Array


def to_tensor(array: Array, requires_grad: bool) -> Tensor:
    """A tensor over the array's memory."""
    tensor = from_numpy(array)
    return tensor.requires_grad_() if requires_grad else tensor


def to_array(value: Any, what: str) -> Array:
    """The array of a tensor, or an array as it is. Raises SaveError for anything else, naming `what`."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return value
    raise SaveError(f"{what} is a {type(value).__name__}, not a tensor or an array")
