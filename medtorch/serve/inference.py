"""Calling a model for its answers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.core.modes import inference_mode
from medtorch.core.tensor import Tensor
from medtorch.nn.modules.module import Module


def on_device(model: Module, device: str) -> Callable[..., Any]:
    """The model as a function of tensors on the CPU: no gradients, inputs brought to the device."""

    def call(*inputs: Tensor) -> Any:
        with inference_mode():
            return model(*(value.to(device) for value in inputs))

    return call


def outputs_of(given: Any) -> tuple[Tensor, ...]:
    """One output or several, as a tuple on the CPU."""
    several = given if isinstance(given, (tuple, list)) else (given,)
    return tuple(value.cpu() for value in several)
