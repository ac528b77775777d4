"""How a module is called: hooks before, the forward computation, hooks after; and hooks on the way back.

Source    semantics of torch.nn.Module.__call__ and its hooks
Requires  REQ-F-NN-002
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from medtorch.core.handles import RemovableHandle
from medtorch.errors import ModuleError, UnsupportedError
from medtorch.nn.modules._backward_hooks import BackwardHooks

Hook = Callable[..., Any]


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


class Calls:
    """The part of Module that is called."""

    _forward_pre_hooks: dict[int, ForwardHook]
    _forward_hooks: dict[int, ForwardHook]
    _backward_pre_hooks: dict[int, Hook]
    _backward_hooks: dict[int, Hook]

    forward: Callable[..., Any]

    def _init_calls(self) -> None:
        own = self.__dict__
        own["_forward_pre_hooks"] = {}
        own["_forward_hooks"] = {}
        own["_backward_pre_hooks"] = {}
        own["_backward_hooks"] = {}

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        if not (self._forward_pre_hooks or self._forward_hooks or self._backward_pre_hooks or self._backward_hooks):
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    __call__: Callable[..., Any] = _call_impl

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hooks = list(self._forward_hooks.values())
        called: list[ForwardHook] = []
        result = None
        try:
            for hook in list(self._forward_pre_hooks.values()):
                args, kwargs = hook.before(self, args, kwargs)
            watch = BackwardHooks.of(self, self._backward_pre_hooks, self._backward_hooks)
            if watch is not None:
                args = watch.inputs(args)
            result = self.forward(*args, **kwargs)
            for hook in hooks:
                called.append(hook)
                result = hook.after(self, args, kwargs, result)
            return result if watch is None else watch.outputs(result)
        except Exception as failure:
            self._call_always(hooks, called, args, kwargs, result, failure)
            raise

    def _call_always(
        self,
        hooks: list[ForwardHook],
        called: list[ForwardHook],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        failure: Exception,
    ) -> None:
        """After a failure: the hooks that want to be called all the same. What they raise is noted on the failure."""
        for hook in hooks:
            if hook.always_call and not any(hook is other for other in called):
                try:
                    result = hook.after(self, args, kwargs, result)
                except Exception as second:  # noqa: BLE001  the first failure is the one to report
                    failure.add_note(f"a forward hook with always_call=True raised too: {second!r}")

    # -- registering --------------------------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns takes the place of the arguments."""
        return RemovableHandle(self._forward_pre_hooks, ForwardHook(hook, with_kwargs), first=prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns takes the place of the output."""
        return RemovableHandle(self._forward_hooks, ForwardHook(hook, with_kwargs, always_call), first=prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the gradients go back through; what it returns takes their place."""
        return RemovableHandle(self._backward_pre_hooks, hook, first=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when they have; what it returns replaces grad_input."""
        return RemovableHandle(self._backward_hooks, hook, first=prepend)

    def register_backward_hook(self, hook: Hook) -> Self:
        """Not supported: torch's deprecated hook sees only part of a module's gradients."""
        raise UnsupportedError("register_backward_hook is not supported; use register_full_backward_hook")
