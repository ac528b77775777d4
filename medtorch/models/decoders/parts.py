"""What decoders are made of: convolutions with a norm, attention, heads, and the model around encoder and decoder.

Source    semantics of segmentation_models_pytorch.base; attention: Roy et al., Concurrent spatial and channel squeeze
          and excitation in fully convolutional networks, MICCAI 2018
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError
from medtorch.models.decoders.encoders import Encoder, get_encoder

Norm = bool | str | Mapping[str, Any]
Activated = str | Callable[[], nn.Module] | None

_NORM: dict[str, Callable[..., nn.Module]] = {
    "batchnorm": nn.BatchNorm2d,
    "identity": lambda channels, **_: nn.Identity(),
    "instancenorm": nn.InstanceNorm2d,
    "layernorm": nn.LayerNorm,
}


def norm_layer(use_norm: Norm, channels: int) -> nn.Module:
    """True is batch norm, False none; a name; or a dict of "type" and the layer's arguments.

    Raises    ArgumentError for a dict without "type"; UnsupportedError for a norm that is not here
    """
    told = {True: "batchnorm", False: "identity"}[use_norm] if isinstance(use_norm, bool) else use_norm
    config = {"type": told.lower()} if isinstance(told, str) else dict(told)
    if "type" not in config:
        raise ArgumentError(f"decoder_use_norm: a dict needs a 'type', got {config}")
    name = config.pop("type")
    if name not in _NORM:
        raise UnsupportedError(f"decoder_use_norm: have {', '.join(_NORM)}, not {name!r}")
    return _NORM[name](channels, **config)


class Conv2dReLU(nn.Sequential):
    """Convolution, norm, ReLU; a bias where there is no norm."""

    def __init__(self, inp: int, out: int, kernel_size: int, padding: int = 0, use_norm: Norm = "batchnorm") -> None:
        norm = norm_layer(use_norm, out)
        conv = nn.Conv2d(inp, out, kernel_size, padding=padding, bias=isinstance(norm, nn.Identity))
        super().__init__(conv, norm, nn.ReLU(inplace=True))


def squeezing(channels: int, few: int) -> nn.Sequential:
    """A weight in [0, 1] for each channel, that the whole image decides."""
    return nn.Sequential(
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(channels, few, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(few, channels, 1),
        nn.Sigmoid(),
    )


class SCSEModule(nn.Module):
    """Each channel times a weight that the whole image decides, plus each pixel times one that its channels decide."""

    def __init__(self, in_channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.cSE = squeezing(in_channels, in_channels // reduction)
        self.sSE = nn.Sequential(nn.Conv2d(in_channels, 1, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.cSE(x) + x * self.sSE(x)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """None, or "scse". Raises UnsupportedError for another name."""

    def __init__(self, name: str | None, in_channels: int) -> None:
        super().__init__()
        if name not in (None, "scse"):
            raise UnsupportedError(f"decoder_attention_type: have 'scse' and None, not {name!r}")
        self.attention = nn.Identity() if name is None else SCSEModule(in_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x)  # type: ignore[no-any-return]


class ArgMax(nn.Module):
    """The place of the largest number along `dim`."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(dim=self.dim)


class Clamp(nn.Module):
    """Numbers brought into [0, 1]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, 1)


_ACTIVATION: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "softmax2d": lambda: nn.Softmax(dim=1),
    "softmax": lambda: nn.Softmax(dim=1),
    "logsoftmax": lambda: nn.LogSoftmax(dim=1),
    "tanh": nn.Tanh,
    "argmax": ArgMax,
    "argmax2d": lambda: ArgMax(1),
    "clamp": Clamp,
}


class Activation(nn.Module):
    """A named activation, or what a callable makes. Softmax is taken over the classes."""

    def __init__(self, name: Activated) -> None:
        super().__init__()
        if isinstance(name, str) and name not in _ACTIVATION:
            raise ArgumentError(f"activation: have {', '.join(_ACTIVATION)}, a callable and None, not {name!r}")
        build = nn.Identity if name is None else _ACTIVATION[name] if isinstance(name, str) else name
        self.activation = build()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(x)  # type: ignore[no-any-return]


class SegmentationHead(nn.Sequential):
    """Class scores, brought to the size of the image."""

    def __init__(
        self, inp: int, classes: int, kernel_size: int = 3, activation: Activated = None, upsampling: int = 1
    ) -> None:
        larger: nn.Module = nn.Identity()
        if upsampling > 1:
            larger = nn.Upsample(mode="bilinear", scale_factor=upsampling, align_corners=True)
        conv = nn.Conv2d(inp, classes, kernel_size, padding=kernel_size // 2)
        super().__init__(conv, larger, Activation(activation))


class ClassificationHead(nn.Sequential):
    """Class scores of the whole image. Raises ArgumentError unless `pooling` is "avg" or "max"."""

    def __init__(
        self,
        in_channels: int,
        classes: int,
        pooling: str = "avg",
        dropout: float = 0.2,
        activation: Activated = None,
    ) -> None:
        if pooling not in ("avg", "max"):
            raise ArgumentError(f"aux_params: pooling must be 'avg' or 'max', got {pooling!r}")
        pool = nn.AdaptiveAvgPool2d(1) if pooling == "avg" else nn.AdaptiveMaxPool2d(1)
        drop = nn.Dropout(dropout, inplace=True) if dropout else nn.Identity()
        super().__init__(pool, nn.Flatten(), drop, nn.Linear(in_channels, classes), Activation(activation))


class SegmentationModel(nn.Module):
    """Encoder, decoder, head; with `aux_params` scores of the whole image too.

    Shapes    (n, in_channels, h, w) -> (n, classes, h, w), and with aux_params (n, aux classes)
    Raises    ShapeError for sizes that the encoder cannot halve as often as it does, where the decoder needs that
    """

    any_size = False

    def __init__(
        self,
        encoder_name: str,
        encoder_depth: int,
        encoder_weights: None,
        in_channels: int,
        aux_params: Mapping[str, Any] | None,
        output_stride: int = 32,
    ) -> None:
        super().__init__()
        self.encoder: Encoder = get_encoder(encoder_name, in_channels, encoder_depth, encoder_weights, output_stride)
        self._aux_params = aux_params

    def _finish(self, decoder: nn.Module, head: SegmentationHead, fresh: bool = True) -> None:
        self.decoder, self.segmentation_head = decoder, head
        last = self.encoder.out_channels[-1]
        self.classification_head = (
            None if self._aux_params is None else ClassificationHead(last, **dict(self._aux_params))
        )
        if fresh:
            _fresh_decoder(decoder)
            for part in (head, self.classification_head):
                if part is not None:
                    _fresh_head(part)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        stride = self.encoder.output_stride
        if not self.any_size and any(size % stride for size in x.shape[-2:]):
            raise ShapeError(f"{type(self).__name__}: sizes {tuple(x.shape[-2:])} must be multiples of {stride}")
        features = self.encoder(x)
        masks: Tensor = self.segmentation_head(self.decoder(features))
        return masks if self.classification_head is None else (masks, self.classification_head(features[-1]))


def _fresh_decoder(decoder: nn.Module) -> None:
    for m in decoder.modules():
        if isinstance(m, nn.Conv2d):
            nn.init.kaiming_uniform_(m.weight, mode="fan_in", nonlinearity="relu")
        elif isinstance(m, nn.Linear):
            nn.init.xavier_uniform_(m.weight)
        if isinstance(m, (nn.Conv2d, nn.Linear)) and m.bias is not None:
            nn.init.zeros_(m.bias)


def _fresh_head(head: nn.Module) -> None:
    for m in head.modules():
        if isinstance(m, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(m.weight)
            if m.bias is not None:
                nn.init.zeros_(m.bias)


def check_widths(name: str, depth: int, widths: Sequence[int]) -> None:
    """Raises ArgumentError unless a decoder has a width for each step of its encoder."""
    if depth != len(widths):
        raise ArgumentError(f"{name}: encoder_depth is {depth}, decoder_channels has {len(widths)} widths")
