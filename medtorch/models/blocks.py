"""Blocks that several architectures are made of, under the keys of torchvision.ops.misc.

Requires  REQ-F-MOD-010
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn import functional as F

Layer = Callable[..., nn.Module]
Sizes = int | tuple[int, ...]


def make_divisible(width: float, divisor: int, smallest: int | None = None) -> int:
    """The multiple of `divisor` nearest to `width`, never less than nine tenths of it.

    Source    Howard et al., Searching for MobileNetV3, ICCV 2019: the rule of its authors' code
    """
    near = max(divisor if smallest is None else smallest, int(width + divisor / 2) // divisor * divisor)
    return near + divisor if near < 0.9 * width else near


class ConvNormActivation(nn.Sequential):
    """A convolution that keeps the size at stride 1, a norm and an activation; either may be left out with None."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        stride: Sizes = 1,
        padding: Sizes | None = None,
        groups: int = 1,
        norm_layer: Layer | None = nn.BatchNorm2d,
        activation_layer: Layer | None = nn.ReLU,
        dilation: Sizes = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Layer = nn.Conv2d,
    ) -> None:
        made = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                _same(kernel_size, dilation) if padding is None else padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            made.append(norm_layer(out_channels))
        if activation_layer is not None:
            made.append(activation_layer() if inplace is None else activation_layer(inplace=inplace))
        super().__init__(*made)
        self.out_channels = out_channels


def _same(kernel_size: Sizes, dilation: Sizes) -> Sizes:
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    dims = len(kernel_size) if isinstance(kernel_size, tuple) else len(dilation)  # type: ignore[arg-type]
    kernels = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * dims
    spread = dilation if isinstance(dilation, tuple) else (dilation,) * dims
    return tuple((k - 1) // 2 * d for k, d in zip(kernels, spread, strict=True))


class SqueezeExcitation(nn.Module):
    """Each channel times a weight in [0, 1] that all channels' means decide.

    Shapes    (n, input_channels, h, w) -> same
    Source    Hu et al., Squeeze-and-excitation networks, CVPR 2018
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Layer = nn.ReLU,
        scale_activation: Layer = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.activation(self.fc1(self.avgpool(x)))
        return self.scale_activation(self.fc2(squeezed)) * x  # type: ignore[no-any-return]


class StochasticDepth(nn.Module):
    """While training, leave out a whole branch with probability `p`, for each sample ("row") or for all ("batch").

    Math      y = x * m / (1 - p), m = 0 with probability p and else 1
    Raises    ArgumentError unless 0 <= p <= 1 and mode is "row" or "batch"
    Source    Huang et al., Deep networks with stochastic depth, ECCV 2016
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"StochasticDepth: p must lie between 0 and 1, got {p}")
        if mode not in ("row", "batch"):
            raise ArgumentError(f"StochasticDepth: mode must be 'row' or 'batch', got {mode!r}")
        self.p, self.mode = p, mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        rows = x.shape[0] if self.mode == "row" else 1
        return x * F.dropout(x.new_ones((rows, *(1,) * (x.ndim - 1))), self.p, training=True)


class MLP(nn.Sequential):
    """Linear layers in a row, with a norm, an activation and dropout after each but the last, dropout after that."""

    def __init__(
        self,
        in_channels: int,
        hidden_channels: Sequence[int],
        norm_layer: Layer | None = None,
        activation_layer: Layer = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        config: dict[str, Any] = {} if inplace is None else {"inplace": inplace}
        made: list[nn.Module] = []
        for width in hidden_channels[:-1]:
            made.append(nn.Linear(in_channels, width, bias=bias))
            if norm_layer is not None:
                made.append(norm_layer(width))
            made += [activation_layer(**config), nn.Dropout(dropout, **config)]
            in_channels = width
        made += [nn.Linear(in_channels, hidden_channels[-1], bias=bias), nn.Dropout(dropout, **config)]
        super().__init__(*made)


class Permute(nn.Module):
    """The dims in another order."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(*self.dims)


def rename_entries(state_dict: dict[str, Any], prefix: str, names: Mapping[str, str]) -> None:
    """Entries under old names of the members of the module at `prefix` get the new ones, in place."""
    for old, new in names.items():
        for key in [k for k in state_dict if k.startswith(f"{prefix}{old}.")]:
            state_dict[f"{prefix}{new}.{key.removeprefix(f'{prefix}{old}.')}"] = state_dict.pop(key)


def fresh_weights(model: nn.Module, linear_std: float = 0.01, conv_biases: bool = True) -> None:
    """Convolutions drawn by what flows out of them, linear layers from a narrow normal, biases zero.

    Without `conv_biases` those of convolutions stay as they are.
    """
    for m in model.modules():
        if isinstance(m, (nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            if m.bias is not None and conv_biases:
                nn.init.zeros_(m.bias)
        elif isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, 0, linear_std)
            if m.bias is not None:
                nn.init.zeros_(m.bias)
