"""VGG under torchvision's keys.

Source    Simonyan & Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015, table 1
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.models.blocks import fresh_weights

_WIDTHS = (64, 128, 256, 512, 512)
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """Shapes    (n, 3, h, w), h and w at least 32 -> (n, num_classes)"""

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            fresh_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def features(depths: Sequence[int], batch_norm: bool) -> nn.Sequential:
    """Stages of 3x3 convolutions, `depths[i]` in stage i, each stage closed by max pooling."""
    made: list[nn.Module] = []
    before = 3
    for width, depth in zip(_WIDTHS, depths, strict=True):
        for _ in range(depth):
            made.append(nn.Conv2d(before, width, 3, padding=1))
            made += [nn.BatchNorm2d(width)] if batch_norm else []
            made.append(nn.ReLU(inplace=True))
            before = width
        made.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*made)


def vgg11(**config: Any) -> VGG:
    """11 layers."""
    return VGG(features(_DEPTHS[11], False), **config)


def vgg11_bn(**config: Any) -> VGG:
    """11 layers, batch norm."""
    return VGG(features(_DEPTHS[11], True), **config)


def vgg13(**config: Any) -> VGG:
    """13 layers."""
    return VGG(features(_DEPTHS[13], False), **config)


def vgg13_bn(**config: Any) -> VGG:
    """13 layers, batch norm."""
    return VGG(features(_DEPTHS[13], True), **config)


def vgg16(**config: Any) -> VGG:
    """16 layers."""
    return VGG(features(_DEPTHS[16], False), **config)


def vgg16_bn(**config: Any) -> VGG:
    """16 layers, batch norm."""
    return VGG(features(_DEPTHS[16], True), **config)


def vgg19(**config: Any) -> VGG:
    """19 layers."""
    return VGG(features(_DEPTHS[19], False), **config)


def vgg19_bn(**config: Any) -> VGG:
    """19 layers, batch norm."""
    return VGG(features(_DEPTHS[19], True), **config)
