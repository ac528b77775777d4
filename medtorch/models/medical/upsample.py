"""Larger by learned or fixed interpolation, under MONAI's keys.

Source    semantics of monai.networks.blocks.UpSample, SubpixelUpsample; sub-pixel convolution: Shi et al., Real-time
          single image and video super-resolution, CVPR 2016; its start and its blur: Aitken et al., Checkerboard
          artifact free sub-pixel convolution, arXiv 1707.02937, 2017
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.models.medical.layers import avg_pool, constant_pad, conv, conv_transpose, spread

MODES = ("deconv", "deconvgroup", "nontrainable", "pixelshuffle")
_LINEAR = ("linear", "bilinear", "trilinear")


class UpSample(nn.Sequential):
    """`scale_factor` times the size.

    "deconv" is a transposed convolution, "deconvgroup" one a channel, "nontrainable" interpolates after a convolution
    that changes the width, "pixelshuffle" makes pixels of channels.
    Raises    ArgumentError for an unknown mode
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int | None = None,
        scale_factor: float | Sequence[float] = 2,
        kernel_size: int | Sequence[int] | None = None,
        size: int | Sequence[int] | None = None,
        mode: str = "deconv",
        pre_conv: nn.Module | str | None = "default",
        post_conv: nn.Module | None = None,
        interp_mode: str = "linear",
        align_corners: bool | None = True,
        bias: bool = True,
        apply_pad_pool: bool = True,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ArgumentError(f"UpSample: mode must be one of {', '.join(MODES)}, got {mode!r}")
        scale = spread(scale_factor, spatial_dims, "scale_factor")
        width = in_channels if out_channels is None else out_channels
        if mode in ("deconv", "deconvgroup"):
            sizes = _transposed(scale, kernel_size, spatial_dims)
            groups = width if mode == "deconvgroup" and in_channels % width == 0 else 1
            self.add_module(mode, conv_transpose(spatial_dims)(in_channels, width, **sizes, groups=groups, bias=bias))
        elif mode == "pixelshuffle":
            block = SubpixelUpsample(
                spatial_dims, in_channels, out_channels, int(scale[0]), pre_conv, apply_pad_pool, bias
            )
            self.add_module(mode, block)
        else:
            self._interpolate(spatial_dims, in_channels, out_channels, pre_conv, bias)
            kind = _LINEAR[spatial_dims - 1] if interp_mode in _LINEAR else interp_mode
            self.upsample_non_trainable = nn.Upsample(size, None if size else scale, kind, align_corners)
            if post_conv is not None:
                self.postconv = post_conv

    def _interpolate(
        self, dims: int, in_channels: int, out_channels: int | None, pre_conv: nn.Module | str | None, bias: bool
    ) -> None:
        if isinstance(pre_conv, nn.Module):
            self.preconv = pre_conv
        elif pre_conv not in ("default", None):
            raise ArgumentError(f"UpSample: pre_conv is a module, 'default' or None, got {pre_conv!r}")
        elif out_channels != in_channels:
            if pre_conv is None:
                raise ArgumentError("UpSample: without pre_conv the channels stay as they are")
            self.preconv = conv(dims)(in_channels, in_channels if out_channels is None else out_channels, 1, bias=bias)


def _transposed(
    scale: Sequence[Any], kernel_size: int | Sequence[int] | None, spatial_dims: int
) -> dict[str, tuple[int, ...] | int]:
    if not kernel_size:
        return {"kernel_size": tuple(scale), "stride": tuple(scale), "padding": 0, "output_padding": 0}
    kernel = spread(kernel_size, spatial_dims, "kernel_size")
    return {
        "kernel_size": kernel,
        "stride": tuple(scale),
        "padding": tuple((k - 1) // 2 for k in kernel),
        "output_padding": tuple(s - 1 - (k - 1) % 2 for k, s in zip(kernel, scale, strict=True)),
    }


class SubpixelUpsample(nn.Module):
    """Channels become pixels; a mean over neighbours takes the checkerboard away.

    Raises    ShapeError if the channels are no multiple of the pixels that one becomes
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int | None = None,
        scale_factor: int = 2,
        conv_block: nn.Module | str | None = "default",
        apply_pad_pool: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if scale_factor <= 0:
            raise ArgumentError(f"SubpixelUpsample: scale_factor must be positive, got {scale_factor}")
        self.dimensions, self.scale_factor = spatial_dims, scale_factor
        if conv_block == "default":
            width = (out_channels or in_channels) * scale_factor**spatial_dims
            self.conv_block = conv(spatial_dims)(in_channels, width, 3, padding=1, bias=bias)
            _alike_within_a_pixel(self.conv_block, scale_factor**spatial_dims)
        else:
            self.conv_block = conv_block if isinstance(conv_block, nn.Module) else nn.Identity()
        self.pad_pool: nn.Module = nn.Identity()
        if apply_pad_pool:
            pad = constant_pad(spatial_dims)((scale_factor - 1, 0) * spatial_dims, 0.0)
            self.pad_pool = nn.Sequential(pad, avg_pool(spatial_dims)(scale_factor, stride=1))

    def forward(self, x: Tensor) -> Tensor:
        return self.pad_pool(_shuffled(self.conv_block(x), self.scale_factor))  # type: ignore[no-any-return]


def _alike_within_a_pixel(layer: nn.Module, parts: int) -> None:
    """Kernels of the channels that become one pixel start the same."""
    weight = layer.weight
    few = weight.new_empty((weight.shape[0] // parts, *weight.shape[1:]))
    nn.init.kaiming_normal_(few)
    with no_grad():
        weight.copy_(few.unsqueeze(1).expand(-1, parts, *few.shape[1:]).reshape(weight.shape))


def _shuffled(x: Tensor, scale: int) -> Tensor:
    """Shapes    (n, c s^d, *sizes) -> (n, c, *(s sizes)): channel by channel, its last s^d become pixels"""
    sizes = tuple(x.shape[2:])
    dims = len(sizes)
    if x.shape[1] % scale**dims:
        raise ShapeError(f"SubpixelUpsample: {x.shape[1]} channels are no multiple of {scale}^{dims}")
    x = x.reshape(x.shape[0], x.shape[1] // scale**dims, *(scale,) * dims, *sizes)
    x = x.permute(0, 1, *(2 + i + dims * inner for i in range(dims) for inner in (1, 0)))
    return x.reshape(x.shape[0], x.shape[1], *(s * scale for s in sizes))
