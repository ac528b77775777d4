"""Functions whose parameters torch calls otherwise at its top than on the tensor or in torch.linalg.

Source    semantics of torch.split, torch.swapaxes, torch.det and their kin
Requires  REQ-F-CPT-005
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch.core import dtypes
from medtorch.core.dtypes import DType
from medtorch.core.ops import linalg, shape
from medtorch.core.tensor import Tensor


def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of a size (the last may be smaller), or of the sizes listed, along a dim, as views."""
    return shape.split(tensor, split_size_or_sections, dim)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """Two dims changed for each other."""
    return shape.transpose(input, axis0, axis1)


def det(input: Tensor) -> Tensor:
    """The determinant; medtorch.linalg.det."""
    return linalg.det(input)


def slogdet(input: Tensor) -> tuple[Tensor, Tensor]:
    """Sign and logarithm of the determinant; medtorch.linalg.slogdet."""
    return linalg.slogdet(input)


def inverse(input: Tensor) -> Tensor:
    """The inverse; medtorch.linalg.inv."""
    return linalg.inv(input)


def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices; medtorch.linalg.matrix_power."""
    return linalg.matrix_power(input, n)


def broadcast_to(input: Tensor, shape: Sequence[int]) -> Tensor:
    """Stretched to a shape."""
    return input.expand(tuple(shape))


def promote_types(type1: DType, type2: DType) -> DType:
    """The smallest dtype that both go into."""
    return dtypes.promote_types(type1, type2)


def can_cast(from_: DType, to: DType) -> bool:
    """Whether an in-place op may write one dtype into the other: never down a category."""
    return dtypes.can_cast(from_, to)
