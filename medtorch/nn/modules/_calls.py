"""How a module is called: hooks before, the forward computation, hooks after; and hooks on the way back.

Source    semantics of torch.nn.Module.__call__ and its hooks
Requires  REQ-F-NN-002
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from medtorch.core.handles import RemovableHandle
from medtorch.errors import UnsupportedError
from medtorch.nn.modules._backward_hooks import BackwardHooks
from medtorch.nn.modules.everywhere import EVERYWHERE, ForwardHook, Hook


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
        own = self._forward_pre_hooks or self._forward_hooks or self._backward_pre_hooks or self._backward_hooks
        every = EVERYWHERE
        if not (own or every.before or every.after or every.backward_before or every.backward_after):
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    __call__: Callable[..., Any] = _call_impl

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        hooks = [*EVERYWHERE.after.values(), *self._forward_hooks.values()]
        called: list[ForwardHook] = []
        result = None
        try:
            for hook in [*EVERYWHERE.before.values(), *self._forward_pre_hooks.values()]:
                args, kwargs = hook.before(self, args, kwargs)
            watch = BackwardHooks.of(
                self,
                {**EVERYWHERE.backward_before, **self._backward_pre_hooks},
                {**EVERYWHERE.backward_after, **self._backward_hooks},
            )
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
