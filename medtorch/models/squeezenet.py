"""SqueezeNet under torchvision's keys.

Source    Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv 1602.07360, 2016
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat, flatten
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError


class Fire(nn.Module):
    """Few channels, then 1x1 and 3x3 convolutions of them side by side."""

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        one, three = self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))
        return cat((one, three), 1)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)


def _fire(inplanes: int, squeeze: int, expand: int) -> Fire:
    return Fire(inplanes, squeeze, expand, expand)


class SqueezeNet(nn.Module):
    """Shapes    (n, 3, h, w), h and w at least 21 -> (n, num_classes)"""

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in ("1_0", "1_1"):
            raise ArgumentError(f"SqueezeNet: version must be '1_0' or '1_1', got {version!r}")
        self.num_classes = num_classes
        self.features = _version_1_0() if version == "1_0" else _version_1_1()
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1)))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                if m is last:
                    nn.init.normal_(m.weight, 0.0, 0.01)
                else:
                    nn.init.kaiming_uniform_(m.weight)
                if m.bias is not None:
                    nn.init.zeros_(m.bias)

    def forward(self, x: Tensor) -> Tensor:
        return flatten(self.classifier(self.features(x)), 1)


def _version_1_0() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 7, 2), nn.ReLU(inplace=True), _pool()),
        *(_fire(96, 16, 64), _fire(128, 16, 64), _fire(128, 32, 128), _pool()),
        *(_fire(256, 32, 128), _fire(256, 48, 192), _fire(384, 48, 192), _fire(384, 64, 256), _pool()),
        _fire(512, 64, 256),
    )


def _version_1_1() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 3, 2), nn.ReLU(inplace=True), _pool()),
        *(_fire(64, 16, 64), _fire(128, 16, 64), _pool()),
        *(_fire(128, 32, 128), _fire(256, 32, 128), _pool()),
        *(_fire(256, 48, 192), _fire(384, 48, 192), _fire(384, 64, 256), _fire(512, 64, 256)),
    )


def squeezenet1_0(**config: Any) -> SqueezeNet:
    """The paper's."""
    return SqueezeNet("1_0", **config)


def squeezenet1_1(**config: Any) -> SqueezeNet:
    """Pools earlier: less than half the work."""
    return SqueezeNet("1_1", **config)
