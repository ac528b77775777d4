"""Hooks for every module there is: around calls, on the way back, and where members are taken in.

Source    semantics of torch.nn.modules.module.register_module_forward_hook and its kin
Requires  REQ-F-NN-002
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from medtorch.core.handles import RemovableHandle
from medtorch.errors import ModuleError, UnsupportedError

Hook = Callable[..., Any]


@dataclass(frozen=True)
class Everywhere:
    """The hooks of all modules, by what they are called for."""

    before: dict[int, Any] = field(default_factory=dict)
    after: dict[int, Any] = field(default_factory=dict)
    backward_before: dict[int, Any] = field(default_factory=dict)
    backward_after: dict[int, Any] = field(default_factory=dict)
    parameters: dict[int, Any] = field(default_factory=dict)
    buffers: dict[int, Any] = field(default_factory=dict)
    modules: dict[int, Any] = field(default_factory=dict)


EVERYWHERE = Everywhere()


@dataclass(frozen=True)
class ForwardHook:
    """A hook around forward, and how it wants to be called."""

    function: Hook
    with_kwargs: bool
    always_call: bool = False

    def before(
        self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments after a pre-hook has seen them."""
        if not self.with_kwargs:
            changed = self.function(module, args)
            if changed is None:
                return args, kwargs
            return changed if isinstance(changed, tuple) else (changed,), kwargs
        both = self.function(module, args, kwargs)
        if both is None:
            return args, kwargs
        if not (isinstance(both, tuple) and len(both) == 2):
            raise ModuleError(
                f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {both}."
            )
        return both

    def after(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Any:
        """The result after a hook has seen it."""
        changed = (
            self.function(module, args, kwargs, result) if self.with_kwargs else self.function(module, args, result)
        )
        return result if changed is None else changed


def registered(hooks: dict[int, Any], owner: Any, name: str, value: Any) -> Any:
    """What is taken in after the hooks have seen it."""
    for hook in list(hooks.values()):
        changed = hook(owner, name, value)
        value = value if changed is None else changed
    return value


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, args)` before every module's forward; what it returns takes the place of the arguments."""
    return RemovableHandle(EVERYWHERE.before, ForwardHook(hook, with_kwargs=False))


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after every module's forward; what it returns takes the place of the output."""
    return RemovableHandle(EVERYWHERE.after, ForwardHook(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` before gradients go back through any module."""
    return RemovableHandle(EVERYWHERE.backward_before, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when they have gone back through any module."""
    return RemovableHandle(EVERYWHERE.backward_after, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """Not supported: torch's deprecated hook sees only part of a module's gradients."""
    raise UnsupportedError("register_module_backward_hook is not supported; use register_module_full_backward_hook")


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, parameter)` when any module takes a parameter in; what it returns takes its place."""
    return RemovableHandle(EVERYWHERE.parameters, hook)


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when any module takes a buffer in; what it returns takes its place."""
    return RemovableHandle(EVERYWHERE.buffers, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, submodule)` when any module takes a module in; what it returns takes its place."""
    return RemovableHandle(EVERYWHERE.modules, hook)
