"""Counting numbers into bins, in one dim or several.

Source    semantics of torch.histogram, torch.histogramdd
Requires  REQ-F-OPS-203
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from medtorch.core import dtypes
from medtorch.core.ops.op import require
from medtorch.core.ops.sorting import searchsorted
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


class Histogram(NamedTuple):
    """What fell into each bin, and the bins' edges, one more than there are bins."""

    hist: Tensor
    bin_edges: Any


def histogram(
    input: Tensor,
    bins: int | Tensor,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """How many numbers (or how much weight) lie in each bin; the last bin has its right edge too.

    Raises    ArgumentError, DtypeError, ShapeError for what does not fit
    """
    found = histogramdd(
        input.reshape(-1, 1), [bins], range=range, weight=None if weight is None else weight.reshape(-1),
        density=density,
    )  # fmt: skip
    return Histogram(found.hist, found.bin_edges[0])


def histogramdd(
    input: Tensor,
    bins: int | Sequence[int | Tensor],
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:
    """The same of points, the coordinates along the last dim: a bin for each combination.

    Raises    ArgumentError, DtypeError, ShapeError for what does not fit
    """
    name = "histogramdd"
    require(input.dtype.is_floating_point, DtypeError, name, "takes floating-point numbers", input=input.spec)
    require(input.ndim >= 2, ShapeError, name, "needs 2 dims or more", input=input.spec)
    points = input.detach().reshape(-1, input.shape[-1]) if input.numel() else input.new_zeros((0, input.shape[-1]))
    many: list[int | Tensor] = [bins] * points.shape[1] if isinstance(bins, int) else list(bins)
    require(len(many) == points.shape[1], ArgumentError, name, f"{len(many)} bins for {points.shape[1]} coordinates")
    given = range is None or len(range) == 2 * len(many)
    require(given, ArgumentError, name, "range needs a lowest and a highest number for each coordinate")
    edges = [_edges(points[:, d], b, None if range is None else range[2 * d : 2 * d + 2]) for d, b in enumerate(many)]
    hist = _counted(points, edges, weight, input)
    return Histogram(_as_density(hist, edges) if density else hist, edges)


def _edges(x: Tensor, bins: int | Tensor, span: Sequence[float] | None) -> Tensor:
    if hasattr(bins, "_run"):
        given: Tensor = bins  # type: ignore[assignment]
        fits = given.ndim == 1 and given.shape[0] > 0 and given.dtype is x.dtype
        require(fits, ArgumentError, "histogram", "edges need 1 dim and input's dtype", input=x.spec, bins=given.spec)
        require(span is None, ArgumentError, "histogram", "a range goes with a number of bins, not with edges")
        require(not bool((given.diff() < 0).any()), ArgumentError, "histogram", "edges must rise", bins=given.spec)
        return given
    require(int(bins) > 0, ArgumentError, "histogram", f"bins must be positive, got {bins}")
    low, high = (0.0, 1.0) if span is None else (float(span[0]), float(span[1]))
    if span is None and x.numel():
        low, high = float(x.amin()), float(x.amax())
    finite = math.isfinite(low) and math.isfinite(high) and low <= high
    require(finite, ArgumentError, "histogram", f"cannot part the range from {low} to {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    # the number type first, then the steps: the edges are those of linspace in input's dtype
    return x.new_tensor(np.linspace(low, high, int(bins) + 1))


def _counted(points: Tensor, edges: list[Tensor], weight: Tensor | None, input: Tensor) -> Tensor:
    sizes = tuple(e.shape[0] - 1 for e in edges)
    flat = points.new_zeros(points.shape[0], dtype=dtypes.int64)
    inside = points.new_full((points.shape[0],), True, dtype=dtypes.bool_)
    for d, (edge, size) in enumerate(zip(edges, sizes, strict=True)):
        x = points[:, d].contiguous()
        place = searchsorted(edge, x, right=True) - 1
        place = place - (x == edge[-1]).to(dtypes.int64) * (place - size + 1)
        inside = inside & (x >= edge[0]) & (x <= edge[-1])
        flat = flat * size + place
    heavy = points.new_ones(points.shape[0])
    if weight is not None:
        fits = weight.numel() == points.shape[0] and weight.dtype is input.dtype
        require(fits, ArgumentError, "histogram", "weight needs a number a point", input=input.spec, weight=weight.spec)
        heavy = weight.detach().reshape(-1)
    total = points.new_zeros(math.prod(sizes))
    return total.scatter_add(0, flat[inside], heavy[inside]).reshape(sizes)


def _as_density(hist: Tensor, edges: list[Tensor]) -> Tensor:
    out = hist / hist.sum()
    for d, edge in enumerate(edges):
        out = out / edge.diff().reshape((-1,) + (1,) * (len(edges) - d - 1))
    return out
