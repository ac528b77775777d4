"""A module's state as a dictionary of tensors, out and in.

Source    semantics of torch.nn.Module.state_dict, load_state_dict
Requires  REQ-F-NN-003
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from medtorch.core.handles import RemovableHandle
from medtorch.core.modes import no_grad
from medtorch.core.tensor import Tensor
from medtorch.errors import MedtorchError, ModuleError, ModuleTypeError, StateDictError
from medtorch.nn.parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from medtorch.nn.modules.module import Module

_EXTRA_STATE = "_extra_state"


class StateDict(OrderedDict[str, Any]):
    """Names to tensors, with the version of each module that wrote them in `_metadata`."""

    _metadata: dict[str, dict[str, Any]]


class IncompatibleKeys(NamedTuple):
    """What load_state_dict(strict=False) left undone."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class State:
    """The part of Module that writes and reads state dictionaries."""

    _version: int = 1
    _state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _state_dict_hooks: dict[int, tuple[Callable[..., Any], bool]]
    _load_state_dict_pre_hooks: dict[int, Callable[..., Any]]
    _load_state_dict_post_hooks: dict[int, Callable[..., Any]]

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _non_persistent_buffers_set: set[str]

    def _init_state(self) -> None:
        own = self.__dict__
        own["_state_dict_pre_hooks"] = {}
        own["_state_dict_hooks"] = {}
        own["_load_state_dict_pre_hooks"] = {}
        own["_load_state_dict_post_hooks"] = {}

    def get_extra_state(self) -> Any:
        """What else belongs to the state, for a module that overrides this and set_extra_state."""
        raise ModuleError(f"{type(self).__name__} has no extra state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what get_extra_state gave."""
        raise ModuleError(f"{type(self).__name__} has no extra state")

    # -- out ----------------------------------------------------------------------------------------------------------

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by dotted path, sharing memory; detached unless `keep_vars`."""
        if destination is None:
            destination = StateDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in list(self._state_dict_pre_hooks.values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, may_replace in list(self._state_dict_hooks.values()):
            replaced = hook(self, destination, prefix, local_metadata)
            if replaced is not None:
                if not may_replace:
                    raise ModuleError("state_dict post-hook must return None")
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """This module's own part of state_dict; may be overridden."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not State.get_extra_state:
            destination[prefix + _EXTRA_STATE] = self.get_extra_state()

    def _own_state(self) -> dict[str, Tensor]:
        members = {
            **self._parameters,
            **{k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set},
        }
        return {name: tensor for name, tensor in members.items() if tensor is not None}

    # -- in -----------------------------------------------------------------------------------------------------------

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the tensors of `state_dict` into parameters and buffers of the same names; with `assign`, replace them.

        Raises    StateDictError naming every missing and unexpected key (if `strict`) and every shape that does not
                  fit; tensors that fit have been copied by then
        """
        if not isinstance(state_dict, Mapping):
            raise ModuleTypeError(f"Expected state_dict to be dict-like, got {type(state_dict).__name__}.")
        source = StateDict(state_dict)
        metadata = getattr(state_dict, "_metadata", None)
        if metadata is not None:
            source._metadata = metadata
        report = IncompatibleKeys([], [])
        errors: list[str] = []
        _load(self, source, "", metadata or {}, assign, report, errors)
        if strict:
            errors = [*_listed("Missing", report.missing_keys), *_listed("Unexpected", report.unexpected_keys), *errors]
        if errors:
            raise StateDictError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return report

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """This module's own part of load_state_dict; may be overridden, to read what an older version wrote."""
        for hook in list(self._load_state_dict_pre_hooks.values()):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = self._own_state()
        for name, target in own.items():
            key = prefix + name
            if key in state_dict:
                self._load_one(
                    name,
                    target,
                    key,
                    state_dict[key],
                    local_metadata.get("assign_to_params_buffers", False),
                    error_msgs,
                )
            elif strict:
                missing_keys.append(key)
        extra = prefix + _EXTRA_STATE
        if type(self).set_extra_state is not State.set_extra_state:
            if extra in state_dict:
                self.set_extra_state(state_dict[extra])
            elif strict:
                missing_keys.append(extra)
        elif strict and extra in state_dict:
            unexpected_keys.append(extra)
        if strict:
            unexpected_keys.extend(
                k
                for k in state_dict
                if k.startswith(prefix) and k != extra and not self._expects(k[len(prefix) :], own)
            )

    def _expects(self, key: str, own: dict[str, Tensor]) -> bool:
        first, dot, _ = key.partition(".")
        return first in self._modules if dot else first in own

    def _load_one(self, name: str, target: Tensor, key: str, value: Any, assign: bool, error_msgs: list[str]) -> None:
        if not isinstance(value, Tensor):
            error_msgs.append(
                f'While copying the parameter named "{key}", expected a Tensor from checkpoint '
                f"but received {type(value).__name__}"
            )
            return
        if is_lazy(target) or is_lazy(value):
            if not (is_lazy(target) and is_lazy(value)):
                error_msgs.append(f'While copying the parameter named "{key}": one of both is uninitialized')
            return
        if target.ndim == 0 and value.shape == (1,):  # PyTorch before 0.4 wrote numbers so
            value = value.detach().reshape(())
        if value.shape != target.shape:
            error_msgs.append(
                f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
                f"the shape in current model is {target.shape}."
            )
            return
        try:
            with no_grad():
                if assign:
                    setattr(self, name, _as_member(target, value))
                else:
                    target.copy_(value)
        except MedtorchError as refused:
            error_msgs.append(f'While copying the parameter named "{key}": {refused}')

    # -- hooks --------------------------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before state_dict is written."""
        return RemovableHandle(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after; it may change the dictionary in place."""
        return RemovableHandle(self._state_dict_hooks, (hook, False))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """As register_state_dict_post_hook, for a hook that may return another dictionary."""
        return RemovableHandle(self._state_dict_hooks, (hook, True))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        """As the public one; without `with_module` the hook is not given the module."""
        return RemovableHandle(self._load_state_dict_pre_hooks, _Bound(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the lists in place."""
        return RemovableHandle(self._load_state_dict_post_hooks, hook)


class _Bound:
    """A hook with its module; a deep copy of the module has a hook bound to the copy."""

    def __init__(self, hook: Callable[..., Any], module: Any) -> None:
        self.hook, self.module = hook, module

    def __call__(self, *args: Any) -> Any:
        return self.hook(self.module, *args)


def _as_member(target: Tensor, value: Tensor) -> Tensor:
    if not isinstance(target, Parameter):
        return value
    if isinstance(value, Parameter):
        return value.requires_grad_(target.requires_grad)
    return Parameter(value, requires_grad=target.requires_grad)


def _load(
    module: Any,
    state: StateDict,
    prefix: str,
    metadata: Mapping[str, Any],
    assign: bool,
    report: IncompatibleKeys,
    errors: list[str],
) -> None:
    local_metadata = dict(metadata.get(prefix[:-1], {}))
    if assign:
        local_metadata["assign_to_params_buffers"] = True
    # Strict always: load_state_dict drops the findings where they are not wanted, hooks and the return value see them.
    module._load_from_state_dict(
        state, prefix, local_metadata, True, report.missing_keys, report.unexpected_keys, errors
    )
    for name, child in module._modules.items():
        if child is not None:
            below = f"{prefix}{name}."
            part = StateDict((k, v) for k, v in state.items() if k.startswith(below))
            _load(child, part, below, metadata, assign, report, errors)
    for hook in list(module._load_state_dict_post_hooks.values()):
        if hook(module, report) is not None:
            raise ModuleError("a load_state_dict post-hook must return None; it may change the lists of keys in place")


def _listed(kind: str, keys: list[str]) -> list[str]:
    return [f"{kind} key(s) in state_dict: " + ", ".join(f'"{k}"' for k in keys) + ". "] if keys else []
