"""EfficientNet with the padding of the size it was designed for, under the keys of its first port to PyTorch.

Math      the padding of a convolution makes ceil(size / stride) of the size that the network was designed for, with the
          odd pixel behind; images of other sizes get the same padding
Source    Tan & Le, EfficientNet: rethinking model scaling for convolutional neural networks, ICML 2019, tables 1 and 8;
          keys of segmentation_models_pytorch.encoders
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

import math
from typing import NamedTuple

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.models.blocks import StochasticDepth, make_divisible
from medtorch.nn import functional as F


class Scale(NamedTuple):
    """How much wider and deeper than the first, and the size it was designed for."""

    width: float
    depth: float
    size: int


SCALES = {
    "efficientnet-b0": Scale(1.0, 1.0, 224),
    "efficientnet-b1": Scale(1.0, 1.1, 240),
    "efficientnet-b2": Scale(1.1, 1.2, 260),
    "efficientnet-b3": Scale(1.2, 1.4, 300),
    "efficientnet-b4": Scale(1.4, 1.8, 380),
    "efficientnet-b5": Scale(1.6, 2.2, 456),
    "efficientnet-b6": Scale(1.8, 2.6, 528),
    "efficientnet-b7": Scale(2.0, 3.1, 600),
}
# repeats, kernel, stride, expansion, channels in and out of each stage
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_DROP = 0.2  # of the last block; less before


class PaddedConv2d(nn.Conv2d):
    """A convolution that pads as an image of `size` needs."""

    def __init__(
        self, inp: int, out: int, kernel_size: int, size: int, stride: int = 1, groups: int = 1, bias: bool = False
    ) -> None:
        super().__init__(inp, out, kernel_size, stride, groups=groups, bias=bias)
        missing = max((math.ceil(size / stride) - 1) * stride + kernel_size - size, 0)
        before = missing // 2
        self.static_padding: nn.Module = nn.Identity()
        if missing:
            self.static_padding = nn.ZeroPad2d((before, missing - before) * 2)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.static_padding(x))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class MBConvBlock(nn.Module):
    """Wider, each channel alone, weighted channels, narrower; a shortcut where nothing changes."""

    def __init__(self, inp: int, out: int, kernel: int, stride: int, expansion: int, size: int, drop: float) -> None:
        super().__init__()
        wide = inp * expansion
        self._expand_conv: nn.Module = nn.Identity()
        self._bn0: nn.Module = nn.Identity()
        if expansion != 1:
            self._expand_conv, self._bn0 = PaddedConv2d(inp, wide, 1, size), _norm(wide)
        self._depthwise_conv = PaddedConv2d(wide, wide, kernel, size, stride, groups=wide)
        self._bn1 = _norm(wide)
        few = max(1, inp // 4)
        self._se_reduce = PaddedConv2d(wide, few, 1, 1, bias=True)
        self._se_expand = PaddedConv2d(few, wide, 1, 1, bias=True)
        self._project_conv = PaddedConv2d(wide, out, 1, math.ceil(size / stride))
        self._bn2 = _norm(out)
        self._swish = nn.SiLU()
        self.expanded, self.shortcut = expansion != 1, stride == 1 and inp == out
        self.drop = StochasticDepth(drop, "row")

    def forward(self, x: Tensor) -> Tensor:
        inner = self._swish(self._bn0(self._expand_conv(x))) if self.expanded else x
        inner = self._swish(self._bn1(self._depthwise_conv(inner)))
        weights = self._se_expand(self._swish(self._se_reduce(F.adaptive_avg_pool2d(inner, 1))))
        inner = self._bn2(self._project_conv(weights.sigmoid() * inner))
        return self.drop(inner) + x if self.shortcut else inner  # type: ignore[no-any-return]


class EfficientNetFeatures(nn.Module):
    """Stem, blocks and last convolution; `ends` are the blocks before each halving, `widths` what they give."""

    def __init__(self, name: str, in_channels: int) -> None:
        super().__init__()
        scale = SCALES[name]
        size, stem = scale.size, make_divisible(32 * scale.width, 8)
        self._conv_stem = PaddedConv2d(in_channels, stem, 3, size, stride=2)
        self._bn0 = _norm(stem)
        size = math.ceil(size / 2)
        rows = []
        for repeats, kernel, stride, expansion, inp, out in _STAGES:
            narrow, wide = (make_divisible(width * scale.width, 8) for width in (inp, out))
            for i in range(math.ceil(repeats * scale.depth)):
                step = stride if i == 0 else 1
                rows.append((wide if i else narrow, wide, kernel, step, expansion, size))
                size = math.ceil(size / step)
        self._blocks = nn.ModuleList(MBConvBlock(*row, _DROP * i / len(rows)) for i, row in enumerate(rows))
        head = make_divisible(1280 * scale.width, 8)
        self._conv_head = PaddedConv2d(rows[-1][1], head, 1, size)
        self._bn1 = _norm(head)
        self._swish = nn.SiLU()
        halvings = [i for i, row in enumerate(rows) if row[3] == 2]
        self.ends = [i - 1 for i in halvings[1:]] + [len(rows) - 1]
        if name == "efficientnet-b0":
            self.ends[2] = 8  # there the origin takes the first block of the level, elsewhere the last
        self.widths = [stem, *(rows[i][1] for i in self.ends)]
