"""Optimizers and schedulers by name.

Requires  REQ-F-TRN-001
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from medtorch import optim
from medtorch.errors import ConfigError, MedtorchError
from medtorch.nn.modules.module import Module
from medtorch.optim import lr_scheduler

OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "rmsprop": optim.RMSprop,
}


@dataclass(frozen=True)
class SchedulerKind:
    """A scheduler, how often it usually goes on, and the argument that is the number of times if it is not given."""

    build: Callable[..., Any]
    every: Literal["epoch", "step"]
    length: str | None = None


SCHEDULERS: dict[str, SchedulerKind] = {
    "step": SchedulerKind(lr_scheduler.StepLR, "epoch"),
    "multi_step": SchedulerKind(lr_scheduler.MultiStepLR, "epoch"),
    "cosine": SchedulerKind(lr_scheduler.CosineAnnealingLR, "epoch", "T_max"),
    "one_cycle": SchedulerKind(lr_scheduler.OneCycleLR, "step", "total_steps"),
    "plateau": SchedulerKind(lr_scheduler.ReduceLROnPlateau, "epoch"),
}


def build_optimizer(name: str, arguments: Mapping[str, Any], model: Module, where: str) -> optim.Optimizer:
    """The optimizer of a model's parameters. Raises ConfigError."""
    made: optim.Optimizer = _build(OPTIMIZERS[name], name, (model.parameters(),), arguments, where)
    return made


def build_scheduler(name: str, arguments: Mapping[str, Any], optimizer: optim.Optimizer, times: int, where: str) -> Any:
    """The scheduler of an optimizer; `times` is how often it will go on. Raises ConfigError."""
    kind = SCHEDULERS[name]
    length = {} if kind.length is None or kind.length in arguments else {kind.length: times}
    return _build(kind.build, name, (optimizer,), {**length, **arguments}, where)


def _build(build: Callable[..., Any], name: str, first: tuple[Any], arguments: Mapping[str, Any], where: str) -> Any:
    known = list(inspect.signature(build).parameters)[1:]
    for argument in arguments:
        if argument not in known:
            raise ConfigError(f"{where}: {name} has no argument {argument!r} (has: {', '.join(known)})")
    given = {
        key: tuple(value) if key == "betas" and isinstance(value, list) else value for key, value in arguments.items()
    }
    try:
        return build(*first, **given)
    except (MedtorchError, TypeError) as error:
        raise ConfigError(f"{where}: {name}: {error}") from error
