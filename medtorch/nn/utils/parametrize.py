"""Parameters that are computed from others: registered on a module, they stay what the module calls its weight.

Source    semantics of torch.nn.utils.parametrize
Requires  REQ-F-NN-013
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleError, UnsupportedError
from medtorch.nn.modules.container import ModuleDict, ModuleList
from medtorch.nn.modules.module import Module
from medtorch.nn.parameter import Parameter


class _Cache:
    """What `cached` keeps: how deep it is entered, and the tensors computed since."""

    depth = 0
    tensors: dict[tuple[int, str], Tensor] = {}  # noqa: RUF012  one cache for all


@contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed once."""
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.tensors = {}


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the tensor (`original`) or tensors (`original0`, ...) they start from.

    Raises    ArgumentError where a parametrization changes shape or dtype, unless `unsafe`
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        start = self._inverted(original)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        if self.is_tensor:
            if start.dtype is not dtype or start.device != original.device:
                raise ArgumentError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype or the device: "
                    f"{dtype} {original.device} to {start.dtype} {start.device}"
                )
            _put(original, start)
            _register(self, "original", original)
        for nr, part in enumerate(() if self.is_tensor else start):
            learned = isinstance(original, Parameter)
            own = Parameter(part.detach(), original.requires_grad) if learned else part.detach()
            _register(self, f"original{nr}", own)
        if not unsafe:
            _check_same("Registering a parametrization", self(), shape, dtype)

    def _inverted(self, value: Tensor) -> Any:
        """What the first parametrization has to start from; one without an inverse leaves the value as it is."""
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        value = module.right_inverse(value)
                    except NotImplementedError:
                        continue
        parts = [value] if isinstance(value, Tensor) else value
        if not isinstance(parts, Sequence) or not all(isinstance(part, Tensor) for part in parts):
            raise ArgumentError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(value).__name__}"
            )
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor is `value`. Raises ModuleError without an inverse."""
        given: Any = value
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise ModuleError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                given = module.right_inverse(given)
            names = ["original"] if self.is_tensor else [f"original{nr}" for nr in range(self.ntensors)]
            parts = [given] if self.is_tensor else list(given)
            if len(parts) != len(names):
                raise ArgumentError(
                    f"'right_inverse' must return a sequence of tensors of length {len(names)}. "
                    f"Got a sequence of length {len(parts)}."
                )
            for name, part in zip(names, parts, strict=True):
                own = getattr(self, name)
                if part.dtype is not own.dtype:
                    raise ArgumentError(
                        f"The tensor returned by `right_inverse` has dtype {part.dtype} while `{name}` has dtype "
                        f"{own.dtype}"
                    )
                _put(own, part)

    def forward(self) -> Tensor:
        modules = list(self)
        if self.is_tensor:
            x = modules[0](self.original)
        else:
            x = modules[0](*(getattr(self, f"original{nr}") for nr in range(self.ntensors)))
        for module in modules[1:]:
            x = module(x)
        return x  # type: ignore[no-any-return]


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """From now on `module.<tensor_name>` is `parametrization(original)`; several follow one another.

    The module's class is from then on a subclass of its own, "Parametrized...".

    Raises    ArgumentError where it changes shape or dtype (unless `unsafe`), or there is no such tensor
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_chained(getattr(module, tensor_name), parametrization)
        known: Any = module.parametrizations[tensor_name]
        known.append(parametrization)
        known.unsafe |= unsafe
        return module
    if tensor_name not in module._buffers and tensor_name not in module._parameters:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    fresh = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe=unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    names = [*module.parametrizations, tensor_name]
    base = type_before_parametrizations(module)
    module.parametrizations[tensor_name] = fresh
    module.__class__ = _parametrized_class(base, names)
    return module


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make `module.<tensor_name>` an own tensor again: as it is computed now, or the original.

    Raises    ArgumentError if it is not parametrized, or the originals are several and would have to be left
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"Module {module} does not have a parametrization on {tensor_name}")
    known: Any = module.parametrizations[tensor_name]
    if not known.is_tensor and not leave_parametrized:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    computed = getattr(module, tensor_name)
    if known.is_tensor:
        kept = known.original
        if leave_parametrized:
            _put(kept, computed.detach())
    else:
        kept = Parameter(computed.detach()) if computed.requires_grad else computed.detach()
    base = type_before_parametrizations(module)
    del module.parametrizations[tensor_name]
    names = list(module.parametrizations)
    if not names:
        del module.parametrizations
    module.__class__ = _parametrized_class(base, names) if names else base
    _register(module, tensor_name, kept)
    return module


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Register the parametrizations of one tensor, or of all, on `to_module`, too; the originals are shared."""
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        known: Any = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            to_module.register_parameter(name, Parameter(getattr(from_module, name).detach()))
        for parametrization in known:
            register_parametrization(to_module, name, parametrization)
        theirs: Any = to_module.parametrizations[name]
        for kind in ("_parameters", "_buffers"):
            getattr(theirs, kind).update(getattr(known, kind))
    return to_module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrizations, or one of this tensor."""
    known = module.__dict__.get("_modules", {}).get("parametrizations")
    if not isinstance(known, ModuleDict):
        return False
    return len(known) > 0 if tensor_name is None else tensor_name in known


def type_before_parametrizations(module: Module) -> type:
    """The class that a module had before its parametrizations."""
    return type(module).__bases__[0] if isinstance(module, _Parametrized) else type(module)


class _Parametrized:
    """Marks the classes that registering makes, and says how they are copied."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        twin = self.__class__.__new__(self.__class__)
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin

    def __getstate__(self) -> Any:
        raise UnsupportedError("Serialization of parametrized modules is only supported through state_dict()")


def _parametrized_class(base: type, names: Sequence[str]) -> type:
    """A subclass of `base` with a property for each name: made anew each time, so that no copy shares a change."""
    members = {name: _computed(name) for name in names}
    return type(f"Parametrized{base.__name__}", (base, _Parametrized), members)


def _computed(name: str) -> property:
    def get(self: Any) -> Tensor:
        if not _Cache.depth:
            return self.parametrizations[name]()  # type: ignore[no-any-return]
        key = (id(self), name)
        if key not in _Cache.tensors:
            _Cache.tensors[key] = self.parametrizations[name]()
        return _Cache.tensors[key]

    def put(self: Any, value: Tensor) -> None:
        self.parametrizations[name].right_inverse(value)

    return property(get, put)


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _put(own: Tensor, value: Tensor) -> None:
    """The numbers of `value` in `own`, which stays the object that an optimizer knows."""
    if value is not own:
        own.data = value.detach()


def _check_same(what: str, found: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(found, Tensor):
        raise ArgumentError(f"A parametrization must return a tensor. Got {type(found).__name__}.")
    for name, now, before in (("dtype", found.dtype, dtype), ("shape", tuple(found.shape), tuple(shape))):
        if now != before:
            raise ArgumentError(
                f"{what} may not change the {name} of the tensor, unless `unsafe` flag is enabled: "
                f"from {before} to {now}"
            )


def _check_chained(now: Tensor, parametrization: Any) -> None:
    after = parametrization(now)
    _check_same("Registering a parametrization", after, now.shape, now.dtype)
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(after)
        except NotImplementedError:
            return
        _check_same("The tensor returned by parametrization.right_inverse", back, now.shape, now.dtype)
