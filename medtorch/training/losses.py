"""Losses by name, each a function of scores and of label numbers.

Requires  REQ-F-TRN-001
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medtorch import nn
from medtorch.core.creation import tensor
from medtorch.core.tensor import Tensor
from medtorch.errors import ConfigError, MedtorchError
from medtorch.training.config import Loss

LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class LossKind:
    """A loss, the activations that it goes with, and the arguments that follow from the activation."""

    build: Callable[..., nn.Module]
    activations: tuple[str, ...]
    implied: Mapping[str, Mapping[str, Any]]
    numbers: bool = False  # takes label numbers as they are, without a channel axis
    tensors: tuple[str, ...] = ()  # arguments that are tensors


_BOTH = ("softmax", "sigmoid")
_OVERLAP = {"softmax": {"softmax": True, "to_onehot_y": True}, "sigmoid": {"sigmoid": True}}
_FOCAL = {"softmax": {"use_softmax": True, "to_onehot_y": True}, "sigmoid": {}}

LOSSES: dict[str, LossKind] = {
    "cross_entropy": LossKind(nn.CrossEntropyLoss, ("softmax",), {}, numbers=True, tensors=("weight",)),
    "bce": LossKind(nn.BCEWithLogitsLoss, ("sigmoid",), {}, tensors=("weight", "pos_weight")),
    "dice": LossKind(nn.DiceLoss, _BOTH, _OVERLAP),
    "tversky": LossKind(nn.TverskyLoss, _BOTH, _OVERLAP),
    "focal": LossKind(nn.FocalLoss, _BOTH, _FOCAL),
}


def build_loss(name: str, arguments: Mapping[str, Any], activation: str, where: str) -> LossFunction:
    """A loss of scores (N, K, ...) and label numbers (N, ...), 0 and 1 for the sigmoid's one score.

    Raises    ConfigError naming the argument that there is not, or that follows from the activation
    """
    kind = LOSSES[name]
    implied = kind.implied.get(activation, {})
    known = [one for one in inspect.signature(kind.build).parameters if one not in {"reduction", *_implied(kind)}]
    for argument in arguments:
        if argument not in known:
            raise ConfigError(f"{where}: {name} has no argument {argument!r} (has: {', '.join(known)})")
    given = {key: tensor(value) if key in kind.tensors else value for key, value in arguments.items()}
    try:
        module = kind.build(**given, **implied)
    except (MedtorchError, TypeError) as error:
        raise ConfigError(f"{where}: {error}") from error
    if kind.numbers:
        return module
    if activation == "softmax":
        return lambda scores, labels: module(scores, labels.unsqueeze(1))
    return lambda scores, labels: module(scores, labels.unsqueeze(1).to(scores.dtype))


def build_losses(terms: Sequence[Loss], activation: str) -> LossFunction:
    """The weighted sum of the terms. Raises ConfigError."""
    parts = [
        (term.weight, build_loss(term.name, term.arguments, activation, f"loss[{at}]")) for at, term in enumerate(terms)
    ]

    def whole(scores: Tensor, labels: Tensor) -> Tensor:
        (weight, first), *others = parts
        value = first(scores, labels) * weight
        for weight, part in others:
            value = value + part(scores, labels) * weight
        return value

    return whole


def _implied(kind: LossKind) -> set[str]:
    return {name for arguments in kind.implied.values() for name in arguments}
