"""Averages of a model's weights over training: stochastic weight averaging, exponential moving averages.

Source    Izmailov et al. 2018, arXiv:1803.05407; Polyak & Juditsky 1992; semantics of torch.optim.swa_utils
Requires  REQ-F-OPT-009
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from medtorch.core.devices import device as Device
from medtorch.core.dtypes import int64
from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError
from medtorch.nn.modules._new import full
from medtorch.nn.modules.batchnorm import _BatchNorm
from medtorch.nn.modules.module import Module
from medtorch.optim.lr_scheduler.base import LRScheduler, checked_optimizer, per_group
from medtorch.optim.optimizer import Optimizer

AvgFn = Callable[[Tensor, Tensor, Any], Tensor]
MultiAvgFn = Callable[[Any, Any, Any], None]


def get_swa_avg_fn() -> AvgFn:
    """The plain mean of all models seen: a + (p - a) / (n + 1)."""

    def average(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            mean: Tensor = averaged_param + (current_param - averaged_param) / (num_averaged + 1)
            return mean

    return average


def get_ema_avg_fn(decay: float = 0.999) -> AvgFn:
    """The exponential moving average: decay a + (1 - decay) p. Raises ArgumentError for a decay outside [0, 1]."""
    _check_decay(decay)

    def average(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return average


def get_swa_multi_avg_fn() -> MultiAvgFn:
    """`get_swa_avg_fn` for lists of tensors, in place."""
    return _for_lists(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAvgFn:
    """`get_ema_avg_fn` for lists of tensors, in place."""
    return _for_lists(get_ema_avg_fn(decay))


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _for_lists(average: AvgFn) -> MultiAvgFn:
    def update(averaged: list[Tensor], current: list[Tensor], num_averaged: Any) -> None:
        with no_grad():
            for a, p in zip(averaged, current, strict=True):
                a.copy_(average(a, p, num_averaged))

    return update


class AveragedModel(Module):
    """A copy of a model whose weights are the average of those that `update_parameters` has seen.

    Buffers are those of the model seen last, or with `use_buffers` averaged too.

    Raises    ArgumentError for both avg_fn and multi_avg_fn
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: str | Device | int | None = None,
        avg_fn: AvgFn | None = None,
        multi_avg_fn: MultiAvgFn | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", full((), 0, device, int64))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take `model` into the average."""
        with no_grad():
            averaged, current = self._tensors(self.module), self._tensors(model)
            current = [p.to(a.device) for a, p in zip(averaged, current, strict=True)]
            if self.n_averaged.item() == 0:
                for a, p in zip(averaged, current, strict=True):
                    a.copy_(p)
            elif averaged:
                update = self.multi_avg_fn or _for_lists(self.avg_fn or get_swa_avg_fn())
                update(averaged, current, self.n_averaged)
            if not self.use_buffers:
                for own, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                    own.copy_(theirs)
            self.n_averaged.add_(1)

    def _tensors(self, model: Module) -> list[Tensor]:
        buffers = model.buffers() if self.use_buffers else ()
        return [tensor.detach() for tensor in itertools.chain(model.parameters(), buffers)]


def update_bn(loader: Iterable[Any], model: Module, device: str | Device | int | None = None) -> None:
    """Take the running statistics of every batch norm in `model` anew, as plain means over the batches of `loader`.

    Batches are tensors, or lists and tuples whose first item is the input.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return
    momenta, was_training = [layer.momentum for layer in layers], model.training
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    model.train()
    try:
        with no_grad():
            for batch in loader:
                images = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(images if device is None else images.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """From the rate of each group to swa_lr in anneal_epochs epochs, then constant.

    Math      lr = swa_lr a + lr0 (1 - a), a = e / anneal_epochs ("linear") or (1 - cos(pi e / anneal_epochs)) / 2
    Raises    ArgumentError for an unknown strategy or a length that is no whole number from 0 on
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = per_group("swa_lr", checked_optimizer(optimizer), swa_lr)
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        step = max(1, step) if self.anneal_epochs == 0 else step
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group, rate in zip(self.optimizer.param_groups, self._rates(), strict=True):
            target = group["swa_lr"]
            start = target if before == 1 else (rate - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """How much of the way has been gone."""
        share = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return share if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * share)) / 2
