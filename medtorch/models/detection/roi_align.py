"""Features of boxes, sampled between pixels, from one level or from the level that fits a box's size.

Source    He et al., Mask R-CNN, ICCV 2017, section 3; levels: Lin et al., Feature pyramid networks, CVPR 2017,
          equation 1; semantics of torchvision.ops.roi_align, MultiScaleRoIAlign
Requires  REQ-F-MOD-034
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from medtorch import nn
from medtorch.core.creation import from_numpy, full_like
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.models.detection.boxes import box_area
from medtorch.nn import functional as F

_AT_ONCE = 4_000_000  # numbers that are looked up in one go


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """The mean of sampling_ratio^2 places, each weighted from its four pixels, in each cell of a grid over each box.

    Without a sampling_ratio there are as many places as a cell has pixels. `aligned` puts pixels' centres half a pixel
    into them. Differentiable by `input`, not by `boxes`.
    Shapes    input (n, c, h, w), boxes (k, 5) with the number of the image first, or n of (k_i, 4)
              -> (k, c, *output_size)
    Raises    ShapeError, DtypeError for what does not fit
    """
    rois = boxes if isinstance(boxes, Tensor) else _numbered(boxes)
    if input.ndim != 4 or rois.ndim != 2 or rois.shape[1] != 5:
        raise ShapeError(
            f"roi_align: needs input (n, c, h, w) and boxes (k, 5) or (k_i, 4) of each image, got "
            f"{tuple(input.shape)}, {tuple(rois.shape)}"
        )
    if input.dtype is not rois.dtype:
        raise DtypeError(f"roi_align: input and boxes must have one dtype, got {input.dtype}, {rois.dtype}")
    grid = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    n, channels, height, width = input.shape
    told = rois.detach().cpu().numpy()
    if told.size and (told[:, 0].min() < 0 or told[:, 0].max() >= n):
        raise ArgumentError(f"roi_align: boxes name image {int(told[:, 0].max())} of {n}")
    table = input.permute(0, 2, 3, 1).reshape(-1, channels)
    parts, places = [table[:0, :, None, None].expand(-1, -1, *grid)], [np.zeros(0, np.int64)]
    for group, rows, weights in _taps(told, (height, width), grid, spatial_scale, sampling_ratio, aligned):
        step = max(1, _AT_ONCE // max(1, rows.shape[1] * rows.shape[2] * channels))
        for start in range(0, len(group), step):
            chosen = slice(start, start + step)
            parts.append(_mixed(table, rows[chosen], weights[chosen], grid))
        places.append(group)
    order = from_numpy(np.argsort(np.concatenate(places))).to(input.device)
    return cat(parts)[order]


def _mixed(table: Tensor, rows: np.ndarray, weights: np.ndarray, grid: Sequence[int]) -> Tensor:
    pixels = F.embedding(from_numpy(rows).to(table.device), table)
    mixed = from_numpy(weights).to(table.device).unsqueeze(-2) @ pixels
    return mixed.squeeze(-2).transpose(1, 2).reshape(len(rows), table.shape[1], *grid)


def _numbered(boxes: Sequence[Tensor]) -> Tensor:
    if not boxes or any(b.ndim != 2 or b.shape[1] != 4 for b in boxes):
        shapes = ", ".join(str(tuple(b.shape)) for b in boxes)
        raise ShapeError(f"roi_align: boxes of each image must be (k, 4), got {shapes or 'none'}")
    return cat([cat((full_like(b[:, :1], i), b), 1) for i, b in enumerate(boxes)])


Tap = tuple[np.ndarray, np.ndarray, np.ndarray]


def _taps(
    rois: np.ndarray, size: tuple[int, int], grid: Sequence[int], scale: float, ratio: int, aligned: bool
) -> list[Tap]:
    """Boxes that are sampled alike, and for each cell which pixels it takes and how much of each.

    Shapes    places of boxes (k,), rows of the table (k, cells, taps), weights (k, cells, taps)
    """
    real = rois.dtype.type
    corners = rois[:, 1:] * real(scale) - real(0.5 if aligned else 0)
    first, last = corners[:, 1::-1], corners[:, 3:1:-1]  # y before x
    length = last - first
    if not aligned:
        length = np.maximum(length, real(1))
    cell = length / np.asarray(grid, rois.dtype)
    numbers = np.full(cell.shape, ratio) if ratio > 0 else np.ceil(cell).astype(np.int64)
    numbers = np.maximum(numbers, 0)
    found = []
    for alike in np.unique(numbers, axis=0):
        group = np.flatnonzero((numbers == alike).all(1))
        axes = [_along(first[group, a], cell[group, a], int(grid[a]), int(alike[a]), size[a]) for a in range(2)]
        (y_rows, y_parts), (x_rows, x_parts) = axes
        image = rois[group, 0].astype(np.int64)[:, None, None, None, None]
        rows = (image * size[0] + y_rows[:, :, None, :, None]) * size[1] + x_rows[:, None, :, None, :]
        parts = y_parts[:, :, None, :, None] * x_parts[:, None, :, None, :] / real(max(1, math.prod(alike)))
        shape = (len(group), math.prod(grid), -1 if rows.size else 0)
        found.append((group, rows.reshape(shape), parts.reshape(shape)))
    return found


def _along(first: np.ndarray, cell: np.ndarray, cells: int, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For each cell along one axis the pixels before and behind each place, and their shares.

    Shapes    (k,) -> twice (k, cells, 2 number)
    """
    real = first.dtype.type
    inner = (np.arange(number, dtype=first.dtype) + real(0.5)) * cell[:, None] / real(max(number, 1))
    place = (
        first[:, None, None] + np.arange(cells, dtype=first.dtype)[:, None] * cell[:, None, None] + inner[:, None, :]
    )
    outside = (place < -1) | (place > size)
    place = np.clip(place, 0, size - 1)
    before = np.floor(place).astype(np.int64)
    behind = np.minimum(before + 1, size - 1)
    share = place - before
    shares = np.where(outside[..., None], 0, np.stack((1 - share, share), -1)).astype(first.dtype)
    pixels = np.stack((before, behind), -1)
    shape = (len(first), cells, 2 * number)
    return pixels.reshape(shape), shares.reshape(shape)


class RoIAlign(nn.Module):
    """roi_align as a layer."""

    def __init__(
        self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int, aligned: bool = False
    ) -> None:
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)


class MultiScaleRoIAlign(nn.Module):
    """roi_align on the level of a pyramid that fits a box's size.

    Math      level = floor(canonical_level + log2(sqrt(area) / canonical_scale) + 1e-6), brought into
              the levels there are
    Shapes    features by name, boxes of each image (k_i, 4), sizes of the images -> (k, c, *output_size)
    Raises    ArgumentError without images or named features
    """

    def __init__(
        self,
        featmap_names: Sequence[str],
        output_size: int | Sequence[int],
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names, self.sampling_ratio = list(featmap_names), sampling_ratio
        self.output_size = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level
        self.scales: list[float] | None = None

    def forward(
        self, x: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: Sequence[tuple[int, int]]
    ) -> Tensor:
        levels = [features for name, features in x.items() if name in self.featmap_names]
        if not levels or not image_shapes:
            raise ArgumentError(f"MultiScaleRoIAlign: needs images and features named {self.featmap_names}")
        if self.scales is None:  # found once, as the origin does: they belong to the network
            largest = [max(shape[axis] for shape in image_shapes) for axis in (0, 1)]
            self.scales = [2.0 ** round(math.log2(level.shape[-2] / largest[0])) for level in levels]
        rois, size, ratio = _numbered(boxes), self.output_size, self.sampling_ratio
        if len(levels) == 1:
            return roi_align(levels[0], rois, size, self.scales[0], ratio)
        fitting = self._level_of(boxes, self.scales)
        parts, places = [], []
        for i, (level, scale) in enumerate(zip(levels, self.scales, strict=True)):
            here = np.flatnonzero(fitting == i)
            chosen = from_numpy(here).to(rois.device)
            parts.append(roi_align(level, rois[chosen], size, scale, ratio))
            places.append(here)
        order = from_numpy(np.argsort(np.concatenate(places))).to(rois.device)
        return cat(parts)[order]

    def _level_of(self, boxes: Sequence[Tensor], scales: Sequence[float]) -> np.ndarray:
        first, last = int(-math.log2(scales[0])), int(-math.log2(scales[-1]))
        side = np.sqrt(cat([box_area(b.detach()) for b in boxes]).cpu().numpy())
        with np.errstate(divide="ignore"):
            level = np.floor(self.canonical_level + np.log2(side / self.canonical_scale) + side.dtype.type(1e-6))
        fitting: np.ndarray = np.clip(level, first, last).astype(np.int64) - first
        return fitting
