"""Where something may be: boxes proposed from each level's features.

Source    Ren et al., Faster R-CNN: towards real-time object detection with region proposal networks, NIPS 2015;
          semantics of torchvision.models.detection.rpn
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.creation import full
from medtorch.core.dtypes import int64
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.models.blocks import ConvNormActivation
from medtorch.models.detection.anchors import AnchorGenerator
from medtorch.models.detection.boxes import batched_nms, box_iou, clip_boxes_to_image, places, remove_small_boxes
from medtorch.models.detection.matching import BELOW, BETWEEN, BalancedPositiveNegativeSampler, BoxCoder, Matcher
from medtorch.models.detection.pyramid import rename_convs
from medtorch.models.detection.transform import ImageList, Sizes, Target
from medtorch.nn import functional as F

_SMALLEST = 1e-3  # side of a box, in pixels


class RPNHead(nn.Module):
    """For each pixel of each level a score and four differences of each of its boxes."""

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1) -> None:
        super().__init__()
        convs = (ConvNormActivation(in_channels, in_channels, 3, norm_layer=None) for _ in range(conv_depth))
        self.conv = nn.Sequential(*convs)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, 4 * num_anchors, 1)
        narrow(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        rename_convs(state_dict, {f"{prefix}conv.": f"{prefix}conv.0.0."})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        seen = [self.conv(features) for features in x]
        return [self.cls_logits(features) for features in seen], [self.bbox_pred(features) for features in seen]


def narrow(module: nn.Module) -> None:
    """Convolutions start narrow, biases at zero."""
    for m in module.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.normal_(m.weight, std=0.01)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


def by_box(predicted: Tensor, numbers: int) -> Tensor:
    """Shapes    (n, boxes * numbers, h, w) -> (n, h * w * boxes, numbers)"""
    n, _, h, w = predicted.shape
    return predicted.reshape(n, -1, numbers, h, w).permute(0, 3, 4, 1, 2).reshape(n, -1, numbers)


class RegionProposalNetwork(nn.Module):
    """The best boxes of each level that do not overlap each other too much, and while training the losses.

    Shapes    images, features by name, targets -> boxes of each image (k, 4), losses by name
    """

    def __init__(
        self,
        anchor_generator: AnchorGenerator,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: Mapping[str, int],
        post_nms_top_n: Mapping[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.pre_nms_top_n, self.post_nms_top_n = dict(pre_nms_top_n), dict(post_nms_top_n)
        self.nms_thresh, self.score_thresh = nms_thresh, score_thresh

    def forward(
        self, images: ImageList, features: OrderedDict[str, Tensor], targets: Sequence[Target] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        levels = list(features.values())
        scores, differences = self.head(levels)
        anchors = self.anchor_generator(images, levels)
        numbers = [int(s[0].numel()) for s in scores]
        objectness = cat([by_box(s, 1) for s in scores], 1)
        deltas = cat([by_box(d, 4) for d in differences], 1)
        proposals = self.box_coder.decode(deltas.detach().reshape(-1, 4), anchors).reshape(len(anchors), -1, 4)
        boxes = self._filtered(proposals, objectness.detach().squeeze(-1), images.image_sizes, numbers)
        if not self.training or targets is None:
            return boxes, {}
        labels, matched = self._assigned(anchors, targets)
        wanted = self.box_coder.encode(matched, anchors)
        return boxes, self._losses(objectness.flatten(), deltas.reshape(-1, 4), labels, wanted)

    def _filtered(self, proposals: Tensor, objectness: Tensor, sizes: Sizes, numbers: Sequence[int]) -> list[Tensor]:
        mode = "training" if self.training else "testing"
        kept, offset = [], 0
        for level in objectness.split(list(numbers), 1):
            count = min(self.pre_nms_top_n[mode], level.shape[1])
            kept.append(level.topk(count, dim=1)[1] + offset)
            offset += level.shape[1]
        level_of = cat([full((k.shape[1],), i, dtype=int64, device=objectness.device) for i, k in enumerate(kept)])
        chosen = cat(kept, 1)
        found = []
        for i, size in enumerate(sizes):
            boxes = clip_boxes_to_image(proposals[i][chosen[i]], size)
            scores = objectness[i][chosen[i]].sigmoid()
            large = remove_small_boxes(boxes, _SMALLEST)
            boxes, scores, level = boxes[large], scores[large], level_of[large]
            likely = places(scores >= self.score_thresh)
            boxes, scores, level = boxes[likely], scores[likely], level[likely]
            apart = batched_nms(boxes, scores, level, self.nms_thresh)[: self.post_nms_top_n[mode]]
            found.append(boxes[apart])
        return found

    def _assigned(self, anchors: Sequence[Tensor], targets: Sequence[Target]) -> tuple[list[Tensor], list[Tensor]]:
        labels, matched = [], []
        for boxes, target in zip(anchors, targets, strict=True):
            truths = target["boxes"]
            if not len(truths):
                labels.append(boxes.new_zeros((len(boxes),)))
                matched.append(boxes.new_zeros(boxes.shape))
                continue
            matches = self.proposal_matcher(box_iou(truths, boxes))
            matched.append(truths[matches.clamp(min=0)].to(boxes.dtype))
            label = (matches >= 0).to(boxes.dtype)
            label[matches == BELOW] = 0.0
            label[matches == BETWEEN] = -1.0
            labels.append(label)
        return labels, matched

    def _losses(
        self, objectness: Tensor, deltas: Tensor, labels: Sequence[Tensor], wanted: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        inside, background = (places(cat(masks)) for masks in self.fg_bg_sampler(labels))
        sampled = cat((inside, background))
        label, box = cat(list(labels)), cat(list(wanted))
        far = F.smooth_l1_loss(deltas[inside], box[inside], beta=1 / 9, reduction="sum") / len(sampled)
        wrong = F.binary_cross_entropy_with_logits(objectness[sampled], label[sampled])
        return {"loss_objectness": wrong, "loss_rpn_box_reg": far}
