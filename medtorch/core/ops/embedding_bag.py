"""Bags of rows of a table, looked up by number and reduced to one row a bag.

Source    semantics of torch.nn.functional.embedding_bag
Requires  REQ-F-OPS-111
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from medtorch.core.dtypes import int64
from medtorch.core.ops.embedding import embedding
from medtorch.core.ops.host import Numbers, beside, read
from medtorch.core.ops.op import require
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

_NAME = "embedding_bag"


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of each bag; an empty bag gives zeros, padding_idx counts for nothing.

    Shapes    input (bags, size), or (numbers) with `offsets` where each bag begins  ->  (bags, width);
              per_sample_weights of input's shape
    Raises    ArgumentError, ShapeError, DtypeError; DimError for a number that is no row; UnsupportedError for sparse
    """
    if sparse:
        raise UnsupportedError("embedding_bag: sparse=True is not supported; there are no sparse tensors")
    if weight.dtype is int64 and input.is_floating_point():
        warnings.warn(
            "embedding_bag(weight, input, ...) is the order of old; it is embedding_bag(input, weight, ...)",
            stacklevel=2,
        )
        weight, input = input, weight
    _check(input, weight, per_sample_weights, mode, scale_grad_by_freq)
    starts = _starts(input, offsets, include_last_offset)
    numbers = input.reshape(-1)
    rows = embedding(numbers, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    skipped = None if padding_idx is None else numbers == padding_idx % weight.shape[0]
    bags = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return _reduced(rows, bags, skipped, len(starts) - 1, mode)


def _check(input: Tensor, weight: Tensor, shares: Tensor | None, mode: str, scale_grad_by_freq: bool) -> None:
    given = {"input": input.spec, "weight": weight.spec, "per_sample_weights": None if shares is None else shares.spec}
    known = mode in ("sum", "mean", "max")
    require(known, ArgumentError, _NAME, f"mode has to be one of sum, mean or max; got {mode!r}", **given)
    text = "max mode does not support scaling the gradient by the frequency"
    require(mode != "max" or not scale_grad_by_freq, ArgumentError, _NAME, text, **given)
    require(weight.ndim == 2, ShapeError, _NAME, f"weight has to be a 2D Tensor, has {weight.ndim} dims", **given)
    require(input.ndim in (1, 2), ShapeError, _NAME, f"input has to be 1D or 2D Tensor, has {input.ndim} dims", **given)
    if shares is None:
        return
    require(shares.shape == input.shape, ShapeError, _NAME, "per_sample_weights must have input's shape", **given)
    require(shares.dtype is weight.dtype, DtypeError, _NAME, "per_sample_weights must have weight's dtype", **given)
    if mode != "sum":
        raise UnsupportedError(
            f"embedding_bag: per_sample_weights is only supported for mode='sum' (got mode='{mode}')"
        )


def _starts(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> Numbers:
    """Where each bag begins, and where the last one ends."""
    total = input.numel()
    if input.ndim == 2:
        require(offsets is None, ArgumentError, _NAME, "if input is 2D, then offsets has to be None", input=input.spec)
        return np.arange(input.shape[0] + 1) * input.shape[1]
    require(offsets is not None and offsets.ndim == 1, ArgumentError, _NAME, "offsets has to be a 1D Tensor")
    found = read(offsets) if offsets is not None else np.zeros(0, np.int64)
    if include_last_offset:
        require(found.size > 0, ArgumentError, _NAME, "include_last_offset: offsets must have at least one element")
        found = found[:-1]
    require(not found.size or found[0] == 0, ArgumentError, _NAME, "offsets[0] has to be 0")
    starts = np.append(found, total)
    rising = bool((np.diff(starts) >= 0).all())
    require(rising, ArgumentError, _NAME, f"offsets must rise and not exceed the length of input, {total}")
    return starts


def _reduced(rows: Tensor, bags: Numbers, skipped: Tensor | None, count: int, mode: str) -> Tensor:
    """One row a bag, of the rows that are not skipped."""
    if mode == "max":
        return _largest(rows, bags, skipped, count)
    kept = rows if skipped is None else rows.masked_fill(skipped.unsqueeze(1), 0)
    owners = beside(rows, bags)
    total = rows.new_zeros((count, rows.shape[1])).index_add(0, owners, kept)
    if mode == "sum":
        return total
    ones = rows.detach().new_ones(len(bags))
    sizes = rows.new_zeros(count).index_add(0, owners, ones if skipped is None else ones.masked_fill(skipped, 0))
    return total / sizes.clamp(min=1).unsqueeze(1)


def _largest(rows: Tensor, bags: Numbers, skipped: Tensor | None, count: int) -> Tensor:
    """The maximum of each bag; of equal rows the first gets the gradient."""
    sizes = np.bincount(bags, minlength=count)
    width = int(sizes.max(initial=0))
    if not width:
        return rows.new_zeros((count, rows.shape[1]))
    there = np.arange(width) < sizes[:, None]
    places = np.zeros(there.shape, np.int64)
    places[there] = np.arange(len(bags))
    chosen = beside(rows, places.reshape(-1))
    absent = beside(rows, ~there)
    if skipped is not None:
        absent = absent | skipped.index_select(0, chosen).reshape(absent.shape)
    laid = rows.index_select(0, chosen).reshape(count, width, rows.shape[1])
    laid = laid.masked_fill(absent.unsqueeze(2), -math.inf)
    best = laid.argmax(1, keepdim=True)
    return laid.gather(1, best).squeeze(1).masked_fill(absent.all(1, keepdim=True), 0)
