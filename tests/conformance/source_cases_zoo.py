"""Model files of timm and of segmentation_models_pytorch, one of a family."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from tests.conformance.source_cases import Case

TIMM = (
    "resnet26d",
    "convnext_atto",
    "vit_tiny_patch16_224",
    "efficientnet_b0",
    "mobilenetv3_small_050",
    "regnetx_002",
    "swin_tiny_patch4_window7_224",
    "densenet121",
)
SMP = ("Unet", "UnetPlusPlus", "FPN", "PSPNet", "Linknet", "DeepLabV3", "DeepLabV3Plus", "MAnet", "PAN")


def timm_models() -> Iterator[Case]:
    """Classifiers of timm."""
    import timm  # noqa: PLC0415

    for name in TIMM:
        size = 224 if "224" in name else 64
        build = functools.partial(timm.create_model, name, pretrained=False, num_classes=7)
        yield Case("timm", name, build, ((1, 3, size, size),))


def smp_models() -> Iterator[Case]:
    """Segmenters of segmentation_models_pytorch over a resnet18."""
    import segmentation_models_pytorch as smp  # noqa: PLC0415

    for name in SMP:
        build = functools.partial(getattr(smp, name), encoder_name="resnet18", encoder_weights=None, classes=3)
        yield Case("segmentation_models_pytorch", name, build, ((2, 3, 64, 64),))
