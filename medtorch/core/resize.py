"""Giving a tensor another size in place.

Source    semantics of torch.Tensor.resize_, resize_as_
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from medtorch.core import dtypes, shapes
from medtorch.core.backends import kernels_for
from medtorch.core.inplace import guard
from medtorch.core.ops.op import require
from medtorch.core.ops.strided import memory
from medtorch.errors import ArgumentError, AutogradError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def resize_(self: Tensor, *sizes: Any, memory_format: str = "contiguous_format") -> Tensor:
    """Give the tensor another size in place: its memory read anew, or grown memory whose new places are 0.

    Raises    AutogradError for a tensor that requires grad; ArgumentError for negative sizes; UnsupportedError for a
              view whose memory is too short, which would have to grow under its base
    """
    lengths = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    shape = tuple(int(n) for n in lengths)
    text = f"sizes must not be negative: {shape}"
    require(min(shape, default=0) >= 0, ArgumentError, "resize_", text, input=self.spec)
    if self.requires_grad:
        raise AutogradError("resize_: a tensor that requires grad cannot be resized")
    guard(self, "resize_")
    if self.shape == shape:
        return self
    start, length = memory(self._array)
    count, kernels = math.prod(shape), kernels_for(self._device)
    row = kernels.reread(self._array, (min(count, length - start),), (1,), 0)
    if count > length - start:
        if self._base is not None:
            raise UnsupportedError(f"resize_: a view of {length - start} elements cannot grow to {count}")
        grown = kernels.full((count,), 0, dtypes.from_numpy(self._array.dtype))
        grown[: row.shape[0]] = row
        row = grown
    order = shapes.memory_order(len(shape), memory_format)
    back = sorted(range(len(shape)), key=order.__getitem__)
    self._array = row.reshape([shape[d] for d in order]).transpose(back)
    self._counter[0] += 1
    return self


def resize_as_(self: Tensor, the_template: Tensor, memory_format: str = "contiguous_format") -> Tensor:
    """resize_ to the size of `the_template`."""
    return resize_(self, tuple(the_template.shape), memory_format=memory_format)
