"""AlexNet under torchvision's keys.

Source    Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997, 2014
Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor


class AlexNet(nn.Module):
    """Shapes    (n, 3, h, w), h and w at least 63 -> (n, num_classes)"""

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2)),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            *(nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True)),
            *(nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.avgpool(self.features(x)), 1))  # type: ignore[no-any-return]


def alexnet(**config: Any) -> AlexNet:
    """AlexNet."""
    return AlexNet(**config)
