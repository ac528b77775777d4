"""Reading a tensor's memory by other sizes and steps.

Memory is what the tensor's array lies in, also where the tensor is a part of it. Steps and offsets count elements.

Source    semantics of torch.as_strided and its kin
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from medtorch.core.dtypes import int64
from medtorch.core.ops.op import Array, Op, require
from medtorch.core.shapes import Shape
from medtorch.core.spec import Spec
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor


class AsStrided(Op):
    """A view of the memory that x lies in.

    Math      dx = the sum of dy over all that reads the same place, shared equally by the elements of x that lie there
    """

    takes_complex = True

    size: Shape
    stride: Shape
    offset: int
    own_stride: Shape
    own_offset: int
    views = True

    def check(self, x: Spec) -> Spec:
        return x.with_shape(self.size)

    def forward(self, kernels: Kernels, x: Array) -> Array:
        start, _ = memory(x)
        same = tuple(s // x.itemsize for s in x.strides) == self.own_stride and start == self.own_offset
        if not same:
            raise UnsupportedError("as_strided: this copy lies otherwise in memory than what the view was taken of")
        return kernels.reread(x, self.size, self.stride, self.offset - start)

    def vjp(self, x_spec: Spec, dy: Tensor) -> Tensor:
        read, own = (
            _places(self.size, self.stride, self.offset),
            _places(x_spec.shape, self.own_stride, self.own_offset),
        )
        length = int(max([-1, *read, *own])) + 1
        flat = dy.new_zeros(length).index_add(0, dy.new_tensor(read, dtype=int64), dy.reshape(-1))
        owners = np.bincount(own, minlength=length)
        if owners.max(initial=0) > 1:
            flat = flat / dy.new_tensor(np.maximum(owners, 1))
        return flat.index_select(0, dy.new_tensor(own, dtype=int64)).reshape(x_spec.shape)


def _places(size: Shape, stride: Shape, offset: int) -> Any:
    """The place in memory of every element, in reading order."""
    at = np.full(size, offset, np.int64)
    for dim, step in enumerate(stride):
        at += (np.arange(size[dim]) * step).reshape((-1,) + (1,) * (len(size) - dim - 1))
    return at.reshape(-1)


def memory(x: Array) -> tuple[int, int]:
    """Where x starts in the memory it lies in, and how many elements fit there."""
    root = x
    while isinstance(root.base, type(x)):
        root = root.base
    low, high = _bounds(root)
    start = x.ctypes.data if isinstance(x, np.ndarray) else x.data.ptr
    return (start - low) // x.itemsize, (high - low) // x.itemsize


def _bounds(root: Array) -> tuple[int, int]:
    start = root.ctypes.data if isinstance(root, np.ndarray) else root.data.ptr
    ends = [(n - 1) * s for n, s in zip(root.shape, root.strides, strict=True)] if root.size else []
    extent = sum(e for e in ends if e > 0) + root.itemsize if root.size else 0
    return start + sum(e for e in ends if e < 0), start + extent


def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """The memory of input from `storage_offset` (its own start if None) read with `stride`, as a view.

    Raises    ArgumentError for negative numbers; ShapeError where it would leave the memory
    """
    name, shown = "as_strided", {"input": input.spec}
    sizes, steps = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    require(len(sizes) == len(steps), ArgumentError, name, f"size {sizes} and stride {steps} differ in length", **shown)
    if hasattr(input._array, "batched"):
        raise UnsupportedError("vmap: as_strided is not supported")
    start, length = memory(input._array)
    offset = start if storage_offset is None else int(storage_offset)
    whole = min((*sizes, *steps, offset), default=offset) >= 0
    require(whole, ArgumentError, name, f"size {sizes}, stride {steps}, offset {offset}: none may be negative", **shown)
    last = offset + sum((n - 1) * s for n, s in zip(sizes, steps, strict=True))
    text = f"size {sizes}, stride {steps}, offset {offset} leave the memory of {length} elements"
    require(0 in sizes or last < length, ShapeError, name, text, **shown)
    return AsStrided(sizes, steps, offset, tuple(input.stride()), start)(input)  # type: ignore[no-any-return]


def as_strided_copy(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """as_strided, as a copy."""
    return as_strided(input, size, stride, storage_offset).clone(memory_format="contiguous_format")


def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A contiguous copy of input with src written where as_strided reads.

    Raises    ShapeError if src has another shape; as as_strided
    """
    whole = input.contiguous()
    read = _places(tuple(size), tuple(stride), int(storage_offset or 0))
    given = {"input": input.spec, "src": src.spec}
    require(
        src.shape == tuple(size), ShapeError, "as_strided_scatter", f"src must have the shape {tuple(size)}", **given
    )
    inside = not read.size or (read.min() >= 0 and read.max() < input.numel())
    require(inside, ShapeError, "as_strided_scatter", "size, stride and offset leave the memory", **given)
    index = whole.new_tensor(read, dtype=int64)
    return whole.reshape(-1).index_put((index,), src.reshape(-1)).reshape(input.shape)
