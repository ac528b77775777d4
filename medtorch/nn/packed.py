"""PackedSequence: sequences of different lengths as rows in order of time, longest first.

Source    semantics of torch.nn.utils.rnn.PackedSequence
Requires  REQ-F-NN-010
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from medtorch.core.creation import arange
from medtorch.core.dtypes import float16, float32, float64, int64
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """What pack_padded_sequence makes: the rows, how many sequences go on at each time, and how they were sorted.

    Shapes    data (sum of all lengths, ...), batch_sizes (longest length) on the CPU, indices (batch)
    """

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            raise ArgumentError("PackedSequence: batch_sizes are missing; pack_padded_sequence makes a PackedSequence")
        if batch_sizes.device.type != "cpu":
            raise ArgumentError(f"batch_sizes should always be on CPU, but found on {batch_sizes.device}")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The rows in another dtype or on another device; the indices follow to the device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        moved = (None if x is None else x.to(data.device) for x in (self.sorted_indices, self.unsorted_indices))
        return type(self)(data, self.batch_sizes, *moved)

    def cpu(self) -> Self:
        """The rows on the CPU."""
        return self.to("cpu")

    def cuda(self) -> Self:
        """The rows on a CUDA device."""
        return self.to("cuda")

    def double(self) -> Self:
        """The rows in float64."""
        return self.to(dtype=float64)

    def float(self) -> Self:
        """The rows in float32."""
        return self.to(dtype=float32)

    def half(self) -> Self:
        """The rows in float16."""
        return self.to(dtype=float16)

    @property
    def is_cuda(self) -> bool:
        """Whether the rows are on a CUDA device."""
        return self.data.is_cuda


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Where each place went: inverse[permutation[i]] = i."""
    if permutation is None:
        return None
    places = arange(permutation.numel(), dtype=int64, device=permutation.device)
    return permutation.new_zeros(permutation.shape).scatter(0, permutation, places)
