"""Two blocks of two 3x3 convolutions, and one linear layer: the smallest VGG.

Source    Simonyan & Zisserman, Very deep convolutional networks, ICLR 2015, cut down as in the CNN Explainer
          (Wang et al. 2020)
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

from medtorch import nn
from medtorch.core.tensor import Tensor


class TinyVGG(nn.Module):
    """Shapes    (n, in_channels, image_size, image_size) -> (n, num_classes)"""

    def __init__(self, num_classes: int = 3, in_channels: int = 3, hidden: int = 10, image_size: int = 64) -> None:
        super().__init__()
        self.conv_block_1 = _block(in_channels, hidden)
        self.conv_block_2 = _block(hidden, hidden)
        side = ((image_size - 4) // 2 - 4) // 2
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(hidden * side * side, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.conv_block_2(self.conv_block_1(x)))  # type: ignore[no-any-return]


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3),
        nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def tinyvgg(num_classes: int = 3, in_channels: int = 3, hidden: int = 10, image_size: int = 64) -> TinyVGG:
    """TinyVGG."""
    return TinyVGG(num_classes, in_channels, hidden, image_size)
