"""Detectors and what they are made of, under torchvision's names and keys: those of torchvision.models.detection and of
torchvision.ops.

Source    semantics of torchvision 0.28
Requires  REQ-F-MOD-034, REQ-F-MOD-035
"""

from __future__ import annotations

from medtorch.models.blocks import ConvNormActivation, SqueezeExcitation, StochasticDepth
from medtorch.models.detection.anchors import AnchorGenerator
from medtorch.models.detection.boxes import (
    batched_nms,
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    generalized_box_iou,
    masks_to_boxes,
    nms,
    remove_small_boxes,
)
from medtorch.models.detection.losses import generalized_box_iou_loss, sigmoid_focal_loss
from medtorch.models.detection.pyramid import BackboneWithFPN, FeaturePyramidNetwork, FrozenBatchNorm2d
from medtorch.models.detection.rcnn import (
    FasterRCNN,
    MaskRCNN,
    fasterrcnn_mobilenet_v3_large_320_fpn,
    fasterrcnn_mobilenet_v3_large_fpn,
    fasterrcnn_resnet50_fpn,
    fasterrcnn_resnet50_fpn_v2,
    maskrcnn_resnet50_fpn,
    maskrcnn_resnet50_fpn_v2,
)
from medtorch.models.detection.retinanet import RetinaNet, retinanet_resnet50_fpn, retinanet_resnet50_fpn_v2
from medtorch.models.detection.roi_align import MultiScaleRoIAlign, RoIAlign, roi_align

__all__ = [
    "AnchorGenerator",
    "BackboneWithFPN",
    "ConvNormActivation",
    "FasterRCNN",
    "FeaturePyramidNetwork",
    "FrozenBatchNorm2d",
    "MaskRCNN",
    "MultiScaleRoIAlign",
    "RetinaNet",
    "RoIAlign",
    "SqueezeExcitation",
    "StochasticDepth",
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "generalized_box_iou",
    "generalized_box_iou_loss",
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "roi_align",
    "sigmoid_focal_loss",
]
