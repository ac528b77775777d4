"""Every architecture under the name it is built by.

Source    semantics of torchvision.models.get_model, list_models
Requires  REQ-F-MOD-001
"""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.models import cifar_resnet, espnet, lenet, meshnet, pnet, resnet, tinyvgg, unet, wnet
from medtorch.nn import Module

Builder = Callable[..., Module]

_BUILDERS: dict[str, Builder] = {
    "cifar_resnet20": cifar_resnet.cifar_resnet20,
    "cifar_resnet32": cifar_resnet.cifar_resnet32,
    "cifar_resnet44": cifar_resnet.cifar_resnet44,
    "cifar_resnet56": cifar_resnet.cifar_resnet56,
    "cifar_resnet110": cifar_resnet.cifar_resnet110,
    "espnet": espnet.espnet,
    "espnet_encoder": espnet.espnet_encoder,
    "lenet": lenet.lenet,
    "meshnet": meshnet.meshnet,
    "pnet": pnet.pnet,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
    "resnext50_32x4d": resnet.resnext50_32x4d,
    "resnext101_32x8d": resnet.resnext101_32x8d,
    "resnext101_64x4d": resnet.resnext101_64x4d,
    "tinyvgg": tinyvgg.tinyvgg,
    "unet": unet.unet,
    "wide_resnet50_2": resnet.wide_resnet50_2,
    "wide_resnet101_2": resnet.wide_resnet101_2,
    "wnet": wnet.wnet,
}


def list_models(include: str | Iterable[str] | None = None, exclude: str | Iterable[str] | None = None) -> list[str]:
    """The names that get_model takes, sorted; `include` and `exclude` are shell patterns."""
    wanted, unwanted = _patterns(include, ("*",)), _patterns(exclude, ())
    return sorted(n for n in _BUILDERS if _matches(n, wanted) and not _matches(n, unwanted))


def get_model_builder(name: str) -> Builder:
    """The function that builds `name`. Raises ArgumentError for an unknown name, with the nearest ones."""
    if name not in _BUILDERS:
        raise ArgumentError(f"get_model: unknown model {name!r}; have {', '.join(list_models())}")
    return _BUILDERS[name]


def get_model(name: str, *, weights: None = None, **config: Any) -> Module:
    """A new model with fresh weights; `config` goes to its builder.

    Raises    ArgumentError for an unknown name or argument; UnsupportedError if `weights` are asked for
    """
    builder = get_model_builder(name)
    if weights is not None:
        raise UnsupportedError(f"get_model: no weights come with medtorch; load a bundle, or a checkpoint into {name}")
    try:
        inspect.signature(builder).bind(**config)
    except TypeError as wrong:
        raise ArgumentError(f"get_model: {name}{inspect.signature(builder)}: {wrong}") from wrong
    return builder(**config)


def _patterns(given: str | Iterable[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    return default if given is None else (given,) if isinstance(given, str) else tuple(given)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
