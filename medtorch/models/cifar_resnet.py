"""Residual networks for 32x32 images, whose shortcuts have no weights.

Source    He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2, shortcut option A
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor
from medtorch.models.resnet import conv3x3
from medtorch.nn import functional as F


class PaddedShortcut(nn.Module):
    """Every second pixel, and zeros for the channels that are new, half of them on each side.

    Shapes    (n, c, h, w) -> (n, planes, ceil(h/2), ceil(w/2))
    """

    def __init__(self, in_planes: int, planes: int) -> None:
        super().__init__()
        self.before = (planes - in_planes) // 2
        self.after = planes - in_planes - self.before

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut without weights."""

    def __init__(self, in_planes: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_planes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Identity() if stride == 1 and in_planes == planes else PaddedShortcut(in_planes, planes)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """6n+2 layers in three stages.

    Shapes    (n, in_channels, h, w) -> (n, num_classes)
    """

    def __init__(self, blocks: int, num_classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = conv3x3(in_channels, 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, 1)
        self.layer2 = _stage(16, 32, blocks, 2)
        self.layer3 = _stage(32, 64, blocks, 2)
        self.linear = nn.Linear(64, num_classes)
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Conv2d)):
                nn.init.kaiming_normal_(m.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(flatten(F.adaptive_avg_pool2d(x, 1), 1))  # type: ignore[no-any-return]


def _stage(in_planes: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(in_planes, planes, stride)
    return nn.Sequential(first, *(BasicBlock(planes, planes, 1) for _ in range(1, blocks)))


def cifar_resnet20(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """20 layers."""
    return CifarResNet(3, num_classes, in_channels)


def cifar_resnet32(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """32 layers."""
    return CifarResNet(5, num_classes, in_channels)


def cifar_resnet44(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """44 layers."""
    return CifarResNet(7, num_classes, in_channels)


def cifar_resnet56(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """56 layers."""
    return CifarResNet(9, num_classes, in_channels)


def cifar_resnet110(num_classes: int = 10, in_channels: int = 3) -> CifarResNet:
    """110 layers."""
    return CifarResNet(18, num_classes, in_channels)
