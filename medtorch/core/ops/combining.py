"""Pairs, products, places: combinations of elements, index grids, and places given as one number.

Source    semantics of torch's functions of these names
Requires  REQ-F-OPS-202
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core import dtypes
from medtorch.core.ops import indexing, stacking
from medtorch.core.ops.op import require
from medtorch.core.ops.shape import meshgrid, stack
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of `r` elements, one a row, in the order of itertools.

    Raises    ShapeError for more than one dim; ArgumentError for a negative `r`
    """
    require(input.ndim == 1, ShapeError, "combinations", "takes a 1-d tensor", input=input.spec)
    require(r >= 0, ArgumentError, "combinations", f"r must not be negative, got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.shape[0]), r))
    flat = input.new_tensor([place for row in rows for place in row], dtype=dtypes.int64)
    return input.index_select(0, flat).reshape(len(rows), r)


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All rows with one element of each 1-d tensor; of one tensor, itself."""
    require(len(tensors) > 0, ArgumentError, "cartesian_prod", "needs at least one tensor")
    for x in tensors:
        require(x.ndim == 1, ShapeError, "cartesian_prod", "takes 1-d tensors", tensor=x.spec)
    if len(tensors) == 1:
        return tensors[0]
    return stack([grid.reshape(-1) for grid in meshgrid(*tensors)], 1)


def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Places counted through `shape` row by row, as one index tensor a dim.

    Raises    DtypeError unless indices are whole numbers; ArgumentError for places outside
    """
    require(indices.dtype.category == 1, DtypeError, "unravel_index", "takes whole numbers", indices=indices.spec)
    sizes = (shape,) if isinstance(shape, int) else tuple(int(s) for s in shape)
    require(all(s >= 0 for s in sizes), ArgumentError, "unravel_index", f"sizes must not be negative, got {sizes}")
    if indices.numel():
        inside = bool(((indices >= -math.prod(sizes)) & (indices < math.prod(sizes))).all())
        require(inside, ArgumentError, "unravel_index", f"a place is outside of {sizes}", indices=indices.spec)
    out, step = [], 1
    for size in reversed(sizes):
        out.append((indices // step) % size if size else indices)
        step *= size
    return tuple(reversed(out))


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` places that are not 0, one a row; rows of `fill_value` where there are fewer."""
    require(size >= 0, ArgumentError, "nonzero_static", f"size must not be negative, got {size}")
    places: Tensor = indexing.nonzero(input)  # type: ignore[assignment]
    found = places[:size]
    rest = found.new_full((size - found.shape[0], found.shape[1]), fill_value)
    return stacking.vstack([found, rest]) if found.shape[1] else found.new_empty((size, 0))
