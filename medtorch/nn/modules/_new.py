"""Members of a new layer: parameters that an initialiser fills, and buffers."""

from __future__ import annotations

from typing import Any

from medtorch.core import dtypes
from medtorch.core.backends import kernels_for
from medtorch.core.devices import as_device, device
from medtorch.core.dtypes import dtype
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn.parameter import Parameter

Device = str | device | int | None


def full(shape: int | tuple[int, ...], value: float, place: Device, wanted: dtype | None) -> Tensor:
    """A tensor of one number, in the default dtype where none is given."""
    lengths = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(length < 0 for length in lengths):
        raise ArgumentError(f"Trying to create tensor with negative dimension: {lengths}")
    where = as_device(place)
    return Tensor._from_array(kernels_for(where).full(lengths, value, wanted or dtypes.get_default_dtype()), where)


def parameter(shape: int | tuple[int, ...], place: Device, wanted: dtype | None, value: float = 0.0) -> Parameter:
    """A parameter for an initialiser to fill."""
    return Parameter(full(shape, value, place, wanted))


def count(place: Device) -> Tensor:
    """A 0-d counter of whole numbers."""
    return full((), 0, place, dtypes.int64)


def shown(owner: Any, *names: str) -> str:
    """ "name=value, name=value" of an object's fields."""
    return ", ".join(f"{name}={getattr(owner, name)}" for name in names)
