"""A convolution with what follows it, and residual units of such, under MONAI's keys.

Source    semantics of monai.networks.blocks.Convolution, ADN, ResidualUnit
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.layers import (
    Described,
    Sizes,
    activation,
    conv,
    conv_transpose,
    count,
    dropout,
    norm,
    same_padding,
)


class ADN(nn.Sequential):
    """Activation, dropout and norm in the order of the letters in `ordering`; what is None is left out."""

    def __init__(
        self,
        ordering: str = "NDA",
        in_channels: int | None = None,
        act: Described | None = "RELU",
        norm: Described | None = None,
        norm_dim: int | None = None,
        dropout: Described | float | None = None,
        dropout_dim: int | None = None,
    ) -> None:
        if not set(ordering.upper()) <= set("AND"):
            raise ArgumentError(f"ADN: ordering is told in the letters A, D and N, got {ordering!r}")
        if (norm is not None or dropout is not None) and norm_dim is None and dropout_dim is None:
            raise ArgumentError("ADN: a norm or dropout needs norm_dim or dropout_dim")
        made = {
            "A": None if act is None else activation(act),
            "D": None if dropout is None else _dropout(dropout, dropout_dim or norm_dim or 1),
            "N": None if norm is None else _norm(norm, norm_dim or dropout_dim or 1, in_channels),
        }
        super().__init__(OrderedDict((k, layer) for k in ordering.upper() if (layer := made[k]) is not None))


def _norm(described: Described, dims: int, channels: int | None) -> nn.Module:
    return norm(described, dims, 1 if channels is None else channels)


def _dropout(described: Described | float, dims: int) -> nn.Module:
    return dropout(described, dims)


class Convolution(nn.Sequential):
    """`conv`, plain or transposed, then `adn`; the size stays at stride 1 and is divided or multiplied by the stride.

    Raises    ArgumentError if `padding` is to keep the size of an even kernel
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        strides: Sizes = 1,
        kernel_size: Sizes = 3,
        adn_ordering: str = "NDA",
        act: Described | None = "PRELU",
        norm: Described | None = "INSTANCE",
        dropout: Described | float | None = None,
        dropout_dim: int | None = 1,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        conv_only: bool = False,
        is_transposed: bool = False,
        padding: Sizes | None = None,
        output_padding: Sizes | None = None,
    ) -> None:
        super().__init__()
        build = conv_transpose(spatial_dims) if is_transposed else conv(spatial_dims)
        extra = {"output_padding": _sized(_less_one(strides) if output_padding is None else output_padding)}
        self.conv = build(
            in_channels,
            out_channels,
            _sized(kernel_size),
            stride=_sized(strides),
            padding=_sized(same_padding(kernel_size, dilation) if padding is None else padding),
            dilation=_sized(dilation),
            groups=groups,
            bias=bias,
            **(extra if is_transposed else {}),
        )
        if not conv_only and (act is not None or norm is not None or dropout is not None):
            self.adn = ADN(adn_ordering, out_channels, act, norm, spatial_dims, dropout, dropout_dim)


def _sized(sizes: Sizes) -> int | tuple[int, ...]:
    return tuple(sizes) if isinstance(sizes, Sequence) else sizes


def _less_one(strides: Sizes) -> Sizes:
    return tuple(s - 1 for s in strides) if isinstance(strides, Sequence) else strides - 1


class ResidualUnit(nn.Module):
    """Convolutions in a row, the first with the stride, and a shortcut: a convolution where size or width changes."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        strides: Sizes = 1,
        kernel_size: Sizes = 3,
        subunits: int = 2,
        adn_ordering: str = "NDA",
        act: Described | None = "PRELU",
        norm: Described | None = "INSTANCE",
        dropout: Described | float | None = None,
        dropout_dim: int | None = 1,
        dilation: Sizes = 1,
        bias: bool = True,
        last_conv_only: bool = False,
        padding: Sizes | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Sequential()
        self.residual: nn.Module = nn.Identity()
        padding = padding or same_padding(kernel_size, dilation)
        for i in range(max(1, subunits)):
            unit = Convolution(
                spatial_dims,
                out_channels if i else in_channels,
                out_channels,
                strides=1 if i else strides,
                kernel_size=kernel_size,
                adn_ordering=adn_ordering,
                act=act,
                norm=norm,
                dropout=dropout,
                dropout_dim=dropout_dim,
                dilation=dilation,
                bias=bias,
                conv_only=last_conv_only and i == max(1, subunits) - 1,
                padding=padding,
            )
            self.conv.add_module(f"unit{i}", unit)
        if count(strides) != 1 or in_channels != out_channels:
            sizes = (kernel_size, strides, padding) if count(strides) != 1 else (1, strides, 0)
            self.residual = conv(spatial_dims)(in_channels, out_channels, *map(_sized, sizes), bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.residual(x)  # type: ignore[no-any-return]
