"""Geometry on whole numbers only: dims, broadcasting, views, windows. Needs no array to be tested.

Requires  REQ-F-TEN-004
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from medtorch.errors import ArgumentError, DimError, ShapeError

Shape = tuple[int, ...]


def normalize_dim(dim: int, ndim: int, *, op: str) -> int:
    """`dim` counted from the front. A 0-d tensor has the dims 0 and -1, as in torch. Raises DimError out of range."""
    reach = max(ndim, 1)
    if not -reach <= dim < reach:
        raise DimError(f"{op}: dim {dim} is out of range for {ndim} dims (from {-reach} to {reach - 1})")
    return dim % reach


def normalize_dims(dims: int | Iterable[int] | None, ndim: int, *, op: str) -> Shape:
    """Dims counted from the front, each once; None means all. Raises DimError for one out of range or named twice."""
    if dims is None:
        return tuple(range(ndim))
    given = (dims,) if isinstance(dims, int) else tuple(dims)
    found = tuple(normalize_dim(dim, ndim, op=op) for dim in given)
    if len(set(found)) != len(found):
        raise DimError(f"{op}: a dim appears twice in {given}")
    return found


def broadcast_shapes(*shapes: Shape | int) -> Shape:
    """The shape that all `shapes` stretch to. Raises ShapeError where a size is neither equal nor 1."""
    if len(shapes) == 2 and shapes[0] == shapes[1] and isinstance(shapes[0], tuple):
        return tuple(shapes[0])
    many = [(shape,) if isinstance(shape, int) else shape for shape in shapes]
    ndim = max((len(shape) for shape in many), default=0)
    out = [1] * ndim
    for shape in many:
        offset = ndim - len(shape)
        for place, size in enumerate(shape, offset):
            if size != 1:
                if out[place] not in (1, size):
                    raise ShapeError(
                        f"shapes {', '.join(map(str, shapes))} do not broadcast: "
                        f"size {out[place]} meets {size} at dim {place}"
                    )
                out[place] = size
    return tuple(out)


def reduced_shape(shape: Shape, dims: Sequence[int], *, keepdim: bool) -> Shape:
    """What remains of `shape` after a reduction over the normalized `dims`."""
    if keepdim:
        return tuple(1 if place in dims else size for place, size in enumerate(shape))
    return tuple(size for place, size in enumerate(shape) if place not in dims)


def infer_view(shape: Shape, wanted: Sequence[int], *, op: str) -> Shape:
    """`wanted` with its one -1 worked out. Raises ShapeError where the number of elements does not fit."""
    total = math.prod(shape)
    if sum(size == -1 for size in wanted) > 1 or any(size < -1 for size in wanted):
        raise ShapeError(f"{op}: only one size may be -1 and none less, got {tuple(wanted)}")
    known = math.prod(size for size in wanted if size != -1)
    if -1 in wanted:
        if known == 0 or total % known:
            raise ShapeError(f"{op}: shape {tuple(wanted)} does not fit {total} elements of shape {tuple(shape)}")
        return tuple(total // known if size == -1 else size for size in wanted)
    if known != total:
        raise ShapeError(f"{op}: shape {tuple(wanted)} does not fit {total} elements of shape {tuple(shape)}")
    return tuple(wanted)


def view_strides(shape: Shape, strides: Shape, wanted: Shape) -> Shape | None:
    """Strides under which the same memory reads as `wanted`, or None where only a copy can do that.

    Source    the rule of torch.Tensor.view: dims may be split freely, and joined where they lie one inside the other
    """
    if math.prod(shape) == 0:
        return contiguous_strides(wanted, 1)
    runs: list[tuple[int, int]] = []  # (size, stride) of each run of dims that lie one inside the other
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == size * stride:
            runs[-1] = (runs[-1][0] * size, stride)
        else:
            runs.append((size, stride))
    out: list[int] = []
    place = len(runs) - 1
    left, step = runs[place] if runs else (1, 1)
    for size in reversed(wanted):
        if size == 1:
            out.append(step)
            continue
        if left == 1:
            place -= 1
            if place < 0:
                return None
            left, step = runs[place]
        if left % size:
            return None
        out.append(step)
        step *= size
        left //= size
    return tuple(reversed(out)) if left == 1 and place <= 0 else None


def contiguous_strides(shape: Shape, itemsize: int) -> Shape:
    """Strides of a row-major array, in units of `itemsize`."""
    out, step = [], itemsize
    for size in reversed(shape):
        out.append(step)
        step *= max(size, 1)
    return tuple(reversed(out))


def is_contiguous(shape: Shape, strides: Shape, itemsize: int) -> bool:
    """Whether the elements lie row-major without gaps; strides of dims of size 1 do not matter."""
    if 0 in shape:
        return True
    expected = itemsize
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def as_tuple(value: int | Sequence[int], n: int, *, op: str, name: str) -> Shape:
    """`value` repeated n times if it is one number. Raises ArgumentError for any other length."""
    if isinstance(value, int):
        return (value,) * n
    out = tuple(int(v) for v in value)
    if len(out) == 1:
        return out * n
    if len(out) != n:
        raise ArgumentError(f"{op}: {name} needs 1 or {n} numbers, got {tuple(value)}")
    return out


def window_output(
    size: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int, *, ceil_mode: bool = False
) -> int:
    """How many windows fit along one dim; with `ceil_mode` a last one may hang over, but must start inside.

    Math      floor((size + before + after - dilation * (kernel - 1) - 1) / stride) + 1
    Source    semantics of torch.nn.MaxPool2d, torch.nn.Conv2d
    """
    before, after = padding
    span = size + before + after - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = -(-span // stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def memory_order(ndim: int, memory_format: str) -> Shape:
    """The dims from outermost to innermost in memory. Raises ArgumentError for an unknown format or the wrong ndim."""
    if memory_format in ("contiguous_format", "preserve_format"):
        return tuple(range(ndim))
    wanted = {"channels_last": 4, "channels_last_3d": 5}.get(memory_format)
    if wanted is None:
        raise ArgumentError(f"unknown memory format {memory_format!r}")
    return (0, *range(2, ndim), 1) if ndim == wanted else tuple(range(ndim))
