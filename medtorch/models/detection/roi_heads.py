"""What is in each proposed box, where exactly, and its outline.

Source    Girshick, Fast R-CNN, ICCV 2015; He et al., Mask R-CNN, ICCV 2017; semantics of
          torchvision.models.detection.roi_heads
Requires  REQ-F-MOD-035
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medtorch import nn
from medtorch.core.creation import arange
from medtorch.core.dtypes import int64
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DtypeError
from medtorch.models.detection.boxes import batched_nms, box_iou, clip_boxes_to_image, places, remove_small_boxes
from medtorch.models.detection.matching import BELOW, BETWEEN, BalancedPositiveNegativeSampler, BoxCoder, Matcher
from medtorch.models.detection.roi_align import MultiScaleRoIAlign, roi_align
from medtorch.models.detection.transform import Sizes, Target
from medtorch.nn import functional as F

_SMALLEST = 1e-2  # side of a box, in pixels


class RoIHeads(nn.Module):
    """Classes, boxes and, with a mask head, outlines of what is in proposed boxes; while training the losses.

    Shapes    features by name, boxes of each image, sizes, targets -> for each image boxes (k, 4), labels, scores (k,)
              and masks (k, 1, m, m); losses by name
    """

    def __init__(
        self,
        box_roi_pool: MultiScaleRoIAlign,
        box_head: nn.Module,
        box_predictor: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: Sequence[float] | None,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: MultiScaleRoIAlign | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.box_coder = BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool, self.box_head, self.box_predictor = box_roi_pool, box_head, box_predictor
        self.score_thresh, self.nms_thresh, self.detections_per_img = score_thresh, nms_thresh, detections_per_img
        self.mask_roi_pool, self.mask_head, self.mask_predictor = mask_roi_pool, mask_head, mask_predictor

    def forward(
        self,
        features: Mapping[str, Tensor],
        proposals: Sequence[Tensor],
        image_shapes: Sizes,
        targets: Sequence[Target] | None = None,
    ) -> tuple[list[Target], dict[str, Tensor]]:
        if self.training and targets is not None:
            return [], self._learn(features, list(proposals), image_shapes, targets)
        classes, codes = self._scored(features, proposals, image_shapes)
        found = self._detected(classes, codes, proposals, image_shapes)
        if self.mask_head is not None:
            labels = cat([one["labels"] for one in found])
            scores = self._outlined(features, [one["boxes"] for one in found], image_shapes).sigmoid()
            chosen = scores[arange(len(labels), device=labels.device), labels].unsqueeze(1)
            for one, masks in zip(found, chosen.split([len(one["labels"]) for one in found]), strict=True):
                one["masks"] = masks
        return found, {}

    def _scored(self, features: Mapping[str, Tensor], boxes: Sequence[Tensor], sizes: Sizes) -> tuple[Tensor, Tensor]:
        classes, codes = self.box_predictor(self.box_head(self.box_roi_pool(features, boxes, sizes)))
        return classes, codes

    def _outlined(self, features: Mapping[str, Tensor], boxes: Sequence[Tensor], sizes: Sizes) -> Tensor:
        if self.mask_roi_pool is None or self.mask_head is None or self.mask_predictor is None:
            raise ArgumentError("RoIHeads: masks need mask_roi_pool, mask_head and mask_predictor")
        return self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, sizes)))  # type: ignore[no-any-return]

    def _detected(self, classes: Tensor, codes: Tensor, proposals: Sequence[Tensor], sizes: Sizes) -> list[Target]:
        numbers = [len(p) for p in proposals]
        boxes_of = self.box_coder.decode(codes, proposals).reshape(len(classes), -1, 4).split(numbers)
        scores_of = F.softmax(classes, -1).split(numbers)
        found = []
        for boxes, scores, size in zip(boxes_of, scores_of, sizes, strict=True):
            boxes = clip_boxes_to_image(boxes, size)[:, 1:].reshape(-1, 4)  # the first class is background
            count = scores.shape[1] - 1
            label = arange(1, count + 1, device=scores.device).repeat(len(scores))
            score = scores[:, 1:].reshape(-1)
            likely = places(score > self.score_thresh)
            boxes, score, label = boxes[likely], score[likely], label[likely]
            large = remove_small_boxes(boxes, _SMALLEST)
            boxes, score, label = boxes[large], score[large], label[large]
            apart = batched_nms(boxes, score, label, self.nms_thresh)[: self.detections_per_img]
            found.append({"boxes": boxes[apart], "labels": label[apart], "scores": score[apart]})
        return found

    def _learn(
        self, features: Mapping[str, Tensor], proposals: list[Tensor], sizes: Sizes, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        _check(targets, masks=self.mask_head is not None)
        dtype = proposals[0].dtype
        truths = [t["boxes"].to(dtype) for t in targets]
        proposals = [cat((p, t)) for p, t in zip(proposals, truths, strict=True)]
        matches, labels = self._assigned(proposals, truths, [t["labels"] for t in targets])
        inside, background = self.fg_bg_sampler(labels)
        wanted = []
        for i, (a, b) in enumerate(zip(inside, background, strict=True)):
            sampled = places(a + b)
            proposals[i], labels[i], matches[i] = proposals[i][sampled], labels[i][sampled], matches[i][sampled]
            truth = truths[i] if len(truths[i]) else truths[i].new_zeros((1, 4))
            wanted.append(truth[matches[i]])
        classes, codes = self._scored(features, proposals, sizes)
        losses = fastrcnn_loss(classes, codes, labels, self.box_coder.encode(wanted, proposals))
        if self.mask_head is not None:
            losses["loss_mask"] = self._mask_loss(features, proposals, sizes, targets, matches, labels)
        return losses

    def _assigned(
        self, proposals: Sequence[Tensor], truths: Sequence[Tensor], labels: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        found, named = [], []
        for boxes, truth, label in zip(proposals, truths, labels, strict=True):
            if not len(truth):
                nothing = boxes.new_zeros((len(boxes),)).to(int64)
                found.append(nothing)
                named.append(nothing.clone())
                continue
            matches = self.proposal_matcher(box_iou(truth, boxes))
            nearest = matches.clamp(min=0)
            name = label[nearest].to(int64)
            name[matches == BELOW] = 0
            name[matches == BETWEEN] = -1
            found.append(nearest)
            named.append(name)
        return found, named

    def _mask_loss(
        self,
        features: Mapping[str, Tensor],
        proposals: Sequence[Tensor],
        sizes: Sizes,
        targets: Sequence[Target],
        matches: Sequence[Tensor],
        labels: Sequence[Tensor],
    ) -> Tensor:
        inside = [places(one > 0) for one in labels]
        boxes = [p[at] for p, at in zip(proposals, inside, strict=True)]
        scores = self._outlined(features, boxes, sizes)
        side = scores.shape[-1]
        outlines, names = [], []
        for target, box, match, at in zip(targets, boxes, matches, inside, strict=True):
            masks = target["masks"].unsqueeze(1).to(box.dtype)
            numbered = cat((match[at].to(box.dtype).unsqueeze(1), box), 1)
            outlines.append(roi_align(masks, numbered, (side, side), 1.0)[:, 0])
            names.append(target["labels"][match[at]])
        outline, name = cat(outlines), cat(names)
        if outline.numel() == 0:
            return scores.sum() * 0
        return F.binary_cross_entropy_with_logits(scores[arange(len(name), device=name.device), name], outline)


def _check(targets: Sequence[Target], masks: bool) -> None:
    for i, target in enumerate(targets):
        if not target["boxes"].dtype.is_floating_point or target["labels"].dtype is not int64:
            raise DtypeError(
                f"RoIHeads: target {i} needs floating point boxes and int64 labels, got {target['boxes'].dtype}, "
                f"{target['labels'].dtype}"
            )
        if masks and "masks" not in target:
            raise ArgumentError(f"RoIHeads: target {i} needs masks")


def fastrcnn_loss(
    class_logits: Tensor, box_regression: Tensor, labels: Sequence[Tensor], regression_targets: Sequence[Tensor]
) -> dict[str, Tensor]:
    """Cross entropy of the classes, and how far boxes with something inside lie from the truth."""
    label, wanted = cat(list(labels)), cat(list(regression_targets))
    inside = places(label > 0)
    boxes = box_regression.reshape(len(class_logits), -1, 4)[inside, label[inside]]
    far = F.smooth_l1_loss(boxes, wanted[inside], beta=1 / 9, reduction="sum") / label.numel()
    return {"loss_classifier": F.cross_entropy(class_logits, label), "loss_box_reg": far}
