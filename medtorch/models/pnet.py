"""The proposal network of MTCNN: fully convolutional, two outputs.

Source    Zhang et al., Joint face detection and alignment using multi-task cascaded convolutional networks,
          IEEE SPL 2016
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

from medtorch import nn
from medtorch.core.tensor import Tensor


class PNet(nn.Module):
    """Shapes    (n, 3, h, w) -> boxes (n, 4, h', w') and probabilities (n, 2, h', w')"""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 10, 3)
        self.prelu1 = nn.PReLU(10)
        self.pool1 = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2 = nn.Conv2d(10, 16, 3)
        self.prelu2 = nn.PReLU(16)
        self.conv3 = nn.Conv2d(16, 32, 3)
        self.prelu3 = nn.PReLU(32)
        self.conv4_1 = nn.Conv2d(32, 2, 1)
        self.softmax4_1 = nn.Softmax(dim=1)
        self.conv4_2 = nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.pool1(self.prelu1(self.conv1(x)))
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_2(x), self.softmax4_1(self.conv4_1(x))


def pnet() -> PNet:
    """P-Net."""
    return PNet()
