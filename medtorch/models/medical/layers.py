"""Layers told by a name, or by a name and its arguments, in one, two or three dimensions.

A description is "instance" or ("group", {"num_groups": 8}); a list does for a tuple, as in JSON. Names ignore case.

Source    semantics of monai.networks.layers.factories and utils
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from medtorch import nn
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError

Layer = Callable[..., nn.Module]
Described = str | Sequence[Any]
Sizes = int | Sequence[int]


class Swish(nn.Module):
    """Math      y = x sigmoid(alpha x)"""

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return x * (x * self.alpha).sigmoid()


_CONV: tuple[Layer, ...] = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_CONV_TRANSPOSE: tuple[Layer, ...] = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_MAX_POOL: tuple[Layer, ...] = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_AVG_POOL: tuple[Layer, ...] = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_CONSTANT_PAD: tuple[Layer, ...] = (nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
_DROPOUT: tuple[Layer, ...] = (nn.Dropout, nn.Dropout2d, nn.Dropout3d)
_NORM: dict[str, tuple[Layer, ...]] = {
    "batch": (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    "group": (nn.GroupNorm,) * 3,
    "instance": (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
    "layer": (nn.LayerNorm,) * 3,
    "localresponse": (nn.LocalResponseNorm,) * 3,
    "syncbatch": (nn.SyncBatchNorm,) * 3,
}
_ACTIVATION: dict[str, Layer] = {
    "celu": nn.CELU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leakyrelu": nn.LeakyReLU,
    "logsoftmax": nn.LogSoftmax,
    "memswish": nn.SiLU,
    "mish": nn.Mish,
    "prelu": nn.PReLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "selu": nn.SELU,
    "sigmoid": nn.Sigmoid,
    "softmax": nn.Softmax,
    "swish": Swish,
    "tanh": nn.Tanh,
}


def check_dims(spatial_dims: int, known: Sequence[int] = (1, 2, 3)) -> None:
    """Raises ArgumentError unless the images have a number of dimensions that is known."""
    if spatial_dims not in known:
        raise ArgumentError(f"spatial_dims must be one of {', '.join(map(str, known))}, got {spatial_dims!r}")


def spread(value: Any, spatial_dims: int, name: str = "size") -> tuple[Any, ...]:
    """One value a dimension. Raises ArgumentError for another number of values."""
    if not isinstance(value, (Sequence, Mapping)) or isinstance(value, str):
        return (value,) * spatial_dims
    if len(value) != spatial_dims:
        raise ArgumentError(f"{name} needs {spatial_dims} values, got {tuple(value)}")
    return tuple(value)


def named(described: Described, kind: str) -> tuple[str, dict[str, Any]]:
    """Name, in small letters, and arguments of a described layer."""
    if isinstance(described, str):
        return described.lower(), {}
    pair = tuple(described) if isinstance(described, Sequence) else ()
    name, config = pair if len(pair) == 2 else (None, None)
    if not isinstance(name, str) or not isinstance(config, Mapping):
        raise ArgumentError(f"{kind}: needs a name or a pair of a name and its arguments, got {described!r}")
    return name.lower(), dict(config)


def conv(spatial_dims: int) -> Layer:
    """The convolution of so many dimensions."""
    return _CONV[spatial_dims - 1]


def conv_transpose(spatial_dims: int) -> Layer:
    """The transposed convolution of so many dimensions."""
    return _CONV_TRANSPOSE[spatial_dims - 1]


def max_pool(spatial_dims: int) -> Layer:
    """Max pooling in so many dimensions."""
    return _MAX_POOL[spatial_dims - 1]


def avg_pool(spatial_dims: int) -> Layer:
    """Average pooling in so many dimensions."""
    return _AVG_POOL[spatial_dims - 1]


def constant_pad(spatial_dims: int) -> Layer:
    """Padding with one value in so many dimensions."""
    return _CONSTANT_PAD[spatial_dims - 1]


def norm(described: Described, spatial_dims: int, channels: int) -> nn.Module:
    """A norm of so many channels; "" is none."""
    if isinstance(described, str) and not described:
        return nn.Identity()
    name, config = named(described, "norm")
    if name not in _NORM:
        raise UnsupportedError(f"norm: have {', '.join(_NORM)}, not {name!r}")
    build = _NORM[name][spatial_dims - 1]
    taken = _taken(build)
    config |= {n: channels for n in ("num_features", "num_channels") if n in taken and n not in config}
    return _built("norm", name, build, config)


def activation(described: Described) -> nn.Module:
    """An activation; "" is none."""
    if isinstance(described, str) and not described:
        return nn.Identity()
    name, config = named(described, "act")
    if name not in _ACTIVATION:
        raise UnsupportedError(f"act: have {', '.join(_ACTIVATION)}, not {name!r}")
    return _built("act", name, _ACTIVATION[name], config)


def dropout(described: Described | float, dropout_dim: int) -> nn.Module:
    """Dropout of a probability, or described: values at dimension 1, whole channels at 2 and 3."""
    if isinstance(described, (int, float)):
        return _DROPOUT[dropout_dim - 1](float(described))
    if isinstance(described, str) and not described:
        return nn.Identity()
    name, config = named(described, "dropout")
    if name == "alphadropout":
        return _built("dropout", name, nn.AlphaDropout, config)
    if name != "dropout":
        raise UnsupportedError(f"dropout: have dropout, alphadropout, not {name!r}")
    return _built("dropout", name, _DROPOUT[dropout_dim - 1], config)


def with_default(described: Described, kind: str, argument: str, value: Any) -> Described:
    """The description, with an argument that its layer has and that it does not tell."""
    name, config = named(described, kind)
    build = _NORM[name][1] if kind == "norm" and name in _NORM else _ACTIVATION.get(name)
    if build is not None and argument in _taken(build):
        config.setdefault(argument, value)
    return name, config


def same_padding(kernel_size: Sizes, dilation: Sizes = 1) -> int | tuple[int, ...]:
    """What keeps the size at stride 1. Raises ArgumentError where nothing does: an even kernel at an odd dilation."""
    dims = max(len(s) if isinstance(s, Sequence) else 1 for s in (kernel_size, dilation))
    kernels, dilations = spread(kernel_size, dims, "kernel_size"), spread(dilation, dims, "dilation")
    if any((k - 1) * d % 2 for k, d in zip(kernels, dilations, strict=True)):
        raise ArgumentError(f"no padding keeps the size with kernel_size={kernel_size} and dilation={dilation}")
    padding = tuple((k - 1) * d // 2 for k, d in zip(kernels, dilations, strict=True))
    return padding if len(padding) > 1 else padding[0]


def count(sizes: Sizes) -> int:
    """The product of sizes, or the size."""
    return math.prod(sizes) if isinstance(sizes, Sequence) else sizes


def _taken(build: Layer) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(build).parameters


def _built(kind: str, name: str, build: Layer, config: Mapping[str, Any]) -> nn.Module:
    try:
        inspect.signature(build).bind(**config)
    except TypeError as wrong:
        raise ArgumentError(f"{kind}: {name}: {wrong}") from wrong
    return build(**config)
