"""Less memory for more time: what a function saves for backward is let go, and computed again when backward needs it.

Two ways, as in torch. With `use_reentrant=False` the function is recorded as usual, but its saved tensors are let go;
the first one asked for runs the function again and refills them all. With `use_reentrant=True` (torch's default where
nothing is said) the function runs unrecorded; backward runs it again and makes a backward pass of its own through that.

Source    semantics of torch.utils.checkpoint; Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016
Requires  REQ-F-AUT-006
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from medtorch.core import autograd
from medtorch.core.function import Function
from medtorch.core.modes import STATE, enable_grad, saved_tensors_hooks
from medtorch.core.random import get_rng_state, set_rng_state
from medtorch.core.spec import Spec, describe
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, AutogradError, ModifiedError, UnsupportedError

Contexts = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]


def _no_contexts() -> Contexts:
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = _no_contexts,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args, **kwargs)`, whose saved tensors are computed again in the backward pass.

    Raises    AutogradError where the second run saves other tensors than the first; ModifiedError where an argument was
              changed in place in between; ArgumentError, UnsupportedError for options that do not fit
    """
    if debug:
        raise UnsupportedError("checkpoint: debug=True is not supported")
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"checkpoint: unknown determinism_check {determinism_check!r}; have 'default', 'none'")
    if use_reentrant is None or use_reentrant:
        if kwargs or context_fn is not _no_contexts:
            raise ArgumentError("checkpoint: keyword arguments and context_fn need use_reentrant=False")
        return _Reentrant.apply(function, preserve_rng_state, *args)
    if not STATE.grad:
        return function(*args, **kwargs)
    forward_context, again_context = context_fn()
    frame = _Frame(
        function, args, kwargs, again_context, preserve_rng_state, determinism_check == "default", early_stop
    )
    with forward_context, saved_tensors_hooks(frame.pack, frame.unpack):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, *, preserve_rng_state: bool = True
) -> Any:
    """Functions one after the other in `segments` parts of equal length, each but the last checkpointed.

    Raises    ArgumentError for fewer than one segment, or more than functions
    Source    semantics of torch.utils.checkpoint.checkpoint_sequential
    """
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= max(1, len(steps)):
        raise ArgumentError(f"checkpoint_sequential: {segments} segments of {len(steps)} functions")
    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size):
        part = _chain(steps[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return _chain(steps[size * (segments - 1) :])(input)


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


@contextmanager
def _random_numbers_as_at(state: Tensor | None) -> Iterator[None]:
    """The default stream of random numbers put back for a while."""
    if state is None:
        yield
        return
    present = get_rng_state()
    set_rng_state(state)
    try:
        yield
    finally:
        set_rng_state(present)


class _EarlyStop(BaseException):
    """All that was saved has been computed again: the rest of the function is not needed. Not an Exception, so that the
    function's own `except Exception` does not catch it."""


class _Frame:
    """One checkpointed call: knows how many tensors it saved, and how to compute them again."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: AbstractContextManager[Any],
        preserve_rng_state: bool,
        check: bool,
        early_stop: bool,
    ) -> None:
        self._call = (function, args, kwargs)
        self._context, self._check, self._early_stop = context, check, early_stop
        self._state = get_rng_state() if preserve_rng_state else None
        self._versions = [(t, t._version) for t in (*args, *kwargs.values()) if isinstance(t, Tensor)]
        self._specs: list[Spec] = []
        self._again: dict[int, Tensor] = {}

    def pack(self, tensor: Tensor) -> int:
        self._specs.append(tensor.spec)
        return len(self._specs) - 1

    def unpack(self, number: int) -> Tensor:
        if number not in self._again:
            self._again = self._recomputed()
        return self._again.pop(number)

    def _recomputed(self) -> dict[int, Tensor]:
        for tensor, version in self._versions:
            if tensor._version != version:
                raise ModifiedError(
                    f"checkpoint: an argument was changed in place before backward{describe(argument=tensor.spec)}"
                )
        found: dict[int, Tensor] = {}

        def keep(tensor: Tensor) -> None:
            number = len(found)
            self._same(number, tensor)
            found[number] = tensor
            if self._early_stop and len(found) == len(self._specs):
                raise _EarlyStop

        function, args, kwargs = self._call
        try:
            with _random_numbers_as_at(self._state), self._context, enable_grad(), saved_tensors_hooks(keep, _nothing):
                function(*args, **kwargs)
        except _EarlyStop:
            pass
        if len(found) != len(self._specs):
            raise AutogradError(f"checkpoint: {len(self._specs)} tensors were saved, {len(found)} when computed again")
        return found

    def _same(self, number: int, tensor: Tensor) -> None:
        if number >= len(self._specs):
            raise AutogradError(f"checkpoint: {len(self._specs)} tensors were saved, more when computed again")
        if self._check and tensor.spec != self._specs[number]:
            raise AutogradError(
                f"checkpoint: saved tensor {number} is another when computed again"
                f"{describe(saved=self._specs[number], again=tensor.spec)}"
            )


def _nothing(_: Any) -> Any:
    raise AutogradError("checkpoint: a function cannot go backward through itself while it is computed again")


class _Reentrant(Function):
    """Runs unrecorded; backward runs it again and goes back through that. Its gradients cannot be differentiated."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        ctx.function = function
        ctx.state = get_rng_state() if preserve_rng_state else None
        ctx.args = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*(a if isinstance(a, Tensor) else None for a in args))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *dys: Any) -> Any:
        if STATE.grad:
            raise AutogradError("checkpoint: gradients of gradients need use_reentrant=False")
        saved = ctx.saved_tensors
        inputs = [
            t.detach().requires_grad_(t.requires_grad) if t is not None else a
            for t, a in zip(saved, ctx.args, strict=True)
        ]
        with _random_numbers_as_at(ctx.state), enable_grad():
            found = ctx.function(*inputs)
        outs = found if isinstance(found, (tuple, list)) else (found,)
        tensors = [o for o in outs if isinstance(o, Tensor)]
        pairs = [(out, dy) for out, dy in zip(tensors, dys, strict=True) if out.requires_grad]
        if not pairs:
            raise AutogradError("checkpoint: none of the function's outputs requires grad")
        autograd.backward([out for out, _ in pairs], [dy for _, dy in pairs])
        return (None, None, *(t.grad if isinstance(t, Tensor) else None for t in inputs))
