"""LeNet with max pooling and ReLU, for 32x32 images of one channel.

Source    LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE 86(11), 1998
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

from medtorch import nn
from medtorch.core.ops.shape import flatten
from medtorch.core.tensor import Tensor


class LeNet(nn.Module):
    """Shapes    (n, in_channels, 32, 32) -> (n, num_classes)"""

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.ReLU()
        )
        self.classifier = nn.Sequential(
            nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(flatten(self.convs(x), 1))  # type: ignore[no-any-return]


def lenet(num_classes: int = 10, in_channels: int = 1) -> LeNet:
    """LeNet."""
    return LeNet(num_classes, in_channels)
