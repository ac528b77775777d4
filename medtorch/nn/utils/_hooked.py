"""What the old weight_norm and spectral_norm share: a weight computed by a hook before every call.

Requires  REQ-F-NN-013
"""

from __future__ import annotations

from typing import Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleError
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter, is_lazy


def found(module: Module, kind: type, name: str) -> tuple[int, Any] | None:
    """The hook of this kind for this weight and its number, if there is one."""
    for number, hook in module._forward_pre_hooks.items():
        own = hook.function
        if isinstance(own, kind) and getattr(own, "name", None) == name:
            return number, own
    return None


def weight_to_compute(module: Module, kind: type, what: str, name: str) -> Parameter:
    """The parameter that is to be computed from now on.

    Raises    ModuleError for a second hook on the same weight; ArgumentError for a weight that is not there yet
    """
    if found(module, kind, name) is not None:
        raise ModuleError(f"Cannot register two {what} hooks on the same parameter {name}")
    weight = module._parameters[name]
    if weight is None:
        raise ArgumentError(f"`{kind.__name__}` cannot be applied as parameter `{name}` is None")
    if is_lazy(weight):
        raise ArgumentError(
            f"The module passed to `{kind.__name__}` can't have uninitialized parameters. Make sure to run the dummy "
            "forward first"
        )
    return weight


def removed(module: Module, kind: type, what: str, name: str) -> Any:
    """Take the hook off. Raises ArgumentError if there is none."""
    known = found(module, kind, name)
    if known is None:
        raise ArgumentError(f"{what} of '{name}' not found in {module}")
    del module._forward_pre_hooks[known[0]]
    return known[1]


def set_plain(module: Module, name: str, weight: Tensor) -> None:
    """The computed weight, as an attribute that is neither parameter nor buffer."""
    module.__dict__[name] = weight
