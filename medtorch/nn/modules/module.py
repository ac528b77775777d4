"""Module: what every layer and every model derives from.

Its members (`_registry.py`), its state (`_state.py`) and its calls (`_calls.py`) are subjects of their own; here is
what concerns the whole: modes, conversions, printing.

Source    semantics of torch.nn.Module
Requires  REQ-F-NN-001
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from medtorch.core import dtypes
from medtorch.core.devices import as_device, device
from medtorch.core.dtypes import dtype
from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleTypeError, UnsupportedError
from medtorch.nn.modules._calls import Calls
from medtorch.nn.modules._registry import Registry
from medtorch.nn.modules._state import State
from medtorch.nn.modules.everywhere import register_module_backward_hook as register_module_backward_hook
from medtorch.nn.modules.everywhere import (
    register_module_buffer_registration_hook as register_module_buffer_registration_hook,
)
from medtorch.nn.modules.everywhere import register_module_forward_hook as register_module_forward_hook
from medtorch.nn.modules.everywhere import register_module_forward_pre_hook as register_module_forward_pre_hook
from medtorch.nn.modules.everywhere import register_module_full_backward_hook as register_module_full_backward_hook
from medtorch.nn.modules.everywhere import (
    register_module_full_backward_pre_hook as register_module_full_backward_pre_hook,
)
from medtorch.nn.modules.everywhere import (
    register_module_module_registration_hook as register_module_module_registration_hook,
)
from medtorch.nn.modules.everywhere import (
    register_module_parameter_registration_hook as register_module_parameter_registration_hook,
)
from medtorch.nn.parameter import is_lazy


class Module(Registry, State, Calls):
    """Base of all layers and models: derive, assign members in `__init__`, write `forward`."""

    training: bool
    dump_patches: bool = False
    call_super_init: bool = False
    """Whether `__init__` hands its arguments on to the class behind Module in the order of bases."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            raise ModuleTypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
                if args
                else f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        self.__dict__["training"] = True
        self._init_registry()
        self._init_state()
        self._init_calls()
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every subclass writes its own."""
        raise UnsupportedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # -- modes --------------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Training mode, here and in every module inside: dropout drops, batch norm takes the batch's statistics."""
        if not isinstance(mode, bool):
            raise ArgumentError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Inference mode, here and in every module inside."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether gradients are wanted, for every parameter."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient of every parameter, or fill it with zeros."""
        for parameter in self.parameters():
            if parameter.grad is None:
                continue
            parameter.grad = None if set_to_none else parameter.grad.detach().zero_()

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module inside, then on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # -- conversions --------------------------------------------------------------------------------------------------

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Put `fn(tensor)` in the place of every tensor; parameters and their gradients stay the same objects."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                with no_grad():
                    parameter.data = fn(parameter)
                    if parameter.grad is not None:
                        parameter.grad.data = fn(parameter.grad)
        for name, buffer in self._buffers.items():
            if is_lazy(buffer):
                buffer.data = fn(buffer)  # type: ignore[arg-type]
            elif buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """`to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`, `to(memory_format=...)`; only floats are cast.

        Raises    DtypeError for a dtype that is not floating point; ArgumentError for an unknown argument
        """
        place, wanted, options = _parse_to(*args, **kwargs)
        if wanted is not None and not wanted.is_floating_point:
            raise ModuleTypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={wanted}")
        layout = options.pop("memory_format", None)

        def convert(tensor: Tensor) -> Tensor:
            own = dict(options) if layout is None or tensor.ndim not in (4, 5) else {**options, "memory_format": layout}
            if wanted is not None and tensor.is_floating_point():
                own["dtype"] = wanted
            return tensor.to(device=place, **own)

        return self._apply(convert)

    def to_empty(self, *, device: str | device | int | None, recurse: bool = True) -> Self:
        """Move to `device` without keeping the numbers."""
        return self._apply(lambda t: t.new_empty(t.shape, device=device), recurse=recurse)

    def cpu(self) -> Self:
        """Move everything to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: str | device | int | None = None) -> Self:
        """Move everything to a CUDA device."""
        return self._apply(lambda t: t.cuda(device))

    def type(self, dst_type: Any) -> Self:
        """Cast everything to `dst_type`, whole numbers too."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Cast what is floating point to float32."""
        return self._cast(dtypes.float32)

    def double(self) -> Self:
        """Cast what is floating point to float64."""
        return self._cast(dtypes.float64)

    def half(self) -> Self:
        """Cast what is floating point to float16."""
        return self._cast(dtypes.float16)

    def bfloat16(self) -> Self:
        """Cast what is floating point to bfloat16."""
        return self._cast(dtypes.bfloat16)

    def _cast(self, wanted: dtype) -> Self:
        return self._apply(lambda t: t.to(wanted) if t.is_floating_point() else t)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Not supported: a model is compiled for example inputs."""
        raise UnsupportedError("Module.compile is not supported; use medtorch.compile(model, *example_inputs)")

    def share_memory(self) -> Self:
        """Not supported: tensors are not shared between processes."""
        raise UnsupportedError("share_memory is not supported")

    # -- printing -----------------------------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What a layer says of itself between the brackets."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr().split("\n") if self.extra_repr() else []
        inside = [f"({name}): " + indented(repr(module)) for name, module in self._modules.items()]
        if len(own) == 1 and not inside:
            return f"{self._get_name()}({own[0]})"
        return (
            self._get_name() + "(" + "".join(f"\n  {line}" for line in own + inside) + ("\n)" if own or inside else ")")
        )


def indented(text: str) -> str:
    """`text` with every line but the first moved two spaces in."""
    return text.replace("\n", "\n  ")


def _parse_to(*args: Any, **kwargs: Any) -> tuple[device | None, dtype | None, dict[str, Any]]:
    place: device | None = None
    wanted: dtype | None = None
    options: dict[str, Any] = {}
    if unknown := set(kwargs) - {"device", "dtype", "tensor", "non_blocking", "memory_format"}:
        raise ArgumentError(f"Module.to: unknown arguments {sorted(unknown)}")
    for value in (*args, kwargs.get("device"), kwargs.get("dtype"), kwargs.get("tensor")):
        if isinstance(value, Tensor):
            place, wanted = value.device, value.dtype
        elif isinstance(value, dtype):
            wanted = value
        elif isinstance(value, bool):
            options["non_blocking"] = value
        elif value is not None:
            place = as_device(value)
    return place, wanted, {**options, **{k: kwargs[k] for k in ("non_blocking", "memory_format") if k in kwargs}}
