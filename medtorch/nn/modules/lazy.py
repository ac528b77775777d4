"""Layers that learn from their first input how many channels it has.

Source    semantics of torch.nn.modules.lazy.LazyModuleMixin
Requires  REQ-F-NN-012
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from medtorch.core.modes import no_grad
from medtorch.errors import ModuleError, UnsupportedError
from medtorch.nn.parameter import is_lazy

if TYPE_CHECKING:
    from medtorch.core.tensor import Tensor

# What stands here is mixed into a Module; a Module is what type checkers take it for.
if TYPE_CHECKING:
    from medtorch.nn.modules.module import Module as _Base
else:
    _Base = object


class LazyModuleMixin(_Base):
    """Mixed into a layer, before it: the first call, or a loaded state, gives shapes to its uninitialized parameters.

    After the first call the module's class is `cls_to_become`, if there is one.

    Raises    ModuleError where initialize_parameters leaves something uninitialized
    """

    cls_to_become: type[Any] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Give shapes to the parameters from the arguments of the first call; every lazy module writes its own."""
        raise UnsupportedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or a buffer has no shape yet."""
        return any(is_lazy(tensor) for tensor in itertools.chain(self._parameters.values(), self._buffers.values()))

    def _infer_parameters(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with no_grad():
            module.initialize_parameters(*args, **kwargs)
        if module.has_uninitialized_params():
            raise ModuleError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *_: Any) -> None:
        for name, own in itertools.chain(self._parameters.items(), self._buffers.items()):
            given = state_dict.get(prefix + name)
            if is_lazy(own) and given is not None and not is_lazy(given):
                _materialized(own, tuple(given.shape))


def _materialized(tensor: Any, shape: tuple[int, ...]) -> None:
    if is_lazy(tensor):
        tensor.materialize(shape)


def give_shapes(shapes: dict[str, tuple[int, ...]], owner: Any) -> None:
    """Give shapes to those of a module's tensors that have none yet."""
    for name, shape in shapes.items():
        tensor: Tensor | None = getattr(owner, name)
        if tensor is not None:
            _materialized(tensor, shape)
