"""Sampling a picture at given places, and the places of an affine map.

Both are made of ops that can be differentiated again: a place is found by arithmetic, its neighbours are fetched with
`gather`, weights come from the place's fraction.

Source    Jaderberg et al. 2015, arXiv:1506.02025; semantics of torch.nn.functional.grid_sample and affine_grid
Requires  REQ-F-OPS-205
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from medtorch.core.autocasting import wide
from medtorch.core.dtypes import int64
from medtorch.core.ops.op import require
from medtorch.core.ops.shape import stack
from medtorch.errors import ArgumentError, DtypeError, ShapeError

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
_CUBIC = -0.75  # Keys 1981, IEEE Trans. ASSP 29, 1153-1160, with torch's choice of his free parameter


@wide
def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The numbers of `input` at the places of `grid`, where -1 and 1 are the picture's two ends in each dim.

    Math      place = ((g + 1) size - 1) / 2, or (g + 1) (size - 1) / 2 with align_corners; where `padding_mode` is not
              "zeros", a place that is no number (nor is what reflection makes of an infinite one) counts as 0
    Shapes    input (N, C, H, W), grid (N, h, w, 2) -> (N, C, h, w); input (N, C, D, H, W), grid (N, d, h, w, 3) ->
              (N, C, d, h, w); the last of grid in the order x, y(, z)
    Raises    ArgumentError for an unknown mode; ShapeError, DtypeError for what does not fit
    """
    name, given = "grid_sample", {"input": input.spec, "grid": grid.spec}
    require(mode in MODES, ArgumentError, name, f"mode must be one of {', '.join(MODES)}; got {mode!r}", **given)
    text = f"padding_mode must be one of {', '.join(PADDINGS)}; got {padding_mode!r}"
    require(padding_mode in PADDINGS, ArgumentError, name, text, **given)
    require(input.dtype.is_floating_point, DtypeError, name, "input must be floating point", **given)
    require(input.dtype is grid.dtype, DtypeError, name, "input and grid must have one dtype", **given)
    require(input.ndim in (4, 5), ShapeError, name, f"input must have 4 or 5 dims, has {input.ndim}", **given)
    spatial = input.ndim - 2
    require(not (mode == "bicubic" and spatial == 3), ArgumentError, name, "bicubic takes 4 dims only", **given)
    fits = grid.ndim == input.ndim and grid.shape[0] == input.shape[0] and grid.shape[-1] == spatial
    require(fits, ShapeError, name, f"grid must be (N, ..., {spatial}) with the N of input", **given)
    require(0 not in input.shape[2:], ShapeError, name, "there is nothing to sample from", **given)
    centred = bool(align_corners)
    places = [_place(grid[..., d], input.shape[-1 - d], centred) for d in range(spatial)]
    if mode == "bicubic":
        return _bicubic(input, places, padding_mode, centred)
    places = [_kept(p, n, padding_mode, centred) for p, n in zip(places, input.shape[:1:-1], strict=True)]
    return _nearest(input, places) if mode == "nearest" else _linear(input, places)


def _place(g: Tensor, size: int, align_corners: bool) -> Tensor:
    return (g + 1) * ((size - 1) / 2) if align_corners else ((g + 1) * size - 1) / 2


def _kept(place: Tensor, size: int, padding_mode: str, align_corners: bool) -> Tensor:
    """The place that stands in for one outside."""
    if padding_mode == "zeros":
        return place
    if padding_mode == "reflection":
        place = _reflected(place, *((0.0, size - 1.0) if align_corners else (-0.5, size - 0.5)))
    # no slope from the end on, as torch has it: clamp would still have one at the very end
    lost = place != place
    outside = (place <= 0).logical_or(place >= size - 1).logical_or(lost)
    end = place.detach().masked_fill(lost, 0.0).clamp(0, size - 1).masked_fill(~outside, 0.0)
    return place.masked_fill(outside, 0.0) + end


def _reflected(place: Tensor, low: float, high: float) -> Tensor:
    """`place` mirrored at both ends until it lies between them."""
    span = high - low
    if span == 0:
        return place.new_zeros(place.shape)
    away = (place - low).abs()
    turns = (away.detach() / span).floor()
    rest = away - turns * span
    odd = turns.remainder(2) != 0
    return rest.masked_fill(odd, 0.0) + (span - rest).masked_fill(~odd, 0.0) + low


def _fetched(input: Tensor, cells: Sequence[Tensor]) -> Tensor:
    """The numbers of whole places (x, y(, z)), 0 outside."""
    sizes = input.shape[2:]
    inside, flat = None, None
    for cell, size in zip(reversed(cells), sizes, strict=True):
        within = (cell >= 0).logical_and(cell <= size - 1)
        inside = within if inside is None else inside.logical_and(within)
        index = cell.masked_fill(~within, 0.0).to(int64)
        flat = index if flat is None else flat * size + index
    count = math.prod(cells[0].shape[1:])
    picked = input.reshape(*input.shape[:2], math.prod(sizes)).gather(
        2,
        flat.reshape(input.shape[0], 1, count).expand(input.shape[0], input.shape[1], count),  # type: ignore[union-attr]
    )
    out = picked.reshape(*input.shape[:2], *cells[0].shape[1:])
    return out.masked_fill(~inside.unsqueeze(1), 0.0)  # type: ignore[union-attr]


def _nearest(input: Tensor, places: Sequence[Tensor]) -> Tensor:
    return _fetched(input, [p.detach().round() for p in places])


def _linear(input: Tensor, places: Sequence[Tensor]) -> Tensor:
    """The neighbours on both sides of each dim, weighted by nearness."""
    out: Tensor | None = None
    lows = [p.detach().floor() for p in places]
    for corner in itertools.product((0, 1), repeat=len(places)):
        cells = [low + step for low, step in zip(lows, corner, strict=True)]
        weight: Tensor | None = None
        for place, low, step in zip(places, lows, corner, strict=True):
            share = place - low if step else low + 1 - place
            weight = share if weight is None else weight * share
        term = _fetched(input, cells) * weight.unsqueeze(1)  # type: ignore[union-attr]
        out = term if out is None else out + term
    return out  # type: ignore[return-value]


def _bicubic(input: Tensor, places: Sequence[Tensor], padding_mode: str, align_corners: bool) -> Tensor:
    """Four neighbours a dim, weighted by Keys' cubic of the place's fraction."""
    lows = [p.detach().floor() for p in places]
    weights = [_cubic_weights(p - low) for p, low in zip(places, lows, strict=True)]
    cells = [
        [_kept(low + step, n, padding_mode, align_corners) for step in (-1, 0, 1, 2)]
        for low, n in zip(lows, input.shape[:1:-1], strict=True)
    ]
    rows = []
    for y, wy in zip(cells[1], weights[1], strict=True):
        row = sum(_fetched(input, [x, y]) * wx.unsqueeze(1) for x, wx in zip(cells[0], weights[0], strict=True))
        rows.append(row * wy.unsqueeze(1))
    return rows[0] + rows[1] + rows[2] + rows[3]


def _cubic_weights(t: Tensor) -> list[Tensor]:
    a = _CUBIC

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The places that `theta` maps every output place to, for `grid_sample`.

    Shapes    theta (N, 2, 3), size (N, C, H, W) -> (N, H, W, 2); theta (N, 3, 4), size (N, C, D, H, W) ->
              (N, D, H, W, 3)
    Raises    ShapeError, DtypeError, ArgumentError for what does not fit
    """
    name, given, lengths = "affine_grid", {"theta": theta.spec}, tuple(int(n) for n in size)
    require(theta.dtype.is_floating_point, DtypeError, name, "theta must be floating point", **given)
    require(len(lengths) in (4, 5), ArgumentError, name, f"size must have 4 or 5 numbers, got {lengths}", **given)
    require(min(lengths) > 0, ArgumentError, name, f"size must be positive, got {lengths}", **given)
    spatial = len(lengths) - 2
    wanted = (lengths[0], spatial, spatial + 1)
    require(theta.shape == wanted, ShapeError, name, f"theta must have the shape {wanted}", **given)
    ends = []
    for place, n in enumerate(lengths[2:]):
        at = theta.detach().new_tensor([_centre(i, n, bool(align_corners)) for i in range(n)])
        ends.append(at.reshape((1,) * place + (n,) + (1,) * (spatial - place - 1)).expand(lengths[2:]))
    points = stack([*reversed(ends), ends[0].new_ones(lengths[2:])], -1).reshape(1, -1, spatial + 1)
    return (points.expand(lengths[0], -1, -1) @ theta.mT).reshape(lengths[0], *lengths[2:], spatial)  # type: ignore[no-any-return]


def _centre(i: int, n: int, align_corners: bool) -> float:
    """Where cell i of n lies on [-1, 1]."""
    if align_corners:
        return 0.0 if n == 1 else 2 * i / (n - 1) - 1
    return (2 * i + 1) / n - 1


@wide
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sample with its modes as torch's numbers: 0 bilinear, 1 nearest, 2 bicubic; 0 zeros, 1 border, 2 reflection.

    Raises    ArgumentError for another number
    """
    for name, value in (("interpolation_mode", interpolation_mode), ("padding_mode", padding_mode)):
        require(value in (0, 1, 2), ArgumentError, "grid_sampler", f"{name} must be 0, 1 or 2, got {value}")
    return grid_sample(input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners)


@wide
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sampler of pictures (N, C, H, W). Raises ShapeError for others."""
    require(input.ndim == 4, ShapeError, "grid_sampler_2d", "input must have 4 dims", input=input.spec)
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@wide
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sampler of volumes (N, C, D, H, W). Raises ShapeError for others."""
    require(input.ndim == 5, ShapeError, "grid_sampler_3d", "input must have 5 dims", input=input.spec)
    return grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)
