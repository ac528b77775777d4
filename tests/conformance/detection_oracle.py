"""torchvision's two operators of detection, written from their definitions for PyTorch, as the other side's answer."""

from __future__ import annotations

import torch


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices of the boxes that no better box overlaps by more than the threshold, best first."""
    kept: list[int] = []
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for index in scores.argsort(descending=True, stable=True).tolist():
        if all(_overlap(boxes, area, index, other) <= iou_threshold for other in kept):
            kept.append(index)
    return torch.tensor(kept, dtype=torch.int64)


def _overlap(boxes: torch.Tensor, area: torch.Tensor, i: int, j: int) -> float:
    low, high = torch.maximum(boxes[i, :2], boxes[j, :2]), torch.minimum(boxes[i, 2:], boxes[j, 2:])
    shared = (high - low).clamp(min=0).prod()
    return float(shared / (area[i] + area[j] - shared))


def roi_align(
    input: torch.Tensor,
    boxes: torch.Tensor | list[torch.Tensor],
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> torch.Tensor:
    """Means of bilinear samples on a regular grid in every bin of every region; torchvision.ops.roi_align's call."""
    pooled = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if isinstance(boxes, list):
        numbered = [torch.cat([b.new_full((len(b), 1), float(i)), b], dim=1) for i, b in enumerate(boxes)]
        boxes = torch.cat(numbered)
    shift = 0.5 if aligned else 0.0
    out = [_one(input[int(r[0])], r[1:] * spatial_scale - shift, pooled, sampling_ratio, aligned) for r in boxes]
    return torch.stack(out) if out else input.new_zeros(0, input.shape[1], *pooled)


def _one(image: torch.Tensor, box: torch.Tensor, pooled: tuple[int, int], ratio: int, aligned: bool) -> torch.Tensor:
    size = [box[3] - box[1], box[2] - box[0]]
    if not aligned:
        size = [s.clamp(min=1.0) for s in size]
    grids = []
    for start, length, bins in ((box[1], size[0], pooled[0]), (box[0], size[1], pooled[1])):
        step = length / bins
        count = ratio if ratio > 0 else int(torch.ceil(step))
        at = start + (torch.arange(bins * count, dtype=image.dtype) + 0.5) * step / count
        grids.append((at, count))
    values = _bilinear(image, grids[0][0], grids[1][0])
    c = image.shape[0]
    parts = values.reshape(c, pooled[0], grids[0][1], pooled[1], grids[1][1])
    return parts.sum((2, 4)) / max(grids[0][1] * grids[1][1], 1)


def _bilinear(image: torch.Tensor, ys: torch.Tensor, xs: torch.Tensor) -> torch.Tensor:
    rows, row_weights = _taps(ys, image.shape[1])
    columns, column_weights = _taps(xs, image.shape[2])
    out = image.new_zeros(image.shape[0], len(ys), len(xs))
    for row, wy in zip(rows, row_weights, strict=True):
        for column, wx in zip(columns, column_weights, strict=True):
            out = out + image[:, row][:, :, column] * wy[:, None] * wx
    return out


def _taps(at: torch.Tensor, length: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    inside = ((at >= -1) & (at <= length)).to(at.dtype)
    at = at.clamp(min=0)
    low = at.floor().long().clamp(max=length - 1)
    high = (low + 1).clamp(max=length - 1)
    share = torch.where(low >= length - 1, torch.zeros_like(at), at - low)
    return [low, high], [(1 - share) * inside, share * inside]
