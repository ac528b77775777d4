"""Covariances, slopes on a grid, and slices brought to a largest norm.

Source    semantics of torch's functions of these names
Requires  REQ-F-OPS-203
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.dtypes import float32
from medtorch.core.ops.moments import vector_norm
from medtorch.core.ops.op import require
from medtorch.core.ops.reduction import dim_of
from medtorch.core.ops.shape import cat
from medtorch.core.shapes import normalize_dims
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor


def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of variables in rows and observations in columns.

    Math      sum w (x - mean)(x - mean)^T / max(norm, 0), norm = sum w - correction sum(w aweights) / sum w
    Raises    ShapeError for more than two dims, or weights that do not fit; DtypeError; ArgumentError for weights < 0
    """
    require(input.ndim <= 2, ShapeError, "cov", "takes at most 2 dims", input=input.spec)
    require(input.dtype.category > 0, DtypeError, "cov", "does not take bool", input=input.spec)
    x = input if input.ndim == 2 else input.reshape(1, -1)
    weights = _weights(input, x.shape[1], fweights, aweights)
    floating = x if x.dtype.is_floating_point else x + 0.0
    if weights is None:
        mean: Tensor = floating.sum(1, keepdim=True) / x.shape[1] if x.shape[1] else floating.mean(1, keepdim=True)
        total: Any = x.shape[1]
        norm: Any = max(total - correction, 0)
        scaled = centred = floating - mean
    else:
        total = weights.sum()
        mean = (floating * weights).sum(1, keepdim=True) / total
        used = (weights * aweights).sum() / total if aweights is not None and correction != 0 else 1.0
        norm = (total - correction * used).clamp(min=0)
        centred = floating - mean
        scaled = centred * weights
    matrix = centred.matmul(scaled.transpose(0, 1)) / norm if not _is_zero(norm) else _over_zero(centred, scaled)
    return matrix.squeeze()


def _is_zero(norm: Any) -> bool:
    return not hasattr(norm, "_run") and norm == 0


def _over_zero(centred: Tensor, scaled: Tensor) -> Tensor:
    product = centred.matmul(scaled.transpose(0, 1))
    return product / product.new_zeros(())


def _weights(input: Tensor, count: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor | None:
    """The product of both kinds of weights, checked."""
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is None:
            continue
        fits = given.ndim <= 1 and given.numel() == count
        require(fits, ShapeError, "cov", f"{name} needs one weight an observation", weights=given.spec)
        kind = given.dtype.category == 1 if name == "fweights" else given.dtype.is_floating_point
        require(kind, DtypeError, "cov", f"{name} has the wrong kind of numbers", weights=given.spec)
        require(not bool((given < 0).any()), ArgumentError, "cov", f"{name} must not be negative", weights=given.spec)
    if fweights is None or aweights is None:
        return fweights if aweights is None else aweights
    return fweights * aweights


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables in rows, brought into [-1, 1]."""
    matrix = cov(input)
    if matrix.ndim == 0:
        return matrix / matrix
    deviation = matrix.diagonal().sqrt()
    return (matrix / deviation.unsqueeze(-1) / deviation.unsqueeze(0)).clamp(-1, 1)


def gradient(
    input: Tensor,
    *,
    spacing: float | Sequence[float] | Sequence[Tensor] | Tensor | None = None,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> tuple[Tensor, ...]:
    """Slopes along dims, by central differences; the ends by one-sided ones of order `edge_order`.

    Spacing is a step for all dims (1 without it), a step a dim, or the coordinates along each dim.
    Raises    ArgumentError for an edge_order that is not 1 or 2, or spacings that do not fit; ShapeError
    """
    require(edge_order in (1, 2), ArgumentError, "gradient", f"edge_order must be 1 or 2, got {edge_order}")
    given = range(input.ndim) if dim is None else ((dim,) if isinstance(dim, int) else tuple(dim))
    places = normalize_dims(tuple(given), input.ndim, op="gradient")
    steps = _spacings(spacing, len(places))
    return tuple(_slope(input, place, step, edge_order) for place, step in zip(places, steps, strict=True))


def _spacings(spacing: Any, count: int) -> list[Any]:
    if spacing is None or isinstance(spacing, (int, float)):
        return [1 if spacing is None else spacing] * count
    many = [spacing] if hasattr(spacing, "_run") else list(spacing)
    require(len(many) == count, ArgumentError, "gradient", f"{len(many)} spacings for {count} dims")
    return many


def _slope(x: Tensor, dim: int, step: Any, edge_order: int) -> Tensor:
    size = x.shape[dim]
    require(size > edge_order, ShapeError, "gradient", f"dim {dim} needs {edge_order + 1} places", input=x.spec)
    floating = x if x.dtype.is_floating_point else x + 0.0
    if not hasattr(step, "_run"):
        gaps: Tensor = floating.new_full((size - 1,), float(step))
    else:
        fits = step.ndim == 1 and step.shape[0] == size
        require(fits, ShapeError, "gradient", "coordinates need one number a place", input=x.spec, spacing=step.spec)
        gaps = step.diff()
    lengths = gaps.reshape((-1,) + (1,) * (x.ndim - dim - 1))
    rise = floating.diff(dim=dim) / lengths
    parts = [_end(rise, lengths, dim, edge_order, first=True)]
    if size > 2:
        left, right = lengths.narrow(0, 0, size - 2), lengths.narrow(0, 1, size - 2)
        before, after = rise.narrow(dim, 0, size - 2), rise.narrow(dim, 1, size - 2)
        parts.append((before * right + after * left) / (left + right))
    return cat([*parts, _end(rise, lengths, dim, edge_order, first=False)], dim)


def _end(rise: Tensor, lengths: Tensor, dim: int, order: int, *, first: bool) -> Tensor:
    """The slope at the first or last place: of the straight line, or of the parabola through three places."""
    count = rise.shape[dim]
    near, far = (0, 1) if first else (count - 1, count - 2)
    slope = rise.narrow(dim, near, 1)
    if order == 1:
        return slope
    a, b = lengths.narrow(0, near, 1), lengths.narrow(0, far, 1)
    return slope + (slope - rise.narrow(dim, far, 1)) * a / (a + b)


def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Every slice along `dim` whose p-norm is above `maxnorm`, scaled down to it.

    Raises    ShapeError for fewer than two dims; ArgumentError for p <= 0 or maxnorm < 0; DtypeError
    """
    require(input.ndim >= 2, ShapeError, "renorm", "needs 2 dims or more", input=input.spec)
    require(input.dtype.is_floating_point, DtypeError, "renorm", "takes floating-point numbers", input=input.spec)
    require(p > 0, ArgumentError, "renorm", f"p must be above 0, got {p}")
    require(maxnorm >= 0, ArgumentError, "renorm", f"maxnorm must not be negative, got {maxnorm}")
    place = dim_of("renorm", dim, input.spec)
    others = tuple(d for d in range(input.ndim) if d != place)
    wide = input if input.dtype.itemsize > 2 else input.to(float32)
    norm = vector_norm(wide, p, others, True)
    scale = (maxnorm / (norm + 1e-7)).where(norm > maxnorm, 1.0)
    return (wide * scale).to(input.dtype)
