"""U-Net, configurable, in two or three dimensions.

Source    Ronneberger et al., U-Net: convolutional networks for biomedical image segmentation, MICCAI 2015; in three
          dimensions Cicek et al., 3D U-Net, MICCAI 2016. Here convolutions keep the size (padding 1) and each is
          followed by a norm.
Requires  REQ-F-MOD-004
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from medtorch import nn
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError
from medtorch.nn import functional as F

Layer = Callable[..., nn.Module]

_CONV: dict[int, Layer] = {2: nn.Conv2d, 3: nn.Conv3d}
_UP: dict[int, Layer] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_POOL: dict[int, Layer] = {2: nn.MaxPool2d, 3: nn.MaxPool3d}
_NORM: dict[str, dict[int, Layer]] = {
    "batch": {2: nn.BatchNorm2d, 3: nn.BatchNorm3d},
    "instance": {2: lambda c: nn.InstanceNorm2d(c, affine=True), 3: lambda c: nn.InstanceNorm3d(c, affine=True)},
    "group": {2: lambda c: nn.GroupNorm(min(8, c), c), 3: lambda c: nn.GroupNorm(min(8, c), c)},
    "none": {2: lambda c: nn.Identity(), 3: lambda c: nn.Identity()},
}
_ACTIVATION: dict[str, Layer] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "leaky_relu": lambda: nn.LeakyReLU(0.01, inplace=True),
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "prelu": nn.PReLU,
}
_DROPOUT: dict[int, Layer] = {2: nn.Dropout2d, 3: nn.Dropout3d}
_SMOOTH = {2: "bilinear", 3: "trilinear"}


class _Parts:
    """The layers that a configuration stands for."""

    def __init__(self, dims: int, norm: str, activation: str, dropout: float) -> None:
        for name, value, known in (
            ("dims", dims, _CONV),
            ("norm", norm, _NORM),
            ("activation", activation, _ACTIVATION),
        ):
            if value not in known:
                raise ArgumentError(f"unet: {name} must be one of {', '.join(map(str, known))}, got {value!r}")
        self.dims, self.norm, self.activation, self.dropout = dims, norm, activation, dropout

    def double_conv(self, in_channels: int, out_channels: int) -> nn.Sequential:
        """Twice convolution, norm, activation."""
        return nn.Sequential(*self._conv(in_channels, out_channels), *self._conv(out_channels, out_channels))

    def _conv(self, in_channels: int, out_channels: int) -> list[nn.Module]:
        made = [
            _CONV[self.dims](in_channels, out_channels, 3, padding=1, bias=self.norm == "none"),
            _NORM[self.norm][self.dims](out_channels),
            _ACTIVATION[self.activation](),
        ]
        return [*made, _DROPOUT[self.dims](self.dropout)] if self.dropout else made


class Down(nn.Module):
    """Half the size, then two convolutions."""

    def __init__(self, parts: _Parts, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = _POOL[parts.dims](2)
        self.conv = parts.double_conv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.pool(x))  # type: ignore[no-any-return]


class Up(nn.Module):
    """Twice the size, beside what the way down kept, then two convolutions."""

    def __init__(self, parts: _Parts, in_channels: int, out_channels: int, mode: str) -> None:
        super().__init__()
        if mode not in ("transpose", "interpolate"):
            raise ArgumentError(f"unet: up must be 'transpose' or 'interpolate', got {mode!r}")
        self.smooth = _SMOOTH[parts.dims] if mode == "interpolate" else None
        self.up = (
            _UP[parts.dims](in_channels, out_channels, 2, stride=2)
            if mode == "transpose"
            else _CONV[parts.dims](in_channels, out_channels, 1)
        )
        self.conv = parts.double_conv(2 * out_channels, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        if self.smooth is not None:
            x = F.interpolate(x, scale_factor=2, mode=self.smooth, align_corners=False)
        return self.conv(cat((skip, self.up(x)), 1))  # type: ignore[no-any-return]


class UNet(nn.Module):
    """One level a width: `widths[0]` at full size, each next one at half of it.

    Shapes    (n, in_channels, (d,) h, w) -> logits (n, num_classes, (d,) h, w)
    Raises    ShapeError if a size is no multiple of 2^(levels - 1)
    """

    def __init__(
        self,
        num_classes: int = 1,
        in_channels: int = 1,
        widths: Sequence[int] = (16, 32, 64, 128),
        dims: int = 2,
        norm: str = "batch",
        activation: str = "relu",
        up: str = "transpose",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not widths:
            raise ArgumentError("unet: needs at least one width")
        parts = _Parts(dims, norm, activation, dropout)
        pairs = list(itertools.pairwise(widths))
        self.first = parts.double_conv(in_channels, widths[0])
        self.down = nn.ModuleList(Down(parts, a, b) for a, b in pairs)
        self.up = nn.ModuleList(Up(parts, b, a, up) for a, b in reversed(pairs))
        self.head = _CONV[dims](widths[0], num_classes, 1)
        self.multiple = 2 ** (len(widths) - 1)

    def forward(self, x: Tensor) -> Tensor:
        if any(size % self.multiple for size in x.shape[2:]):
            raise ShapeError(f"unet: sizes {tuple(x.shape[2:])} must be multiples of {self.multiple}")
        levels = [self.first(x)]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.up:
            x = up(x, levels.pop())
        return self.head(x)  # type: ignore[no-any-return]


def unet(
    num_classes: int = 1,
    in_channels: int = 1,
    widths: Sequence[int] = (16, 32, 64, 128),
    dims: int = 2,
    norm: str = "batch",
    activation: str = "relu",
    up: str = "transpose",
    dropout: float = 0.0,
) -> UNet:
    """U-Net."""
    return UNet(num_classes, in_channels, widths, dims, norm, activation, up, dropout)
