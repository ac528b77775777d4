"""The blocks of nnU-Net's networks, plain and residual, under MONAI's keys.

Source    Isensee et al., nnU-Net, Nature Methods 2021, fig. 1; semantics of monai.networks.blocks.dynunet_block
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.convolution import Convolution
from medtorch.models.medical.layers import Described, Sizes, activation, norm, spread

LEAKY: tuple[str, dict[str, Any]] = ("leakyrelu", {"inplace": True, "negative_slope": 0.01})


def plain_conv(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: Sizes = 3,
    stride: Sizes = 1,
    dropout: Described | float | None = None,
    bias: bool = False,
    is_transposed: bool = False,
) -> Convolution:
    """A convolution that divides or multiplies the size by its stride, with dropout behind where told.

    Raises    ArgumentError for a kernel that is smaller than its stride by more than one
    """
    dims = max(len(s) if isinstance(s, Sequence) else 1 for s in (kernel_size, stride))
    kernels, strides = spread(kernel_size, dims, "kernel_size"), spread(stride, dims, "stride")
    padding = tuple((k - s + 1) // 2 for k, s in zip(kernels, strides, strict=True))
    beyond = tuple(2 * p + s - k for p, s, k in zip(padding, strides, kernels, strict=True))
    if min(k - s + 1 for k, s in zip(kernels, strides, strict=True)) < 0 or (is_transposed and min(beyond) < 0):
        raise ArgumentError(f"no padding fits kernel_size={kernel_size} with stride={stride}")
    return Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        strides=stride,
        kernel_size=kernel_size,
        act=None,
        norm=None,
        dropout=dropout,
        bias=bias,
        is_transposed=is_transposed,
        padding=padding if dims > 1 else padding[0],
        output_padding=(beyond if dims > 1 else beyond[0]) if is_transposed else None,
    )


class UnetBasicBlock(nn.Module):
    """Twice convolution, norm, activation; the first with the stride."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        norm_name: Described,
        act_name: Described = LEAKY,
        dropout: Described | float | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = plain_conv(spatial_dims, in_channels, out_channels, kernel_size, stride, dropout)
        self.conv2 = plain_conv(spatial_dims, out_channels, out_channels, kernel_size, 1, dropout)
        self.lrelu = activation(act_name)
        self.norm1 = norm(norm_name, spatial_dims, out_channels)
        self.norm2 = norm(norm_name, spatial_dims, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.lrelu(self.norm1(self.conv1(x)))
        return self.lrelu(self.norm2(self.conv2(x)))  # type: ignore[no-any-return]


class UnetResBlock(UnetBasicBlock):
    """The same beside a shortcut, which is a convolution where size or width changes."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes,
        norm_name: Described,
        act_name: Described = LEAKY,
        dropout: Described | float | None = None,
    ) -> None:
        super().__init__(spatial_dims, in_channels, out_channels, kernel_size, stride, norm_name, act_name, dropout)
        self.downsample = in_channels != out_channels or any(s != 1 for s in spread(stride, spatial_dims, "stride"))
        if self.downsample:
            self.conv3 = plain_conv(spatial_dims, in_channels, out_channels, 1, stride, dropout)
            self.norm3 = norm(norm_name, spatial_dims, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.norm3(self.conv3(x)) if self.downsample else x
        x = self.lrelu(self.norm1(self.conv1(x)))
        return self.lrelu(self.norm2(self.conv2(x)) + shortcut)  # type: ignore[no-any-return]


class UnetUpBlock(nn.Module):
    """Larger by a transposed convolution, beside what the way down kept, then a block of convolutions."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        upsample_kernel_size: Sizes,
        norm_name: Described,
        act_name: Described = LEAKY,
        dropout: Described | float | None = None,
        trans_bias: bool = False,
        block: Callable[..., nn.Module] = UnetBasicBlock,
    ) -> None:
        super().__init__()
        self.transp_conv = plain_conv(
            spatial_dims,
            in_channels,
            out_channels,
            upsample_kernel_size,
            upsample_kernel_size,
            dropout,
            bias=trans_bias,
            is_transposed=True,
        )
        self.conv_block = block(
            spatial_dims, 2 * out_channels, out_channels, kernel_size, 1, norm_name, act_name, dropout
        )

    def forward(self, x: Tensor, kept: Tensor) -> Tensor:
        return self.conv_block(cat((self.transp_conv(x), kept), 1))  # type: ignore[no-any-return]


class UnetOutBlock(nn.Module):
    """Class scores."""

    def __init__(
        self, spatial_dims: int, in_channels: int, out_channels: int, dropout: Described | float | None = None
    ) -> None:
        super().__init__()
        self.conv = plain_conv(spatial_dims, in_channels, out_channels, 1, 1, dropout, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]
