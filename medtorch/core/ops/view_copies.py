"""Views as copies: what the function without `_copy` gives, in memory of its own; and other names for splitting.

Source    semantics of torch's functions of these names
Requires  REQ-F-OPS-202
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core.ops import shape

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def alias_copy(input: Tensor) -> Tensor:
    """A copy of input."""
    return input.clone(memory_format="contiguous_format")


def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A slice along `dim`, as a copy."""
    return alias_copy(input[(slice(None),) * (dim % max(input.ndim, 1)) + (slice(start, end, step),)])


def expand_copy(input: Tensor, size: Sequence[int]) -> Tensor:
    """expand, as a copy."""
    return alias_copy(shape.expand(input, size))


def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """diagonal, as a copy."""
    return alias_copy(shape.diagonal(input, offset, dim1, dim2))


def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """narrow, as a copy."""
    return alias_copy(shape.narrow(input, dim, start, length))


def view_copy(input: Tensor, size: Sequence[int]) -> Tensor:
    """view, as a copy."""
    return alias_copy(shape.view(input, size))


def permute_copy(input: Tensor, dims: Sequence[int]) -> Tensor:
    """permute, as a copy."""
    return alias_copy(shape.permute(input, dims))


def transpose_copy(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """transpose, as a copy."""
    return alias_copy(shape.transpose(input, dim0, dim1))


def t_copy(input: Tensor) -> Tensor:
    """t, as a copy."""
    return alias_copy(shape.t(input))


def squeeze_copy(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """squeeze, as a copy."""
    return alias_copy(shape.squeeze(input, dim))


def unsqueeze_copy(input: Tensor, dim: int) -> Tensor:
    """unsqueeze, as a copy."""
    return alias_copy(shape.unsqueeze(input, dim))


def unfold_copy(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Tensor.unfold, as a copy."""
    return alias_copy(shape.unfold(input, dimension, size, step))


def unbind_copy(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """unbind, as copies."""
    return tuple(alias_copy(part) for part in shape.unbind(input, dim))


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of the sizes listed, as views."""
    return shape.split(input, tuple(split_sizes), dim)


def split_with_sizes_copy(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """split_with_sizes, as copies."""
    return tuple(alias_copy(part) for part in split_with_sizes(input, split_sizes, dim))


def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """split; changing a piece in place is as safe here as with split."""
    return shape.split(input, split_size, dim)


def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """chunk; changing a piece in place is as safe here as with chunk."""
    return shape.chunk(input, chunks, dim)
