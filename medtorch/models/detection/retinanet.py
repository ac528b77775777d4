"""RetinaNet under torchvision's keys.

Source    Lin et al., Focal loss for dense object detection, ICCV 2017; second version: Zhang et al., Bridging the gap
          between anchor-based and anchor-free detection, CVPR 2020; semantics of torchvision.models.detection.retinanet
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.blocks import ConvNormActivation, Layer
from medtorch.models.detection.anchors import AnchorGenerator
from medtorch.models.detection.boxes import batched_nms, box_iou, clip_boxes_to_image, places
from medtorch.models.detection.losses import generalized_box_iou_loss, sigmoid_focal_loss
from medtorch.models.detection.matching import BELOW, BETWEEN, BoxCoder, Matcher
from medtorch.models.detection.pyramid import LastLevelP6P7, rename_convs, resnet_pyramid
from medtorch.models.detection.rcnn import MEAN, STD, Found, check_untrained
from medtorch.models.detection.rpn import by_box, narrow
from medtorch.models.detection.transform import GeneralizedRCNNTransform, Sizes, Target, check_targets
from medtorch.models.resnet import resnet50
from medtorch.nn import functional as F


class _Head(nn.Module):
    """Four convolutions, then `numbers` for each box of each pixel of each level."""

    def __init__(self, in_channels: int, norm_layer: Layer | None) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(ConvNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4))
        )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        if not any(key.startswith(f"{prefix}conv.0.0.") for key in state_dict):  # of torchvision before 0.12
            rename_convs(state_dict, {f"{prefix}conv.{2 * i}.": f"{prefix}conv.{i}.0." for i in range(4)})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _of_levels(self, x: Sequence[Tensor], last: nn.Module, numbers: int) -> Tensor:
        return cat([by_box(last(self.conv(features)), numbers) for features in x], 1)


class RetinaNetClassificationHead(_Head):
    """A score for each class; with fresh weights each has the `prior_probability`."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        prior_probability: float = 0.01,
        norm_layer: Layer | None = None,
    ) -> None:
        super().__init__(in_channels, norm_layer)
        self.num_classes = num_classes
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, 1, 1)
        narrow(self)
        if self.cls_logits.bias is not None:
            nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))

    def compute_loss(self, targets: Sequence[Target], scores: Tensor, matches: Sequence[Tensor]) -> Tensor:
        """The focal loss of all boxes, over the number of those with something inside; the mean of the images."""
        losses = []
        for target, score, match in zip(targets, scores, matches, strict=True):
            inside = places(match >= 0)
            wanted = score.new_zeros(score.shape)
            if len(inside):
                wanted[inside, target["labels"][match[inside]]] = 1.0
            counted = places(match != BETWEEN)
            loss = sigmoid_focal_loss(score[counted], wanted[counted], reduction="sum")
            losses.append(loss / max(1, len(inside)))
        return sum(losses[1:], start=losses[0]) / len(targets)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return self._of_levels(x, self.cls_logits, self.num_classes)


class RetinaNetRegressionHead(_Head):
    """Four differences for each box. Their loss is "l1" or, of the boxes they make, "giou"."""

    def __init__(
        self, in_channels: int, num_anchors: int, norm_layer: Layer | None = None, loss_type: str = "l1"
    ) -> None:
        super().__init__(in_channels, norm_layer)
        if loss_type not in ("l1", "giou"):
            raise ArgumentError(f"RetinaNetRegressionHead: loss_type must be 'l1' or 'giou', got {loss_type!r}")
        self.bbox_reg = nn.Conv2d(in_channels, 4 * num_anchors, 3, 1, 1)
        self.box_coder, self.loss_type = BoxCoder((1.0, 1.0, 1.0, 1.0)), loss_type
        narrow(self)

    def compute_loss(
        self, targets: Sequence[Target], codes: Tensor, anchors: Sequence[Tensor], matches: Sequence[Tensor]
    ) -> Tensor:
        """How far the boxes with something inside lie from the truth, over their number; the mean of the images."""
        losses = []
        for target, code, boxes, match in zip(targets, codes, anchors, matches, strict=True):
            inside = places(match >= 0)
            truth = target["boxes"][match[inside]].to(code.dtype)
            losses.append(self._far(code[inside], boxes[inside], truth) / max(1, len(inside)))
        return sum(losses[1:], start=losses[0]) / max(1, len(targets))

    def _far(self, code: Tensor, boxes: Tensor, truth: Tensor) -> Tensor:
        if self.loss_type == "l1":
            return F.l1_loss(code, self.box_coder.encode_single(truth, boxes), reduction="sum")
        return generalized_box_iou_loss(self.box_coder.decode_single(code, boxes), truth, reduction="sum")

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        return self._of_levels(x, self.bbox_reg, 4)


class RetinaNetHead(nn.Module):
    """Scores and differences of all boxes of all levels."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        norm_layer: Layer | None = None,
        loss_type: str = "l1",
    ) -> None:
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, norm_layer, loss_type)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}


class RetinaNet(nn.Module):
    """Every box of every level named and moved at once.

    Shapes    images (3, h, w) with numbers in [0, 1], of any sizes -> for each image a dict: "boxes" (k, 4), "scores"
              and "labels" (k,), from the highest score; while training, with targets (boxes and labels), losses by
              name
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: nn.Module | None = None,
        proposal_matcher: Matcher | None = None,
        score_thresh: float = 0.05,
        nms_thresh: float = 0.5,
        detections_per_img: int = 300,
        fg_iou_thresh: float = 0.5,
        bg_iou_thresh: float = 0.4,
        topk_candidates: int = 1000,
        size_divisible: int = 32,
        fixed_size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        width = getattr(backbone, "out_channels", None)
        if not isinstance(width, int):
            raise ArgumentError(f"RetinaNet: {type(backbone).__name__} does not tell its width as out_channels")
        self.backbone = backbone
        self.anchor_generator = _anchors() if anchor_generator is None else anchor_generator
        numbers = self.anchor_generator.num_anchors_per_location()[0]
        self.head = RetinaNetHead(width, numbers, num_classes) if head is None else head
        self.proposal_matcher = proposal_matcher or Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.transform = GeneralizedRCNNTransform(
            min_size, max_size, image_mean or MEAN, image_std or STD, size_divisible, fixed_size
        )
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def forward(self, images: Sequence[Tensor], targets: Sequence[Mapping[str, Tensor]] | None = None) -> Found:
        if self.training:
            check_targets(images, targets, "RetinaNet")
        originals = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, told = self.transform(images, targets if self.training else None)
        features = self.backbone(batch.tensors)
        levels = [features] if isinstance(features, Tensor) else list(features.values())
        predicted = self.head(levels)
        anchors = self.anchor_generator(batch, levels)
        if told is not None:
            return self._losses(told, predicted, anchors)
        boxes_of_pixel = self.anchor_generator.num_anchors_per_location()
        pairs = zip(levels, boxes_of_pixel, strict=True)
        numbers = [int(level.shape[-2] * level.shape[-1] * n) for level, n in pairs]
        found = self._detected(predicted, anchors, batch.image_sizes, numbers)
        return self.transform.postprocess(found, batch.image_sizes, originals)

    def _losses(
        self, targets: Sequence[Target], predicted: Mapping[str, Tensor], anchors: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        matches = []
        for boxes, target in zip(anchors, targets, strict=True):
            if len(target["boxes"]):
                matches.append(self.proposal_matcher(box_iou(target["boxes"].to(boxes.dtype), boxes)))
            else:
                matches.append(target["labels"].new_full((len(boxes),), BELOW))
        classes, codes = predicted["cls_logits"], predicted["bbox_regression"]
        return {
            "classification": self.head.classification_head.compute_loss(targets, classes, matches),
            "bbox_regression": self.head.regression_head.compute_loss(targets, codes, anchors, matches),
        }

    def _detected(
        self, predicted: Mapping[str, Tensor], anchors: Sequence[Tensor], sizes: Sizes, numbers: Sequence[int]
    ) -> list[Target]:
        found = []
        for i, size in enumerate(sizes):
            classes, codes = (predicted[name][i].split(numbers) for name in ("cls_logits", "bbox_regression"))
            told = zip(classes, codes, anchors[i].split(numbers), strict=True)
            parts = [self._best(*level, size) for level in told]
            boxes, scores, labels = (cat([part[k] for part in parts]) for k in range(3))
            kept = batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
            found.append({"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]})
        return found

    def _best(
        self, classes: Tensor, codes: Tensor, anchors: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        scores = classes.sigmoid().flatten()
        likely = places(scores > self.score_thresh)
        best, order = scores[likely].topk(min(self.topk_candidates, len(likely)))
        place = likely[order]
        number = classes.shape[-1]
        box = place // number
        boxes = clip_boxes_to_image(self.box_coder.decode_single(codes[box], anchors[box]), size)
        return boxes, best, place % number


def _anchors() -> AnchorGenerator:
    sizes = [(x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512)]
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


def retinanet_resnet50_fpn(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> RetinaNet:
    """RetinaNet over 50 layers."""
    check_untrained("retinanet_resnet50_fpn", weights_backbone, trainable_backbone_layers)
    backbone = resnet_pyramid(resnet50(), (2, 3, 4), LastLevelP6P7(256, 256))
    return RetinaNet(backbone, num_classes, **config)


def retinanet_resnet50_fpn_v2(
    num_classes: int = 91, weights_backbone: None = None, trainable_backbone_layers: int | None = None, **config: Any
) -> RetinaNet:
    """RetinaNet over 50 layers, with norms in its heads and the overlap as its loss."""
    check_untrained("retinanet_resnet50_fpn_v2", weights_backbone, trainable_backbone_layers)
    backbone = resnet_pyramid(resnet50(), (2, 3, 4), LastLevelP6P7(2048, 256))
    anchors = _anchors()
    numbers = anchors.num_anchors_per_location()[0]
    head = RetinaNetHead(256, numbers, num_classes, partial(nn.GroupNorm, 32), "giou")
    return RetinaNet(backbone, num_classes, **{"anchor_generator": anchors, "head": head, **config})
