"""Slices combined at places along a dim, and filling without changing the original.

Source    semantics of torch.index_reduce, torch.fill
Requires  REQ-F-OPS-202
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medtorch.core.ops.copy import Overwrite
from medtorch.core.ops.gathering import scatter_reduce
from medtorch.core.ops.op import require
from medtorch.core.ops.reduction import dim_of
from medtorch.errors import ArgumentError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def index_reduce(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """`input` combined with the slices of source sent to the places `index` along `dim`: prod, mean, amax, amin.

    Raises    ArgumentError for another reduce; ShapeError unless source has input's other sizes and one slice an index
    """
    kinds = ("prod", "mean", "amax", "amin")
    require(reduce in kinds, ArgumentError, "index_reduce", f"unknown reduce {reduce!r}; have {', '.join(kinds)}")
    shown = {"input": input.spec, "index": index.spec, "source": source.spec}
    place = dim_of("index_reduce", dim, input.spec)
    require(index.ndim <= 1, ShapeError, "index_reduce", "index must have at most 1 dim", **shown)
    wanted = tuple(index.numel() if d == place else size for d, size in enumerate(input.shape))
    fits = source.shape == wanted if input.ndim else source.numel() == index.numel()
    require(fits, ShapeError, "index_reduce", "source must have one slice an index, sized as input's", **shown)
    if not input.ndim:
        flat = index_reduce(input.reshape(1), 0, index, source.reshape(-1), reduce, include_self=include_self)
        return flat.reshape(())
    along = index.reshape((-1,) + (1,) * (input.ndim - place - 1)).expand(wanted)
    return scatter_reduce(input, place, along, source, reduce, include_self=include_self)


def fill(input: Tensor, value: Any) -> Tensor:
    """A copy of input with every element `value`, a number or a 0-d tensor. Raises ShapeError for more dims."""
    number = value if hasattr(value, "_run") else input._scalar(value, input.dtype)
    require(number.ndim == 0, ShapeError, "fill", "value must have 0 dims", input=input.spec, value=number.spec)
    return Overwrite()(input, number.to(input.dtype))  # type: ignore[no-any-return]
