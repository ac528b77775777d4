"""Calling a model for its answers alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from medtorch.core.modes import inference_mode
from medtorch.core.tensor import Tensor


def on_device(model: Callable[..., Any], device: str) -> Callable[..., tuple[Tensor, ...]]:
    """The model as a function of tensors on the CPU, to all its outputs there: no gradients, computed on the device."""

    def call(*inputs: Tensor) -> tuple[Tensor, ...]:
        with inference_mode():
            return outputs_of(model(*(value.to(device) for value in inputs)))

    return call


def parts_of(given: Any) -> tuple[Tensor, ...]:
    """The tensors of an answer: one, or several by place or by name, however nested; None is none."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return tuple(part for value in given.values() for part in parts_of(value))
    if isinstance(given, (tuple, list)):
        return tuple(part for value in given for part in parts_of(value))
    return (given,)


def outputs_of(given: Any) -> tuple[Tensor, ...]:
    """One output or several, as a tuple on the CPU."""
    return tuple(value.cpu() for value in parts_of(given))
