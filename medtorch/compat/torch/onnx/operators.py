"""Functions that an exporter would see as one operator each."""

from __future__ import annotations

import medtorch

__all__ = ["reshape_from_tensor_shape", "shape_as_tensor"]


def shape_as_tensor(x: medtorch.Tensor) -> medtorch.Tensor:
    """The shape, in int64."""
    return medtorch.tensor(tuple(x.shape), dtype=medtorch.int64)


def reshape_from_tensor_shape(x: medtorch.Tensor, shape: medtorch.Tensor) -> medtorch.Tensor:
    """`x` in the shape whose lengths are the numbers of a tensor."""
    return x.reshape(tuple(shape.tolist()))
