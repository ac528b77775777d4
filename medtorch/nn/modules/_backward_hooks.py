"""A module's hooks on the way back: two nodes on the tape, one behind its inputs and one behind its outputs.

Source    semantics of torch.nn.Module.register_full_backward_hook, register_full_backward_pre_hook
Requires  REQ-F-NN-002
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from medtorch.core.autograd import Node, edge_of
from medtorch.core.modes import STATE
from medtorch.core.tensor import Tensor
from medtorch.errors import ModuleError

Grads = tuple[Tensor | None, ...]


class Watch(Node):
    """Tensors pass through unchanged; their gradients pass through `seen`, all at once."""

    def __init__(self, tensors: Sequence[Tensor], seen: Callable[[Grads], Grads]) -> None:
        super().__init__([edge_of(t) for t in tensors], [t.spec for t in tensors])
        self.seen = seen

    def pull(self, dys: list[Tensor | None]) -> Grads:
        return self.seen(tuple(dys))


class BackwardHooks:
    """The hooks of one call of one module."""

    def __init__(self, module: Any, before: list[Callable[..., Any]], after: list[Callable[..., Any]]) -> None:
        self.module, self.before, self.after = module, before, after
        self.places_in: list[int] = []
        self.places_out: list[int] = []
        self.count_in = self.count_out = 0
        self.grad_output: Grads | None = None

    @classmethod
    def of(
        cls, module: Any, before: dict[int, Callable[..., Any]], after: dict[int, Callable[..., Any]]
    ) -> Self | None:
        """None where there are no hooks, or nothing is recorded."""
        if not (before or after) or not STATE.grad:
            return None
        return cls(module, list(before.values()), list(after.values()))

    def inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, with those that want gradients watched."""
        self.count_in = len(args)
        passed, self.places_in = _watched(args, self._on_grad_input)
        return passed

    def outputs(self, result: Any) -> Any:
        """The result, a tensor or a tuple of them, watched. Raises ModuleError for anything else."""
        if not isinstance(result, (Tensor, tuple)):
            raise ModuleError(
                f"{type(self.module).__name__}: a module with full backward hooks must return a tensor or a tuple of "
                f"tensors, got {type(result).__name__}"
            )
        results = result if isinstance(result, tuple) else (result,)
        self.count_out = len(results)
        passed, self.places_out = _watched(results, self._on_grad_output)
        return passed if isinstance(result, tuple) else passed[0]

    def _on_grad_output(self, dys: Grads) -> Grads:
        grads = _spread(dys, self.places_out, self.count_out)
        for hook in self.before:
            grads = _replaced(hook(self.module, grads), grads, "grad_output")
        self.grad_output = grads
        if not self.places_in:
            self._without_inputs(grads)
        return tuple(grads[place] for place in self.places_out)

    def _on_grad_input(self, dys: Grads) -> Grads:
        if self.grad_output is None:  # the walk did not come through the outputs
            return dys
        grads = _spread(dys, self.places_in, self.count_in)
        for hook in self.after:
            grads = _replaced(hook(self.module, grads, self.grad_output), grads, "grad_input")
        self.grad_output = None
        return tuple(grads[place] for place in self.places_in)

    def _without_inputs(self, grad_output: Grads) -> None:
        nothing: Grads = (None,) * self.count_in
        for hook in self.after:
            changed = hook(self.module, nothing, grad_output)
            if changed is not None and not (isinstance(changed, tuple) and all(dy is None for dy in changed)):
                raise ModuleError(
                    "backward hook of a module none of whose inputs requires grad must return None, "
                    "or None for all of them"
                )
        self.grad_output = None


def _watched(values: tuple[Any, ...], seen: Callable[[Grads], Grads]) -> tuple[tuple[Any, ...], list[int]]:
    places = [place for place, value in enumerate(values) if isinstance(value, Tensor) and value.requires_grad]
    if not places:
        return values, places
    node = Watch([values[place] for place in places], seen)
    out = list(values)
    for nr, place in enumerate(places):
        out[place] = _behind(values[place], node, nr)
    return tuple(out), places


def _behind(tensor: Tensor, node: Node, nr: int) -> Tensor:
    """The same memory behind `node`, marked as a view: a change in place would bypass the original."""
    out = tensor._attached(node, nr)
    out._base = tensor if tensor._base is None else tensor._base
    out._view_kind = "by a module with full backward hooks"
    return out


def _spread(dys: Grads, places: list[int], count: int) -> Grads:
    out: list[Tensor | None] = [None] * count
    for dy, place in zip(dys, places, strict=True):
        out[place] = dy
    return tuple(out)


def _replaced(changed: Any, grads: Grads, what: str) -> Grads:
    if changed is None:
        return grads
    out: Grads = changed if isinstance(changed, tuple) else (changed,)
    if len(out) != len(grads):
        raise ModuleError(
            f"backward hook returned an invalid number of {what}: got {len(out)}, but expected {len(grads)}"
        )
    return out
