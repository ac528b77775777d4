"""What a module is made of: parameters, buffers and modules, taken in by assignment and found again by name.

Source    semantics of torch.nn.Module
Requires  REQ-F-NN-001
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, ModuleAttributeError, ModuleKeyError, ModuleTypeError
from medtorch.nn.modules.everywhere import EVERYWHERE, registered
from medtorch.nn.parameter import Buffer, Parameter

if TYPE_CHECKING:
    from medtorch.nn.modules.module import Module


class Registry:
    """The part of Module that keeps its members."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def _init_registry(self) -> None:
        """Past __setattr__, which needs these to be there."""
        own = self.__dict__
        own["_parameters"] = {}
        own["_buffers"] = {}
        own["_modules"] = {}
        own["_non_persistent_buffers_set"] = set()

    # -- by assignment ------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for kind in ("_parameters", "_buffers", "_modules"):
            members = own.get(kind)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._ready("parameters")
            self._forget(name, keep="_parameters")
            self.register_parameter(name, value)
        elif name in self.__dict__.get("_parameters", ()):
            if value is not None:
                raise ModuleTypeError(
                    f"cannot assign '{_kind(value)}' as parameter '{name}' (nn.Parameter or None expected)"
                )
            self.register_parameter(name, None)
        elif isinstance(value, Registry):
            self._ready("module")
            self._forget(name, keep="_modules")
            self._modules[name] = registered(EVERYWHERE.modules, self, name, value)
        elif name in self.__dict__.get("_modules", ()):
            if value is not None:
                raise ModuleTypeError(
                    f"cannot assign '{_kind(value)}' as child module '{name}' (nn.Module or None expected)"
                )
            self._modules[name] = None
        elif isinstance(value, Buffer) or name in self.__dict__.get("_buffers", ()):
            self._ready("buffers")
            self._assign_buffer(name, value)
        else:
            object.__setattr__(self, name, value)

    def _assign_buffer(self, name: str, value: Any) -> None:
        if value is not None and not isinstance(value, Tensor):
            raise ModuleTypeError(
                f"cannot assign '{_kind(value)}' as buffer '{name}' (nn.Buffer, Tensor or None expected)"
            )
        persistent = value.persistent if isinstance(value, Buffer) else name not in self._non_persistent_buffers_set
        self._forget(name, keep="_buffers")
        self.register_buffer(name, value, persistent)

    def __delattr__(self, name: str) -> None:
        if name in self._parameters:
            del self._parameters[name]
        elif name in self._buffers:
            del self._buffers[name]
            self._non_persistent_buffers_set.discard(name)
        elif name in self._modules:
            del self._modules[name]
        else:
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        names = {*dir(type(self)), *self.__dict__, *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if not name[0].isdigit())

    def _ready(self, what: str) -> None:
        if "_parameters" not in self.__dict__:
            raise ModuleAttributeError(f"cannot assign {what} before Module.__init__() call")

    def _forget(self, name: str, *, keep: str) -> None:
        """Take `name` out of wherever else it is."""
        own = self.__dict__
        for kind in ("_parameters", "_buffers", "_modules"):
            if kind != keep:
                own[kind].pop(name, None)
        if keep != "_buffers":
            self._non_persistent_buffers_set.discard(name)
        own.pop(name, None)

    # -- by call ------------------------------------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Take `param` in under `name`; None keeps the name for a parameter that is absent."""
        if "_parameters" not in self.__dict__:
            raise ModuleAttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name("parameter", name, self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise ModuleTypeError(
                f"cannot assign '{_kind(param)}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        if param is not None and param.grad_fn is not None:
            raise ArgumentError(
                f"cannot assign a computed tensor to parameter '{name}': model parameters must be leaves; to compute "
                f"'{name}' from another tensor, do so in forward()"
            )
        self._parameters[name] = None if param is None else registered(EVERYWHERE.parameters, self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Take `tensor` in under `name` without learning it; it is part of the state_dict if `persistent`."""
        if "_buffers" not in self.__dict__:
            raise ModuleAttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name("buffer", name, self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise ModuleTypeError(
                f"cannot assign '{_kind(tensor)}' object to buffer '{name}' (Tensor or None required)"
            )
        self._buffers[name] = None if tensor is None else registered(EVERYWHERE.buffers, self, name, tensor)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Take `module` in under `name`."""
        self._ready("module")
        if module is not None and not isinstance(module, Registry):
            raise ModuleTypeError(f"{_kind(module)} is not a Module subclass")
        self._check_name("module", name, self._modules)
        self._modules[name] = registered(EVERYWHERE.modules, self, name, module)

    def register_module(self, name: str, module: Module | None) -> None:
        """Another name of add_module."""
        self.add_module(name, module)

    def _check_name(self, what: str, name: str, taken: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise ModuleTypeError(f"{what} name should be a string, got {_kind(name)}")
        if "." in name:
            raise ModuleKeyError(f'{what} name can\'t contain ".", got: {name}')
        if name == "":
            raise ModuleKeyError(f'{what} name can\'t be empty string ""')
        if hasattr(self, name) and name not in taken:
            raise ModuleKeyError(f"attribute '{name}' already exists")

    # -- by path ------------------------------------------------------------------------------------------------------

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path, such as "layer1.0.conv1"; "" is the module itself."""
        found: Any = self
        for step in target.split(".") if target else ():
            if not hasattr(found, step):
                raise ModuleAttributeError(f"{type(found).__name__} has no attribute `{step}`")
            found = getattr(found, step)
            if not isinstance(found, Registry):
                raise ModuleAttributeError(f"`{step}` is not an nn.Module")
        return found  # type: ignore[no-any-return]

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a dotted path; with `strict` there has to be one there already."""
        if not target:
            raise ArgumentError("set_submodule: cannot set the submodule without a target name")
        if not isinstance(module, Registry):
            raise ArgumentError(f"set_submodule: `module` is not an nn.Module, found {_kind(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise ModuleAttributeError(f"{type(parent).__name__} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Registry):
            raise ModuleAttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path."""
        owner, name = self._owner(target)
        found = getattr(owner, name)
        if not isinstance(found, Parameter):
            raise ModuleAttributeError(f"`{name}` is not an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path."""
        owner, name = self._owner(target)
        if name not in owner._buffers:
            raise ModuleAttributeError(f"`{name}` is not a buffer")
        return owner._buffers[name]  # type: ignore[return-value]

    def _owner(self, target: str) -> tuple[Module, str]:
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        if not hasattr(owner, name):
            raise ModuleAttributeError(f"{type(owner).__name__} has no attribute `{name}`")
        return owner, name

    # -- by walking ---------------------------------------------------------------------------------------------------

    def _named_members(
        self,
        get_members_fn: Callable[[Any], Iterable[tuple[str, Any]]],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners: Iterable[tuple[str, Any]] = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else ((prefix, self),)
        )
        for path, owner in owners:
            for name, member in get_members_fn(owner):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted path; one that is shared comes once, under its first path."""
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, once."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer with its dotted path."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer, once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, with their names."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        for _, module in self.named_children():
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module and every one inside, with their dotted paths."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)  # type: ignore[arg-type]
        yield prefix, self  # type: ignore[misc]
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and every one inside."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module


def _kind(value: object) -> str:
    return type(value).__name__
