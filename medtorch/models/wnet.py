"""W-Net: two small U-Nets in a row; the second sees the image and what the first one thought.

Source    Galdran et al., State-of-the-art retinal vessel segmentation with minimalistic models, Sci. Rep. 12, 2022
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor


class ConvBlock(nn.Module):
    """Two 3x3 convolutions (after 2x2 max pooling, if asked) plus a 1x1 shortcut."""

    def __init__(self, in_channels: int, out_channels: int, *, pool: bool) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()
        self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels))
        self.block = nn.Sequential(*_conv(in_channels, out_channels), *_conv(out_channels, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(x)
        return self.block(x) + self.shortcut(x)  # type: ignore[no-any-return]


class Up(nn.Module):
    """A 2x2 transposed convolution with stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)  # type: ignore[no-any-return]


class Bridge(nn.Module):
    """A 3x3 convolution on the way across."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(*_conv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)  # type: ignore[no-any-return]


class UpBlock(nn.Module):
    """Up, beside what comes across the bridge, then a block."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.up_layer = Up(in_channels, out_channels)
        self.conv_layer = ConvBlock(2 * out_channels, out_channels, pool=False)
        self.conv_bridge_layer = Bridge(out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.conv_layer(cat((self.up_layer(x), self.conv_bridge_layer(skip)), 1))  # type: ignore[no-any-return]


class SmallUNet(nn.Module):
    """Shapes    (n, in_channels, h, w) -> (n, num_classes, h, w), h and w multiples of 2^(number of widths - 1)"""

    def __init__(self, in_channels: int, num_classes: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.first = ConvBlock(in_channels, widths[0], pool=False)
        pairs = list(itertools.pairwise(widths))
        self.down_path = nn.ModuleList(ConvBlock(a, b, pool=True) for a, b in pairs)
        self.up_path = nn.ModuleList(UpBlock(b, a) for a, b in reversed(pairs))
        self.final = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        levels = [self.first(x)]
        for down in self.down_path:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.up_path:
            x = up(x, levels.pop())
        return self.final(x)  # type: ignore[no-any-return]


class WNet(nn.Module):
    """Shapes    (n, in_channels, h, w) -> logits (n, num_classes, h, w); in training those of both nets in turn"""

    def __init__(self, num_classes: int = 1, in_channels: int = 3, widths: Sequence[int] = (8, 16, 32)) -> None:
        super().__init__()
        self.unet1 = SmallUNet(in_channels, num_classes, widths)
        self.unet2 = SmallUNet(in_channels + num_classes, num_classes, widths)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        first = self.unet1(x)
        last = self.unet2(cat((x, first), 1))
        return (first, last) if self.training else last


def _conv(in_channels: int, out_channels: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(out_channels)


def wnet(num_classes: int = 1, in_channels: int = 3, widths: Sequence[int] = (8, 16, 32)) -> WNet:
    """W-Net."""
    return WNet(num_classes, in_channels, widths)
