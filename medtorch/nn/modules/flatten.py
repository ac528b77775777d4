"""Joining and splitting dims as layers.

Source    semantics of torch.nn.Flatten, Unflatten
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ModuleTypeError, UnsupportedError
from medtorch.nn.modules.module import Module


class Flatten(Module):
    """Join the dims from `start_dim` to `end_dim` into one."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split one dim into several. Raises UnsupportedError for a dim given by name."""

    def __init__(self, dim: int | str, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if isinstance(dim, str):
            raise UnsupportedError("Unflatten: named dims are not supported")
        _check(unflattened_size)
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, tuple(self.unflattened_size))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


def _check(sizes: Any) -> None:
    if not isinstance(sizes, (tuple, list)):
        raise ModuleTypeError(f"unflattened_size must be a tuple of ints, but found type {type(sizes).__name__}")
    for place, size in enumerate(sizes):
        if not isinstance(size, int):
            raise ModuleTypeError(
                f"unflattened_size must be tuple of ints, but found {type(size).__name__} at pos {place}"
            )
