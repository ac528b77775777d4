"""Images of several sizes brought to one batch, boxes and masks with them, and what is found brought back.

Source    semantics of torchvision.models.detection.transform.GeneralizedRCNNTransform, roi_heads.paste_masks_in_image
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch import nn
from medtorch.core.creation import tensor, zeros
from medtorch.core.dtypes import int64, uint8
from medtorch.core.ops.shape import stack
from medtorch.core.random import rand
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.models.detection.boxes import places
from medtorch.nn import functional as F

Target = dict[str, Tensor]
Sizes = list[tuple[int, int]]


@dataclass
class ImageList:
    """Images of several sizes in one batch, in the upper left corner of it, and their sizes (height, width)."""

    tensors: Tensor
    image_sizes: Sizes


def check_targets(images: Sequence[Tensor], targets: Sequence[Mapping[str, Tensor]] | None, name: str) -> None:
    """Raises ArgumentError without a target for each image; ShapeError unless boxes (n, 4) have a size."""
    if targets is None or len(targets) != len(images):
        got = "none" if targets is None else len(targets)
        raise ArgumentError(f"{name}: while training each of {len(images)} images needs a target, got {got}")
    for i, target in enumerate(targets):
        boxes = target.get("boxes")
        if boxes is None or "labels" not in target:
            raise ArgumentError(f"{name}: target {i} needs boxes and labels, has {', '.join(target) or 'nothing'}")
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ShapeError(f"{name}: boxes of target {i} must be (n, 4), got {tuple(boxes.shape)}")
        wrong = places((boxes[:, 2:] <= boxes[:, :2]).any(dim=1)).tolist()
        if wrong:
            raise ShapeError(f"{name}: box {boxes[wrong[0]].tolist()} of target {i} has no width or no height")


class GeneralizedRCNNTransform(nn.Module):
    """The shorter side to `min_size`, the longer to at most `max_size`; while training one of several `min_size`.

    Shapes    images (c, h, w), targets -> ImageList, its sizes multiples of `size_divisible`, and targets
    Raises    ShapeError, DtypeError for images of another kind
    """

    def __init__(
        self,
        min_size: int | Sequence[int],
        max_size: int,
        image_mean: Sequence[float],
        image_std: Sequence[float],
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.min_size = (min_size,) if isinstance(min_size, int) else tuple(min_size)
        self.max_size, self.size_divisible, self.fixed_size = max_size, size_divisible, fixed_size
        self.image_mean, self.image_std = list(image_mean), list(image_std)

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Mapping[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[Target] | None]:
        told = [None] * len(images) if targets is None else [dict(t) for t in targets]
        resized, kept = [], []
        for image, target in zip(images, told, strict=True):
            if image.ndim != 3:
                raise ShapeError(f"images must be (c, h, w), got {tuple(image.shape)}")
            small, moved = self._resized(self._normalized(image), target)
            resized.append(small)
            kept.append(moved)
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in resized]
        done = None if targets is None else [t for t in kept if t is not None]
        return ImageList(self._batch(resized), sizes), done

    def _normalized(self, image: Tensor) -> Tensor:
        if not image.dtype.is_floating_point:
            raise DtypeError(f"images must hold floating point numbers in [0, 1], got {image.dtype}")
        mean, std = (
            tensor(numbers, dtype=image.dtype, device=image.device).reshape(-1, 1, 1)
            for numbers in (self.image_mean, self.image_std)
        )
        return (image - mean) / std

    def _resized(self, image: Tensor, target: Target | None) -> tuple[Tensor, Target | None]:
        h, w = (int(s) for s in image.shape[-2:])
        if self.fixed_size is not None:
            how: dict[str, Any] = {"size": (self.fixed_size[1], self.fixed_size[0])}
        else:
            choice = int(rand(1).item() * len(self.min_size)) if self.training else -1
            scale = min(self.min_size[choice] / min(h, w), self.max_size / max(h, w))
            how = {"scale_factor": scale, "recompute_scale_factor": True}
        image = F.interpolate(image.unsqueeze(0), mode="bilinear", align_corners=False, **how)[0]
        if target is None:
            return image, None
        if "masks" in target:
            masks = F.interpolate(target["masks"].unsqueeze(1).float(), mode="nearest", **how)
            target["masks"] = masks.squeeze(1).to(uint8)
        target["boxes"] = resize_boxes(target["boxes"], (h, w), image.shape[-2:])
        return image, target

    def _batch(self, images: Sequence[Tensor]) -> Tensor:
        step = self.size_divisible
        channels = max(image.shape[0] for image in images)
        height, width = (-(-max(int(image.shape[axis]) for image in images) // step) * step for axis in (1, 2))
        return stack([_padded(image, (channels, height, width)) for image in images])

    def postprocess(self, found: list[Target], sizes: Sizes, original_sizes: Sizes) -> list[Target]:
        """Boxes, and masks where there are any, in the images as they were given."""
        for one, size, original in zip(found, sizes, original_sizes, strict=True):
            one["boxes"] = resize_boxes(one["boxes"], size, original)
            if "masks" in one:
                one["masks"] = paste_masks_in_image(one["masks"], one["boxes"], original)
        return found


def _padded(image: Tensor, size: Sequence[int]) -> Tensor:
    c, h, w = (wanted - got for wanted, got in zip(size, image.shape, strict=True))
    return F.pad(image, (0, w, 0, h, 0, c))


def resize_boxes(boxes: Tensor, original_size: Sequence[int], new_size: Sequence[int]) -> Tensor:
    """Boxes of an image of one (height, width) in one of another; ratios are rounded to float32 as the origin's are."""
    high, wide = (float(np.float32(new) / np.float32(old)) for new, old in zip(new_size, original_size, strict=True))
    x1, y1, x2, y2 = boxes.unbind(1)
    return stack((x1 * wide, y1 * high, x2 * wide, y2 * high), dim=1)


def paste_masks_in_image(masks: Tensor, boxes: Tensor, size: Sequence[int], padding: int = 1) -> Tensor:
    """Masks of boxes, brought to the boxes' sizes and put where these lie.

    Shapes    masks (n, 1, m, m), boxes (n, 4), size (height, width) -> (n, 1, height, width)
    """
    height, width = size
    if not len(masks):
        return masks.new_zeros((0, 1, height, width))
    side = masks.shape[-1]
    grown = _grown(boxes, float(side + 2 * padding) / side).to(int64).tolist()
    framed = F.pad(masks, (padding,) * 4)
    return stack([_pasted(mask, box, height, width) for mask, box in zip(framed, grown, strict=True)])


def _grown(boxes: Tensor, scale: float) -> Tensor:
    wide, high = (boxes[:, 2] - boxes[:, 0]) * 0.5 * scale, (boxes[:, 3] - boxes[:, 1]) * 0.5 * scale
    x, y = (boxes[:, 2] + boxes[:, 0]) * 0.5, (boxes[:, 3] + boxes[:, 1]) * 0.5
    return stack((x - wide, y - high, x + wide, y + high), dim=1)


def _pasted(mask: Tensor, box: Sequence[int], height: int, width: int) -> Tensor:
    x1, y1, x2, y2 = box
    size = (max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1))
    large = F.interpolate(mask.unsqueeze(0), size=size, mode="bilinear", align_corners=False)[0]
    left, right, top, bottom = max(x1, 0), min(x2 + 1, width), max(y1, 0), min(y2 + 1, height)
    out = zeros((1, height, width), dtype=mask.dtype, device=mask.device)
    if left < right and top < bottom:
        out[:, top:bottom, left:right] = large[:, top - y1 : bottom - y1, left - x1 : right - x1]
    return out
