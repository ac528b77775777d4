"""torchvision's own model files: every builder that `list_models` names, but the quantised ones and optical flow."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
import torchvision

from tests.conformance.source_cases import Case

DIFFERENTIATED = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet1_0", "mobilenet_v2", "mobilenet_v3_large", "regnet_x_400mf", "regnet_y_400mf", "resnet18"),
    *(
        "resnet50",
        "resnext50_32x4d",
        "shufflenet_v2_x1_0",
        "squeezenet1_1",
        "swin_t",
        "swin_v2_t",
        "vgg11_bn",
        "vit_b_32",
    ),
)
"""One or two of a family: of these the gradients are compared, too."""
SIZES = {"inception_v3": 96, "maxvit_t": 224, "vit_h_14": 56, "alexnet": 80, "googlenet": 64}
"""The smallest inputs that these take; all others are given 64 x 64."""


def _names(module: Any) -> list[str]:
    return [n for n in torchvision.models.list_models(module=module) if not n.startswith("quantized_")]


def _built(name: str, **options: Any) -> Any:
    if name.startswith("vit_"):
        options["image_size"] = SIZES.get(name, 64)
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    return torchvision.models.get_model(name, weights=None, **options)


def classifiers() -> Iterator[Case]:
    """Classifiers of images."""
    for name in sorted(_names(torchvision.models), key=lambda n: n not in DIFFERENTIATED):
        size = SIZES.get(name, 64)
        yield Case(
            "torchvision classifiers",
            name,
            functools.partial(_built, name, num_classes=10),
            ((2, 3, size, size),),
            gradients=name in DIFFERENTIATED,
        )


def segmenters() -> Iterator[Case]:
    """Segmenters, with their auxiliary heads."""
    for name in _names(torchvision.models.segmentation):
        build = functools.partial(_built, name, num_classes=5, weights_backbone=None)
        yield Case("torchvision segmenters", name, build, ((1, 3, 64, 64),))


VIDEO_SHAPES = {
    "mvit_v1_b": (1, 3, 16, 224, 224),
    "mvit_v2_s": (1, 3, 16, 224, 224),
    "s3d": (1, 3, 16, 224, 224),
}


def video() -> Iterator[Case]:
    """Classifiers of clips."""
    for name in _names(torchvision.models.video):
        shape = VIDEO_SHAPES.get(name, (1, 3, 8, 64, 64))
        build = functools.partial(_built, name, num_classes=5)
        yield Case("torchvision video", name, build, (shape,), gradients=shape[-1] == 64)


def detection() -> Iterator[Case]:
    """Detectors; the input is a list of images of different sizes."""
    for name in _names(torchvision.models.detection):
        build = functools.partial(_built, name, num_classes=5, weights_backbone=None, **_small(name))
        shapes = ((3, 96, 128), (3, 128, 100))
        options = {"gradients": False, "prepare": _as_list, "exact": True, "damped": ("head", "rpn")}
        yield Case("torchvision detection", name, build, shapes, **options)
    yield Case("torchvision detection", "nms", lambda: _nms, ((40, 4), (40,)), gradients=False)
    yield Case("torchvision detection", "roi_align", lambda: _roi_align, ((1, 3, 16, 16), (6, 4)))


def _small(name: str) -> dict[str, Any]:
    return {} if "ssd" in name else {"min_size": 128, "max_size": 160}


def _as_list(*images: torch.Tensor) -> list[list[torch.Tensor]]:
    return [[image.sigmoid() for image in images]]


def _nms(boxes: torch.Tensor, scores: torch.Tensor) -> Any:
    low = boxes[:, :2] * 5
    return torchvision.ops.nms(torch.cat([low, low + 1 + boxes[:, 2:].abs() * 5], dim=1), scores, 0.3)


def _roi_align(features: torch.Tensor, boxes: torch.Tensor) -> Any:
    low = boxes[:, :2].abs() * 4
    rois = torch.cat([torch.zeros(len(boxes), 1), low, low + 1 + boxes[:, 2:].abs() * 4], dim=1)
    return torchvision.ops.roi_align(features, rois, (3, 3), spatial_scale=0.9, sampling_ratio=2, aligned=True)
