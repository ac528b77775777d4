"""GradScaler: losses scaled up before backward, gradients scaled down after it, steps left out where they overflow."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, TrainingError

__all__ = ["GradScaler"]
_READY, _UNSCALED, _STEPPED = range(3)


class GradScaler:
    """Scales losses by a factor that grows while gradients stay finite, and shrinks when they do not.

    scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()

    Math      the scale is multiplied by `backoff_factor` after a step with an infinite or NaN gradient, which is left
              out, and by `growth_factor` after `growth_interval` steps without
    Raises    ArgumentError for factors that do not grow and shrink; TrainingError for calls out of order
    Source    semantics of torch.amp.GradScaler; without a CUDA device a scaler for "cuda" switches itself off, and says
              so, as torch's does
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if device not in ("cpu", "cuda"):
            raise ArgumentError(f"GradScaler: device must be 'cpu' or 'cuda', got {device!r}")
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda" and not _cuda_is_there():
            warnings.warn("GradScaler is enabled for 'cuda', but there is no CUDA device: it is off", stacklevel=2)
            self._enabled = False
        if growth_factor <= 1.0:
            raise ArgumentError(f"GradScaler: growth_factor must be above 1, got {growth_factor}")
        if backoff_factor >= 1.0:
            raise ArgumentError(f"GradScaler: backoff_factor must be below 1, got {backoff_factor}")
        self._scale, self._growth, self._backoff = float(init_scale), growth_factor, backoff_factor
        self._interval, self._tracker = growth_interval, 0
        self._states: dict[int, tuple[int, bool]] = {}

    # -- one step -----------------------------------------------------------------------------------------------------

    def scale(self, outputs: Any) -> Any:
        """A tensor, or several, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * outputs.detach().new_tensor(self._scale)
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(out) for out in outputs)
        raise ArgumentError(f"GradScaler.scale: takes tensors, got {type(outputs).__name__}")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimizer's parameters by the scale, and see whether all are finite."""
        if not self._enabled:
            return
        stage, _ = self._states.get(id(optimizer), (_READY, False))
        if stage == _UNSCALED:
            raise TrainingError("unscale_() has already been called on this optimizer since the last update().")
        if stage == _STEPPED:
            raise TrainingError("unscale_() is being called after step().")
        self._states[id(optimizer)] = (_UNSCALED, self._unscaled(optimizer))

    def _unscaled(self, optimizer: Any) -> bool:
        """Whether a gradient is infinite or NaN; all are divided by the scale."""
        found, inverse = False, float(np.float32(1.0 / self._scale))
        with no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is None:
                        continue
                    if parameter.grad.dtype.name == "float16":
                        raise TrainingError("unscale_(): gradients of float16 parameters cannot be unscaled")
                    found = found or not bool(parameter.grad.isfinite().all().item())
                    parameter.grad.mul_(inverse)
        return found

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)` on gradients that are unscaled, unless one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise ArgumentError("GradScaler.step: closures are not supported")
        stage, _ = self._states.get(id(optimizer), (_READY, False))
        if stage == _STEPPED:
            raise TrainingError("step() has already been called since the last update().")
        if stage == _READY:
            self.unscale_(optimizer)
        overflow = self._states[id(optimizer)][1]
        self._states[id(optimizer)] = (_STEPPED, overflow)
        return None if overflow else optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Grow or shrink the scale after the steps since the last update; or set it.

        Raises    TrainingError if there was no step
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        else:
            if not self._states:
                raise TrainingError("No inf checks were recorded prior to update.")
            self._adapt(any(overflow for _, overflow in self._states.values()))
        self._states = {}

    def _adapt(self, overflow: bool) -> None:
        if overflow:
            self._scale, self._tracker = self._scale * self._backoff, 0
            return
        self._tracker += 1
        if self._tracker == self._interval:
            grown = float(np.float32(self._scale * self._growth))
            self._scale, self._tracker = grown if math.isfinite(grown) else self._scale, 0

    # -- what it is ---------------------------------------------------------------------------------------------------

    def get_scale(self) -> float:
        """The scale, 1 where the scaler is off."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        return self._growth

    def set_growth_factor(self, new_factor: float) -> None:
        self._growth = new_factor

    def get_backoff_factor(self) -> float:
        return self._backoff

    def set_backoff_factor(self, new_factor: float) -> None:
        self._backoff = new_factor

    def get_growth_interval(self) -> int:
        return self._interval

    def set_growth_interval(self, new_interval: int) -> None:
        self._interval = new_interval

    def is_enabled(self) -> bool:
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What load_state_dict needs to go on, under torch's names; nothing where the scaler is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from where state_dict() was taken. Raises TrainingError for an empty one, of a scaler that was off."""
        if not self._enabled:
            return
        if not state_dict:
            raise TrainingError(
                "The source state dict is empty, possibly because it was saved from a disabled GradScaler."
            )
        self._scale, self._growth = float(state_dict["scale"]), state_dict["growth_factor"]
        self._backoff, self._interval = state_dict["backoff_factor"], state_dict["growth_interval"]
        self._tracker = int(state_dict["_growth_tracker"])


def _cuda_is_there() -> bool:
    from medtorch import cuda  # noqa: PLC0415  the room of devices, asked only where one is wanted

    return bool(cuda.is_available())
