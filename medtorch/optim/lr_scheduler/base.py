"""LRScheduler: sets the learning rate of each group, epoch by epoch.

Source    semantics of torch.optim.lr_scheduler.LRScheduler
Requires  REQ-F-OPT-005
"""

from __future__ import annotations

import warnings
from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleTypeError, StateDictError
from medtorch.optim.optimizer import Optimizer, number

# What torch's schedulers of one age or another write besides, and ours have no use for.
_TORCHS_OWN = frozenset({"verbose", "_get_lr_called_within_step", "_is_initial"})


class LRScheduler:
    """Base of all schedulers: derive and write `get_lr`, which sees `last_epoch`, `base_lrs` and the groups.

    Raises    ArgumentError when resuming (last_epoch >= 0) with an optimizer whose groups have no "initial_lr"
    """

    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer)
        for nr, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number(group["lr"]))
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"param 'initial_lr' is not specified in param_groups[{nr}] when resuming a scheduler"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[float]:
        """The learning rate of each group at `last_epoch`, worked out from the one before."""
        raise NotImplementedError

    def _get_closed_form_lr(self) -> list[float]:
        """The same from `last_epoch` alone, where there is a formula for it."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The learning rates that were set last."""
        return self._last_lr

    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, or to `epoch`. To be called after optimizer.step()."""
        if self._step_count == 1 and not self.optimizer._steps_taken:
            warnings.warn(
                "lr_scheduler.step() was called before optimizer.step(): the first learning rate is never used",
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: Any = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            self._set(self.get_lr())
        else:
            self.last_epoch = epoch
            self._set(self._get_closed_form_lr())

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [number(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key not in ("optimizer", "_is_initial")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what state_dict gave. Raises StateDictError for other names than those of this scheduler."""
        own = set(self.state_dict())
        given = {key: value for key, value in state_dict.items() if key not in _TORCHS_OWN}
        if own != set(given):
            raise StateDictError(
                f"{type(self).__name__}: state misses {sorted(own - set(given))}, "
                f"and has {sorted(set(given) - own)} which is unknown"
            )
        self.__dict__.update(given)


_LRScheduler = LRScheduler  # torch's name of it before 2.0


def checked_optimizer(optimizer: Any) -> Optimizer:
    """Raise ModuleTypeError unless it is one."""
    if not isinstance(optimizer, Optimizer):
        raise ModuleTypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value for all groups, or one a group. Raises ArgumentError where their numbers differ."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ArgumentError(f"{name} must have one value a param_group: got {len(value)} for {groups}")
    return list(value)


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Set the learning rate of a group; one that is a tensor stays the same tensor."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def starts_momentum(optimizer: Optimizer, base: Any, top: Any, *, resuming: bool) -> bool:
    """Set each group's momentum to its highest, unless resuming; whether it is Adam's first beta.

    Raises    ArgumentError for an optimizer that has neither
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ArgumentError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
    is_beta = "betas" in optimizer.defaults
    highs, lows = per_group("max_momentum", optimizer, top), per_group("base_momentum", optimizer, base)
    if not resuming:
        for group, high, low in zip(optimizer.param_groups, highs, lows, strict=True):
            set_momentum(group, high, is_beta)
            group["max_momentum"], group["base_momentum"] = high, low
    return is_beta


def set_momentum(group: dict[str, Any], value: float, is_beta: bool) -> None:
    """Set the momentum of a group, or Adam's first beta."""
    if is_beta:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value
