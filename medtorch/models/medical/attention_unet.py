"""U-Net whose skips are weighted by what lies below, under MONAI's keys.

Source    Oktay et al., Attention U-Net: learning where to look for the pancreas, MIDL 2018; semantics of
          monai.networks.nets.AttentionUnet
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from collections.abc import Sequence

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.models.medical.convolution import Convolution
from medtorch.models.medical.layers import Sizes, check_dims, norm


def _conv_norm_relu(
    dims: int, inp: int, out: int, strides: Sizes, kernel_size: Sizes, dropout: float, is_transposed: bool = False
) -> Convolution:
    return Convolution(
        dims, inp, out, strides, kernel_size, act="relu", norm="batch", dropout=dropout, is_transposed=is_transposed
    )


class ConvBlock(nn.Module):
    """Two convolutions, the first with the stride."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        strides: Sizes = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            _conv_norm_relu(spatial_dims, in_channels, out_channels, strides, kernel_size, dropout),
            _conv_norm_relu(spatial_dims, out_channels, out_channels, 1, kernel_size, dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)  # type: ignore[no-any-return]


class UpConv(nn.Module):
    """Larger by a transposed convolution."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        strides: Sizes = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.up = _conv_norm_relu(
            spatial_dims, in_channels, out_channels, strides, kernel_size, dropout, is_transposed=True
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.up(x)  # type: ignore[no-any-return]


class AttentionBlock(nn.Module):
    """Each pixel of `x` times a weight that `x` and the gate decide.

    Math      y = x * sigmoid(norm(w . relu(norm(W_g g) + norm(W_x x)) + b))
    """

    def __init__(self, spatial_dims: int, f_int: int, f_g: int, f_l: int, dropout: float = 0.0) -> None:
        super().__init__()

        def mixed(inp: int, out: int) -> tuple[nn.Module, nn.Module]:
            conv = Convolution(spatial_dims, inp, out, 1, 1, dropout=dropout, conv_only=True, padding=0)
            return conv, norm("batch", spatial_dims, out)

        self.W_g = nn.Sequential(*mixed(f_g, f_int))
        self.W_x = nn.Sequential(*mixed(f_l, f_int))
        self.psi = nn.Sequential(*mixed(f_int, 1), nn.Sigmoid())
        self.relu = nn.ReLU()

    def forward(self, gate: Tensor, x: Tensor) -> Tensor:
        return x * self.psi(self.relu(self.W_g(gate) + self.W_x(x)))  # type: ignore[no-any-return]


class AttentionLayer(nn.Module):
    """A level: what lies below, brought to this size, gates the input; both are merged."""

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        submodule: nn.Module,
        up_kernel_size: Sizes = 3,
        strides: Sizes = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.attention = AttentionBlock(spatial_dims, in_channels // 2, in_channels, in_channels)
        self.upconv = UpConv(spatial_dims, out_channels, in_channels, up_kernel_size, strides)
        self.merge = Convolution(spatial_dims, 2 * in_channels, in_channels, dropout=dropout)
        self.submodule = submodule

    def forward(self, x: Tensor) -> Tensor:
        below = self.upconv(self.submodule(x))
        return self.merge(cat((self.attention(below, x), below), 1))  # type: ignore[no-any-return]


class AttentionUnet(nn.Module):
    """One level a width, the first at full size.

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
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_dims(spatial_dims)
        if len(channels) < 2 or len(strides) != len(channels) - 1:
            raise ArgumentError(
                f"AttentionUnet: needs two channels or more and a stride between each two, got channels "
                f"{list(channels)} and strides {list(strides)}"
            )
        self._sizes = (kernel_size, up_kernel_size)
        self._spatial_dims, self._dropout = spatial_dims, dropout
        head = ConvBlock(spatial_dims, in_channels, channels[0], kernel_size, dropout=dropout)
        scores = Convolution(spatial_dims, channels[0], out_channels, 1, 1, conv_only=True, padding=0)
        self.model = nn.Sequential(head, self._level(channels, strides), scores)

    def _level(self, channels: Sequence[int], strides: Sequence[Sizes]) -> AttentionLayer:
        kernel, up_kernel = self._sizes
        here, below, stride = channels[0], channels[1], strides[0]
        down: nn.Module = ConvBlock(self._spatial_dims, here, below, kernel, stride, self._dropout)
        if len(channels) > 2:
            down = nn.Sequential(down, self._level(channels[1:], strides[1:]))
        return AttentionLayer(self._spatial_dims, here, below, down, up_kernel, stride, self._dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]
