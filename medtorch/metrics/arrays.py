"""The edge between tensors and the NumPy inside of metrics: whatever comes in is checked here, once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medtorch.core.creation import from_numpy
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError, ShapeError

Array = NDArray[Any]


def as_array(value: Any) -> Array:
    """A tensor of any device, an array, or nested lists, as an array."""
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def as_tensor(values: Array) -> Tensor:
    """A result as a float64 tensor on the CPU."""
    return from_numpy(np.array(values, np.float64))


def pair_of_labels(metric: str, prediction: Any, truth: Any, num_classes: int) -> tuple[Array, Array]:
    """Two arrays of class numbers of the same shape, as int64.

    Raises    DtypeError for scores in place of class numbers; ShapeError; ArgumentError for a class out of range
    """
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 2:
        raise ArgumentError(f"{metric}: num_classes must be a whole number of at least 2, not {num_classes!r}")
    arrays = {"prediction": as_array(prediction), "truth": as_array(truth)}
    for name, array in arrays.items():
        if array.dtype.kind not in "bui":
            raise DtypeError(
                f"{metric}: {name} must hold class numbers, not {array.dtype}: take the argmax of scores, or compare "
                f"them with a threshold"
            )
    if arrays["prediction"].shape != arrays["truth"].shape:
        shapes = f"prediction {arrays['prediction'].shape}, truth {arrays['truth'].shape}"
        raise ShapeError(f"{metric}: prediction and truth must have the same shape\n  {shapes}")
    if arrays["truth"].ndim == 0:
        raise ShapeError(f"{metric}: prediction and truth must have at least one axis")
    return arrays["prediction"].astype(np.int64), arrays["truth"].astype(np.int64)


def check_classes(metric: str, name: str, labels: Array, num_classes: int) -> None:
    """Refuse class numbers that are not from 0 to num_classes - 1."""
    if labels.size and (labels.min() < 0 or labels.max() >= num_classes):
        wrong = int(labels.min() if labels.min() < 0 else labels.max())
        raise ArgumentError(f"{metric}: {name} holds class {wrong}, the classes are 0 to {num_classes - 1}")


def ratio(numerator: Array, denominator: Array) -> NDArray[np.float64]:
    """A quotient that is nan where it is undefined: 0 / 0."""
    undefined = np.asarray(denominator) == 0
    return np.where(undefined, np.nan, numerator / np.where(undefined, 1, denominator))
