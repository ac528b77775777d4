"""V-Net under MONAI's keys.

Source    Milletari et al., V-Net: fully convolutional neural networks for volumetric medical image segmentation,
          3DV 2016; semantics of monai.networks.nets.VNet
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.convolution import Convolution
from medtorch.models.medical.layers import Described, activation, check_dims, conv, conv_transpose, dropout, norm


def _activation(act: Described, channels: int) -> nn.Module:
    return activation(("prelu", {"num_parameters": channels}) if act == "prelu" else act)


def _conv_norm(dims: int, inp: int, out: int, bias: bool) -> Convolution:
    return Convolution(dims, inp, out, kernel_size=5, act=None, norm="batch", bias=bias)


class LUConv(nn.Module):
    """A convolution, a norm, an activation."""

    def __init__(self, spatial_dims: int, nchan: int, act: Described, bias: bool = False) -> None:
        super().__init__()
        self.act_function = _activation(act, nchan)
        self.conv_block = _conv_norm(spatial_dims, nchan, nchan, bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.act_function(self.conv_block(x))  # type: ignore[no-any-return]


def _in_a_row(dims: int, channels: int, depth: int, act: Described, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(*(LUConv(dims, channels, act, bias) for _ in range(depth)))


class InputTransition(nn.Module):
    """To the first width; the image, repeated, is the shortcut. Raises ArgumentError unless it repeats evenly."""

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, act: Described, bias: bool = False
    ) -> None:
        super().__init__()
        if out_channels % in_channels:
            raise ArgumentError(f"VNet: in_channels must divide {out_channels}, got {in_channels}")
        self.repeats = out_channels // in_channels
        self.act_function = _activation(act, out_channels)
        self.conv_block = _conv_norm(spatial_dims, in_channels, out_channels, bias)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x.repeat(1, self.repeats, *(1,) * (x.ndim - 2))
        return self.act_function(self.conv_block(x) + shortcut)  # type: ignore[no-any-return]


class DownTransition(nn.Module):
    """Half the size and twice the width, then convolutions beside a shortcut."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        nconvs: int,
        act: Described,
        dropout_prob: float | None = None,
        dropout_dim: int = 3,
        bias: bool = False,
    ) -> None:
        super().__init__()
        width = 2 * in_channels
        self.down_conv = conv(spatial_dims)(in_channels, width, kernel_size=2, stride=2, bias=bias)
        self.bn1 = norm("batch", spatial_dims, width)
        self.act_function1 = _activation(act, width)
        self.act_function2 = _activation(act, width)
        self.ops = _in_a_row(spatial_dims, width, nconvs, act, bias)
        self.dropout = None if dropout_prob is None else dropout(dropout_prob, dropout_dim)

    def forward(self, x: Tensor) -> Tensor:
        down = self.act_function1(self.bn1(self.down_conv(x)))
        out = down if self.dropout is None else self.dropout(down)
        return self.act_function2(self.ops(out) + down)  # type: ignore[no-any-return]


class UpTransition(nn.Module):
    """Twice the size, beside what the way down kept, then convolutions beside a shortcut."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        nconvs: int,
        act: Described,
        dropout_prob: Sequence[float | None] = (None, 0.5),
        dropout_dim: int = 3,
    ) -> None:
        super().__init__()
        half = out_channels // 2
        first, second = dropout_prob
        self.up_conv = conv_transpose(spatial_dims)(in_channels, half, kernel_size=2, stride=2)
        self.bn1 = norm("batch", spatial_dims, half)
        self.dropout = None if first is None else dropout(first, dropout_dim)
        self.dropout2 = dropout(0.5 if second is None else second, dropout_dim)
        self.act_function1 = _activation(act, half)
        self.act_function2 = _activation(act, out_channels)
        self.ops = _in_a_row(spatial_dims, out_channels, nconvs, act)

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        x = x if self.dropout is None else self.dropout(x)
        kept = self.dropout2(kept)
        both = cat((self.act_function1(self.bn1(self.up_conv(x))), kept), 1)
        return self.act_function2(self.ops(both) + both)  # type: ignore[no-any-return]


class OutputTransition(nn.Module):
    """Class scores."""

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, act: Described, bias: bool = False
    ) -> None:
        super().__init__()
        self.act_function1 = _activation(act, out_channels)
        self.conv_block = _conv_norm(spatial_dims, in_channels, out_channels, bias)
        self.conv2 = conv(spatial_dims)(out_channels, out_channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.act_function1(self.conv_block(x)))  # type: ignore[no-any-return]


class VNet(nn.Module):
    """Five levels of residual convolutions.

    Shapes    (n, in_channels, *sizes), sizes multiples of 16 -> logits (n, out_channels, *sizes)
    Raises    ArgumentError unless spatial_dims is 2 or 3 and in_channels divides 16
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 1,
        out_channels: int = 1,
        act: Described = ("elu", {"inplace": True}),
        dropout_prob_down: float | None = 0.5,
        dropout_prob_up: Sequence[float | None] = (0.5, 0.5),
        dropout_dim: int = 3,
        bias: bool = False,
    ) -> None:
        super().__init__()
        check_dims(spatial_dims, (2, 3))
        d, down, up, drop = spatial_dims, dropout_prob_down, dropout_prob_up, dropout_dim
        self.in_tr = InputTransition(d, in_channels, 16, act, bias)
        self.down_tr32 = DownTransition(d, 16, 1, act, None, drop, bias)
        self.down_tr64 = DownTransition(d, 32, 2, act, None, drop, bias)
        self.down_tr128 = DownTransition(d, 64, 3, act, down, drop, bias)
        self.down_tr256 = DownTransition(d, 128, 2, act, down, drop, bias)
        self.up_tr256 = UpTransition(d, 256, 256, 2, act, up, drop)
        self.up_tr128 = UpTransition(d, 256, 128, 2, act, up, drop)
        self.up_tr64 = UpTransition(d, 128, 64, 1, act, dropout_dim=drop)
        self.up_tr32 = UpTransition(d, 64, 32, 1, act, dropout_dim=drop)
        self.out_tr = OutputTransition(d, 32, out_channels, act, bias)

    def forward(self, x: Tensor) -> Tensor:
        x16 = self.in_tr(x)
        x32 = self.down_tr32(x16)
        x64 = self.down_tr64(x32)
        x128 = self.down_tr128(x64)
        x = self.up_tr256(self.down_tr256(x128), x128)
        x = self.up_tr32(self.up_tr64(self.up_tr128(x, x64), x32), x16)
        return self.out_tr(x)  # type: ignore[no-any-return]
