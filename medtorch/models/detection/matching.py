"""Boxes as differences from other boxes, which boxes belong together, and which are learned from.

Source    Ren et al., Faster R-CNN, NIPS 2015, section 3.1; semantics of torchvision.models.detection._utils
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from medtorch.core.creation import zeros
from medtorch.core.dtypes import uint8
from medtorch.core.ops.elementwise import exp, log
from medtorch.core.ops.shape import cat, stack
from medtorch.core.random import randperm
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.detection.boxes import places

BELOW, BETWEEN = -1, -2  # of matches: nothing overlaps enough; too much to be background, too little to be found
_LARGEST = math.log(1000.0 / 16)  # of a logarithm of sizes, before exp


class BoxCoder:
    """A box as how far its centre lies from another's, in that one's size, and the logarithm of the sizes' ratio.

    Math      (wx (cx - cx') / w', wy (cy - cy') / h', ww log(w / w'), wh log(h / h'))
    """

    def __init__(self, weights: Sequence[float], bbox_xform_clip: float = _LARGEST) -> None:
        self.weights, self.bbox_xform_clip = tuple(weights), bbox_xform_clip

    def encode(self, reference_boxes: Sequence[Tensor], proposals: Sequence[Tensor]) -> list[Tensor]:
        """For each image, `reference_boxes` seen from `proposals`."""
        encoded = self.encode_single(cat(list(reference_boxes)), cat(list(proposals)))
        return list(encoded.split([len(b) for b in reference_boxes], 0))

    def encode_single(self, reference_boxes: Tensor, proposals: Tensor) -> Tensor:
        """Shapes    (n, 4), (n, 4) -> (n, 4)"""
        wx, wy, ww, wh = self.weights
        x, y, w, h = _centred(proposals)
        u, v, p, q = _centred(reference_boxes)
        return stack((wx * (u - x) / w, wy * (v - y) / h, ww * log(p / w), wh * log(q / h)), dim=1)

    def decode(self, rel_codes: Tensor, boxes: Sequence[Tensor]) -> Tensor:
        """Shapes    (n, 4 k), boxes of each image, n in all -> (n, k, 4)"""
        together = cat(list(boxes))
        decoded = self.decode_single(rel_codes.reshape(len(together), -1), together) if len(together) else rel_codes
        return decoded.reshape(len(together), -1, 4) if len(together) else decoded

    def decode_single(self, rel_codes: Tensor, boxes: Tensor) -> Tensor:
        """Shapes    (n, 4 k), (n, 4) -> (n, 4 k)"""
        x, y, w, h = (part.unsqueeze(1) for part in _centred(boxes.to(rel_codes.dtype)))
        wx, wy, ww, wh = self.weights
        u = rel_codes[:, 0::4] / wx * w + x
        v = rel_codes[:, 1::4] / wy * h + y
        p = exp((rel_codes[:, 2::4] / ww).clamp(max=self.bbox_xform_clip)) * w
        q = exp((rel_codes[:, 3::4] / wh).clamp(max=self.bbox_xform_clip)) * h
        return stack((u - 0.5 * p, v - 0.5 * q, u + 0.5 * p, v + 0.5 * q), dim=2).flatten(1)


def _centred(boxes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return boxes[:, 0] + 0.5 * w, boxes[:, 1] + 0.5 * h, w, h


class Matcher:
    """For each box the truth that it overlaps most, BELOW under the low threshold, BETWEEN under the high one.

    With `allow_low_quality_matches` a truth keeps the boxes that overlap it most, however little that is.
    """

    def __init__(self, high_threshold: float, low_threshold: float, allow_low_quality_matches: bool = False) -> None:
        if low_threshold > high_threshold:
            raise ArgumentError(f"Matcher: thresholds must not fall, got {low_threshold} and {high_threshold}")
        self.high_threshold, self.low_threshold = high_threshold, low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        """Shapes    (truths, boxes) -> (boxes,)"""
        if match_quality_matrix.numel() == 0:
            missing = "true" if match_quality_matrix.shape[0] == 0 else "proposed"
            raise ArgumentError(f"Matcher: an image has no {missing} boxes while training")
        best, nearest = match_quality_matrix.max(dim=0)
        matches = nearest.clone()
        matches[best < self.low_threshold] = BELOW
        matches[(best >= self.low_threshold).logical_and(best < self.high_threshold)] = BETWEEN
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.max(dim=1)[0].unsqueeze(1)
            kept = places((match_quality_matrix == highest).any(dim=0))
            matches[kept] = nearest[kept]
        return matches


class BalancedPositiveNegativeSampler:
    """So many boxes an image, a share of them with something inside where there are as many, drawn by chance."""

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        self.batch_size_per_image, self.positive_fraction = batch_size_per_image, positive_fraction

    def __call__(self, labels: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Shapes    labels of each image (n,): 1 and more inside, 0 background -> twice masks (n,) uint8 of each"""
        inside, background = [], []
        for one in labels:
            positive, negative = places(one >= 1), places(one == 0)
            number = min(len(positive), int(self.batch_size_per_image * self.positive_fraction))
            inside.append(_drawn(positive, number, one))
            background.append(_drawn(negative, min(len(negative), self.batch_size_per_image - number), one))
        return inside, background


def _drawn(places: Tensor, number: int, like: Tensor) -> Tensor:
    mask = zeros(len(like), dtype=uint8, device=like.device)
    mask[places[randperm(len(places), device=places.device)[:number]]] = 1
    return mask
