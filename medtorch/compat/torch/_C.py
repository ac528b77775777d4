"""Names of PyTorch's compiled part that Python code asks for.

Requires  REQ-F-CPT-003
"""

# ruff: noqa: N999  the module's name is torch's

from __future__ import annotations

import enum

from medtorch.core.overrides import STATE
from medtorch.core.overrides import plainly as _disabled_torch_function_impl

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "DispatchKey",
    "DispatchKeySet",
    "_disabled_torch_function_impl",
    "_get_tracing_state",
    "_log_api_usage_once",
]


def _get_tracing_state() -> None:
    """None: nothing is being traced."""
    return


def _log_api_usage_once(event: str) -> None:
    """Nothing to do: nobody counts calls."""


class DisableTorchFunctionSubclass:
    """`with DisableTorchFunctionSubclass():` methods of subclasses are those of Tensor."""

    def __enter__(self) -> None:
        self._before, STATE.off = STATE.off, True

    def __exit__(self, *_: object) -> None:
        STATE.off = self._before


DisableTorchFunction = DisableTorchFunctionSubclass


class DispatchKey(enum.Enum):
    """Names of the dispatcher's stages that code registers for; nothing is dispatched by them here."""

    CPU = "CPU"
    CUDA = "CUDA"
    Meta = "Meta"
    Autograd = "Autograd"
    AutogradCPU = "AutogradCPU"
    AutogradCUDA = "AutogradCUDA"
    AutocastCPU = "AutocastCPU"
    AutocastCUDA = "AutocastCUDA"
    AutocastXPU = "AutocastXPU"


class DispatchKeySet:
    """Some of the dispatcher's stages."""

    def __init__(self, *keys: DispatchKey) -> None:
        self._keys = frozenset(keys)

    def __or__(self, other: DispatchKeySet) -> DispatchKeySet:
        return DispatchKeySet(*self._keys, *other._keys)

    def has(self, key: DispatchKey) -> bool:
        return key in self._keys
