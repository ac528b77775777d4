"""torch.autograd.graph's names: nodes, hooks on several tensors, and how saved tensors are kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from medtorch.core.autograd import Node, edge_of
from medtorch.core.handles import RemovableHandle
from medtorch.core.modes import saved_tensors_hooks
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, AutogradError

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class GradientEdge(NamedTuple):
    """Where a tensor's gradient goes: a node, and which of its outputs the tensor is."""

    node: Node
    output_nr: int


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge of `tensor`. Raises AutogradError if it does not require grad."""
    edge = edge_of(tensor)
    if edge is None:
        raise AutogradError("get_gradient_edge: the tensor does not require grad")
    return GradientEdge(*edge)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Say that a tensor was changed in place by somebody whom the tape does not see."""
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        one._counter[0] += 1


class save_on_cpu(saved_tensors_hooks):  # noqa: N801  the public name is torch's
    """Inside, what ops save for backward is kept in the host's memory. Raises ArgumentError for pinned memory."""

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        if pin_memory:
            raise ArgumentError("save_on_cpu: pin_memory=True is not supported")
        del device_type  # every tensor knows its device
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda kept: kept[1].to(kept[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, opening saved_tensors_hooks raises AutogradError with this text."""
    before = saved_tensors_hooks.barred
    saved_tensors_hooks.barred = error_message
    try:
        yield
    finally:
        saved_tensors_hooks.barred = before


class _Together:
    """Collects the gradients of one backward pass."""

    def __init__(self, count: int, call: Callable[..., Any], mode: str) -> None:
        self.grads: list[Tensor | None] = [None] * count
        self.seen, self.call, self.mode, self.lock = 0, call, mode, threading.Lock()

    def arrived(self, place: int, gradient: Tensor) -> None:
        with self.lock:
            if self.mode == "any":
                self.seen += 1
                fire = self.seen == 1
            else:
                self.grads[place] = gradient
                self.seen += 1
                fire = self.seen == len(self.grads)
            last = self.seen == len(self.grads)
        if fire:
            self.call(gradient if self.mode == "any" else list(self.grads))
        if last:
            self.grads, self.seen = [None] * len(self.grads), 0


class _Handles:
    """Several handles as one."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _Handles:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all") -> _Handles:
    """Call `fn` with the list of all gradients once they have arrived; or, with mode="any", with the first of them.

    Raises    ArgumentError for another mode; AutogradError for a tensor that does not require grad
    """
    if mode not in ("all", "any"):
        raise ArgumentError(f"register_multi_grad_hook: mode must be 'all' or 'any', got {mode!r}")
    together = _Together(len(tensors), fn, mode)

    def hook_of(place: int) -> Callable[[Tensor], None]:
        return lambda gradient: together.arrived(place, gradient)

    return _Handles([tensor.register_hook(hook_of(place)) for place, tensor in enumerate(tensors)])
