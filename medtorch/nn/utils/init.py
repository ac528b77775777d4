"""Modules made without drawing their weights.

Source    semantics of torch.nn.utils.skip_init
Requires  REQ-F-NN-009
"""

from __future__ import annotations

import inspect
from typing import Any

from medtorch.errors import ModuleTypeError
from medtorch.nn import init
from medtorch.nn.modules.module import Module


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Module:
    """`module_cls(*args, **kwargs)` with parameters left at zero, for numbers that are about to be loaded.

    Raises    ModuleTypeError for a class that is no Module, or takes no device
    """
    if not isinstance(module_cls, type) or not issubclass(module_cls, Module):
        raise ModuleTypeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise ModuleTypeError("Module must support a 'device' arg to skip initialization")
    with init.skip_init():
        return module_cls(*args, **kwargs)
