"""ESPNet: segmentation with a pyramid of dilated convolutions, cheap enough for small machines.

Source    Mehta et al., ESPNet: efficient spatial pyramid of dilated convolutions for semantic segmentation, ECCV 2018
Requires  REQ-F-MOD-003
"""

from __future__ import annotations

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor

_EPS = 1e-3


class Conv(nn.Module):
    """A convolution without bias that keeps the size at stride 1."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = (kernel_size - 1) // 2 * dilation
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]


class NormAct(nn.Module):
    """Batch norm, then PReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels, eps=_EPS)
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(x))  # type: ignore[no-any-return]


class ConvNormAct(nn.Module):
    """A convolution without bias, batch norm, PReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=_EPS)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class Pyramid(nn.Module):
    """Reduce to few channels, convolve at dilations 1 to 16, add the branches up in steps, put them side by side."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        few = out_channels // 5
        rest = out_channels - 4 * few
        self.c1 = Conv(in_channels, few, kernel_size, stride)
        self.d1 = Conv(few, rest, 3)
        self.d2 = Conv(few, few, 3, dilation=2)
        self.d4 = Conv(few, few, 3, dilation=4)
        self.d8 = Conv(few, few, 3, dilation=8)
        self.d16 = Conv(few, few, 3, dilation=16)

    def branches(self, x: Tensor) -> Tensor:
        reduced = self.c1(x)
        add2 = self.d2(reduced)
        add4 = add2 + self.d4(reduced)
        add8 = add4 + self.d8(reduced)
        return cat((self.d1(reduced), add2, add4, add8, add8 + self.d16(reduced)), 1)


class DownSampler(Pyramid):
    """The pyramid at stride 2, then batch norm and PReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 2)
        self.bn = nn.BatchNorm2d(out_channels, eps=_EPS)
        self.act = nn.PReLU(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.branches(x)))  # type: ignore[no-any-return]


class PyramidBlock(Pyramid):
    """The pyramid, beside its input where `add`, then batch norm and PReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, add: bool = True) -> None:
        super().__init__(in_channels, out_channels, 1, 1)
        self.bn = NormAct(out_channels)
        self.add = add

    def forward(self, x: Tensor) -> Tensor:
        out = self.branches(x)
        return self.bn(x + out if self.add else out)  # type: ignore[no-any-return]


class Shrink(nn.Module):
    """The image at half its size, `times` times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.pool = nn.ModuleList(nn.AvgPool2d(3, 2, 1) for _ in range(times))

    def forward(self, x: Tensor) -> Tensor:
        for pool in self.pool:
            x = pool(x)
        return x


class ESPNetEncoder(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes, h/8, w/8), h and w multiples of 8"""

    def __init__(self, num_classes: int = 20, p: int = 2, q: int = 8) -> None:
        super().__init__()
        self.level1 = ConvNormAct(3, 16, 3, 2)
        self.sample1 = Shrink(1)
        self.sample2 = Shrink(2)
        self.b1 = NormAct(16 + 3)
        self.level2_0 = DownSampler(16 + 3, 64)
        self.level2 = nn.ModuleList(PyramidBlock(64, 64) for _ in range(p))
        self.b2 = NormAct(128 + 3)
        self.level3_0 = DownSampler(128 + 3, 128)
        self.level3 = nn.ModuleList(PyramidBlock(128, 128) for _ in range(q))
        self.b3 = NormAct(256)
        self.classifier = Conv(256, num_classes, 1)

    def levels(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is seen at a half, a quarter and an eighth of the size; the last as class scores."""
        half = self.level1(x)
        quarter = first = self.level2_0(self.b1(cat((half, self.sample1(x)), 1)))
        for block in self.level2:
            quarter = block(quarter)
        both = self.b2(cat((quarter, first, self.sample2(x)), 1))
        eighth = start = self.level3_0(both)
        for block in self.level3:
            eighth = block(eighth)
        return half, both, self.classifier(self.b3(cat((start, eighth), 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.levels(x)[2]


class ESPNet(nn.Module):
    """Shapes    (n, 3, h, w) -> (n, num_classes, h, w), h and w multiples of 8"""

    def __init__(self, num_classes: int = 20, p: int = 2, q: int = 3) -> None:
        super().__init__()
        k = num_classes
        self.encoder = ESPNetEncoder(k, p, q)
        self.level3_C = Conv(128 + 3, k, 1)
        self.br = nn.BatchNorm2d(k, eps=_EPS)
        self.conv = ConvNormAct(16 + k, k, 3)
        self.up_l3 = nn.Sequential(nn.ConvTranspose2d(k, k, 2, stride=2, bias=False))
        self.combine_l2_l3 = nn.Sequential(NormAct(2 * k), PyramidBlock(2 * k, k, add=False))
        self.up_l2 = nn.Sequential(nn.ConvTranspose2d(k, k, 2, stride=2, bias=False), NormAct(k))
        self.classifier = nn.ConvTranspose2d(k, k, 2, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        half, quarter, eighth = self.encoder.levels(x)
        coarse = self.up_l3(self.br(eighth))
        fine = self.up_l2(self.combine_l2_l3(cat((self.level3_C(quarter), coarse), 1)))
        return self.classifier(self.conv(cat((fine, half), 1)))  # type: ignore[no-any-return]


def espnet(num_classes: int = 20, p: int = 2, q: int = 3) -> ESPNet:
    """ESPNet, encoder and decoder."""
    return ESPNet(num_classes, p, q)


def espnet_encoder(num_classes: int = 20, p: int = 2, q: int = 8) -> ESPNetEncoder:
    """ESPNet's encoder alone."""
    return ESPNetEncoder(num_classes, p, q)
