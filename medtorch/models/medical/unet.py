"""U-Net with residual units, nested in itself, under MONAI's keys.

Source    Kerfoot et al., Left-ventricle quantification using residual U-Net, STACOM 2018; semantics of
          monai.networks.nets.UNet
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.convolution import Convolution, ResidualUnit
from medtorch.models.medical.layers import Described, Sizes, check_dims, spread


class SkipConnection(nn.Module):
    """The input and what a module makes of it, side by side."""

    def __init__(self, submodule: nn.Module) -> None:
        super().__init__()
        self.submodule = submodule

    def forward(self, x: Tensor) -> Tensor:
        return cat((x, self.submodule(x)), 1)


class UNet(nn.Module):
    """One level a width; each level is as small as its stride says, and what is below it lies inside its skip.

    Shapes    (n, in_channels, *sizes) -> logits (n, out_channels, *sizes)
    Raises    ArgumentError unless there are two widths or more and a stride between each two
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        channels: Sequence[int],
        strides: Sequence[Sizes],
        kernel_size: Sizes = 3,
        up_kernel_size: Sizes = 3,
        num_res_units: int = 0,
        act: Described = "PRELU",
        norm: Described = "INSTANCE",
        dropout: float = 0.0,
        bias: bool = True,
        adn_ordering: str = "NDA",
    ) -> None:
        super().__init__()
        check_dims(spatial_dims)
        if len(channels) < 2:
            raise ArgumentError(f"UNet: needs two channels or more, got {list(channels)}")
        if len(strides) != len(channels) - 1:
            raise ArgumentError(f"UNet: {len(channels)} channels need {len(channels) - 1} strides, got {list(strides)}")
        spread(kernel_size, spatial_dims, "kernel_size")
        spread(up_kernel_size, spatial_dims, "up_kernel_size")
        self.spatial_dims, self.num_res_units = spatial_dims, num_res_units
        self.kernel_size, self.up_kernel_size = kernel_size, up_kernel_size
        self._layer: dict[str, Any] = {
            "act": act,
            "norm": norm,
            "dropout": dropout,
            "bias": bias,
            "adn_ordering": adn_ordering,
        }
        self.model = self._level(in_channels, out_channels, channels, strides, is_top=True)

    def _level(
        self, inp: int, out: int, channels: Sequence[int], strides: Sequence[Sizes], is_top: bool
    ) -> nn.Sequential:
        here, below = channels[0], channels[1]
        if len(channels) > 2:
            inner: nn.Module = self._level(here, here, channels[1:], strides[1:], is_top=False)
            below = here
        else:
            inner = self._down(here, below, 1)
        down = self._down(inp, here, strides[0])
        return nn.Sequential(down, SkipConnection(inner), self._up(here + below, out, strides[0], is_top))

    def _down(self, inp: int, out: int, strides: Sizes) -> nn.Module:
        if self.num_res_units > 0:
            return ResidualUnit(
                self.spatial_dims, inp, out, strides, self.kernel_size, self.num_res_units, **self._layer
            )
        return Convolution(self.spatial_dims, inp, out, strides, self.kernel_size, **self._layer)

    def _up(self, inp: int, out: int, strides: Sizes, is_top: bool) -> nn.Module:
        plain = is_top and self.num_res_units == 0
        up = Convolution(
            self.spatial_dims,
            inp,
            out,
            strides,
            self.up_kernel_size,
            conv_only=plain,
            is_transposed=True,
            **self._layer,
        )
        if self.num_res_units == 0:
            return up
        unit = ResidualUnit(self.spatial_dims, out, out, 1, self.kernel_size, 1, last_conv_only=is_top, **self._layer)
        return nn.Sequential(up, unit)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]
