"""Boxes as numbers: areas, overlaps, formats, and which of many that overlap are kept.

Boxes are (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2 unless a format says otherwise.

Source    semantics of torchvision.ops.boxes; generalized overlap: Rezatofighi et al., Generalized intersection over
          union, CVPR 2019
Requires  REQ-F-MOD-034
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from medtorch.core.creation import from_numpy
from medtorch.core.ops.arithmetic import maximum, minimum
from medtorch.core.ops.shape import cat, stack
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError

_VANILLA = 4000  # numbers in boxes, above which classes are taken one by one; as the origin does on the CPU


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Places of the boxes that overlap none with a higher score by more than the threshold, from the highest score.

    Shapes    boxes (n, 4), scores (n,) -> (k,) int64
    Raises    ShapeError for other shapes
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4 or tuple(scores.shape) != (boxes.shape[0],):
        raise ShapeError(f"nms: needs boxes (n, 4) and scores (n,), got {tuple(boxes.shape)}, {tuple(scores.shape)}")
    corners, order = boxes.detach().cpu().numpy(), _falling(scores.detach().cpu().numpy())
    x1, y1, x2, y2 = np.ascontiguousarray(corners.T)
    areas = (x2 - x1) * (y2 - y1)
    dropped = np.zeros(len(order), bool)
    kept = []
    for place, i in enumerate(order):
        if dropped[i]:
            continue
        kept.append(i)
        others = order[place + 1 :]
        wide = np.minimum(x2[i], x2[others]) - np.maximum(x1[i], x1[others])
        high = np.minimum(y2[i], y2[others]) - np.maximum(y1[i], y1[others])
        both = np.maximum(wide, 0) * np.maximum(high, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            overlap = both / (areas[i] + areas[others] - both)
        dropped[others] |= overlap.astype(np.float64) > iou_threshold
    return from_numpy(np.asarray(kept, np.int64)).to(boxes.device)


def _falling(scores: np.ndarray) -> np.ndarray:
    """Places from the highest score, equal ones in their order; what is no number comes first, as in torch's sort."""
    missing = np.isnan(scores)
    order: np.ndarray = np.lexsort((np.arange(len(scores)), np.where(missing, 0, -scores), ~missing))
    return order


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """nms among the boxes of each class in `idxs` alone.

    Shapes    boxes (n, 4), scores (n,), idxs (n,) -> (k,) int64, from the highest score
    """
    if boxes.numel() == 0:
        return from_numpy(np.zeros(0, np.int64)).to(boxes.device)
    if boxes.numel() <= _VANILLA:  # boxes of other classes are moved out of reach
        offsets = idxs.to(boxes.dtype) * (boxes.amax() + 1)
        return nms(boxes + offsets.unsqueeze(1), scores, iou_threshold)
    classes = idxs.cpu().numpy()
    kept = []
    for one in np.unique(classes):
        here = from_numpy(np.flatnonzero(classes == one)).to(boxes.device)
        kept.append(here[nms(boxes[here], scores[here], iou_threshold)])
    together, _ = cat(kept).sort()
    return together[scores[together].sort(descending=True)[1]]


def places(mask: Tensor) -> Tensor:
    """Where a mask of one dim holds.

    Shapes    (n,) -> (k,) int64
    """
    return cast(Tensor, mask.nonzero())[:, 0]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Places of the boxes at least so wide and high."""
    wide, high = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return places((wide >= min_size).logical_and(high >= min_size))


def clip_boxes_to_image(boxes: Tensor, size: Sequence[int]) -> Tensor:
    """What of boxes lies in an image of (height, width)."""
    height, width = size
    clipped = stack((boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)), dim=boxes.ndim)
    return clipped.reshape(boxes.shape)


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """From one format to another: "xyxy" corners, "xywh" a corner and the size, "cxcywh" the centre and the size.

    Raises    ArgumentError for another format
    """
    for fmt in (in_fmt, out_fmt):
        if fmt not in ("xyxy", "xywh", "cxcywh"):
            raise ArgumentError(f"box_convert: a format is 'xyxy', 'xywh' or 'cxcywh', got {fmt!r}")
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        c, d = a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        c, d = c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return stack((a, b, c, d), dim=-1)


def box_area(boxes: Tensor) -> Tensor:
    """Shapes    (..., 4) -> (...)"""
    boxes = _wide(boxes)
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _wide(boxes: Tensor) -> Tensor:
    """Half-wide numbers as float32: products of sizes overflow early."""
    return boxes.float() if boxes.dtype.is_floating_point and boxes.dtype.itemsize < 4 else boxes


def _common_and_all(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    first, second = boxes1.unsqueeze(-2), boxes2.unsqueeze(-3)
    sides = (minimum(first[..., 2:], second[..., 2:]) - maximum(first[..., :2], second[..., :2])).clamp(min=0)
    common = _wide(sides)[..., 0] * _wide(sides)[..., 1]
    return common, box_area(boxes1).unsqueeze(-1) + box_area(boxes2).unsqueeze(-2) - common


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """How much any two boxes overlap.

    Math      |A and B| / |A or B|
    Shapes    (..., n, 4), (..., m, 4) -> (..., n, m)
    Undefined two boxes without area score nan
    """
    common, everything = _common_and_all(boxes1, boxes2)
    return common / everything


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Overlap less the empty share of the smallest box around both, in [-1, 1].

    Math      |A and B| / |A or B| - (|C| - |A or B|) / |C|, C the smallest box that holds A and B
    Shapes    (..., n, 4), (..., m, 4) -> (..., n, m)
    """
    common, everything = _common_and_all(boxes1, boxes2)
    first, second = boxes1.unsqueeze(-2), boxes2.unsqueeze(-3)
    sides = (maximum(first[..., 2:], second[..., 2:]) - minimum(first[..., :2], second[..., :2])).clamp(min=0)
    around = _wide(sides)[..., 0] * _wide(sides)[..., 1]
    return common / everything - (around - everything) / around


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The smallest box around what is not zero in each mask; of an empty mask zeros.

    Shapes    (n, h, w) -> (n, 4) float32
    """
    found = masks.detach().cpu().numpy() != 0
    out = np.zeros((len(found), 4), np.float32)
    for i, mask in enumerate(found):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if rows.size:
            out[i] = columns[0], rows[0], columns[-1], rows[-1]
    return from_numpy(out).to(masks.device)
