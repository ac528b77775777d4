"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from medtorch.core.ops.shape import stack
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`module(*args, **kwargs)` with other tensors in the place of parameters and buffers, which stay as they are.

    A parameter that stands in several places is replaced in all of them with `tie_weights`. With `strict` every
    parameter and buffer must be given.
    Raises    ArgumentError for unknown, missing or contradicting names
    Source    semantics of torch.func.functional_call
    """
    many = parameter_and_buffer_dicts
    dicts: Sequence[Mapping[str, Tensor]] = [many] if isinstance(many, Mapping) else list(many)
    given: dict[str, Tensor] = {}
    for values in dicts:
        twice = sorted(given.keys() & values.keys())
        if twice:
            raise ArgumentError(f"functional_call: given twice: {', '.join(twice)}")
        given.update(values)
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given, tie_weights, strict):
        return module(*positional, **(kwargs or {}))


@contextmanager
def _replaced(module: Any, given: dict[str, Tensor], tie_weights: bool, strict: bool) -> Iterator[None]:
    slots = _slots(module)
    unknown = sorted(given.keys() - slots.keys())
    if unknown:
        raise ArgumentError(f"functional_call: {type(module).__name__} has no {', '.join(unknown)}")
    wanted = dict(given)
    if tie_weights:
        by_tensor = {id(slots[name][0][slots[name][1]]): value for name, value in given.items()}
        for name, (store, key) in slots.items():
            if name not in given and store[key] is not None and id(store[key]) in by_tensor:
                wanted[name] = by_tensor[id(store[key])]
    missing = sorted(name for name, (store, key) in slots.items() if name not in wanted and store[key] is not None)
    if strict and missing:
        raise ArgumentError(f"functional_call: with strict=True, missing: {', '.join(missing)}")
    before = {name: slots[name][0][slots[name][1]] for name in wanted}
    try:
        for name, value in wanted.items():
            slots[name][0][slots[name][1]] = value
        yield
    finally:
        for name, value in before.items():
            slots[name][0][slots[name][1]] = value


def _slots(module: Any) -> dict[str, tuple[dict[str, Any], str]]:
    """Where each parameter and buffer is kept."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for prefix, part in module.named_modules(remove_duplicate=False):
        for store in (part._parameters, part._buffers):
            for key in store:
                found[f"{prefix}.{key}" if prefix else key] = (store, key)
    return found


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers of models alike, each along a new dim 0, for vmap over models.

    Raises    ArgumentError for no model, or models of different kinds or modes
    Source    semantics of torch.func.stack_module_state
    """
    many = list(models)
    if not many:
        raise ArgumentError("stack_module_state: needs at least one model")
    if any(type(m) is not type(many[0]) for m in many) or len({m.training for m in many}) > 1:
        raise ArgumentError("stack_module_state: the models must be of one class, all in training or none")
    parameters = [dict(m.named_parameters()) for m in many]
    buffers = [dict(m.named_buffers()) for m in many]
    stacked = {
        name: stack([p[name].detach() for p in parameters]).requires_grad_(first.requires_grad)
        for name, first in parameters[0].items()
    }
    return stacked, {name: stack([b[name] for b in buffers]) for name in buffers[0]}
