"""Third-party models, losses and metrics, built and called the same way whatever `torch` is.

Imported once with PyTorch and once inside as_torch: nothing here knows of medtorch. Weights and inputs are drawn by
NumPy from the names of the tensors, so both sides have the same without a file between them.
"""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class Case:
    """`build` gives a model (or a function); it is called with tensors of the `shapes`."""

    group: str
    name: str
    build: Callable[[], Any]
    shapes: tuple[tuple[int, ...], ...]
    gradients: bool = True
    prepare: Callable[..., Any] | None = None
    exact: bool = False  # in float64 alone, where the order of nearly equal scores decides
    damped: tuple[str, ...] = ()  # parts of names whose weights are a hundredth, where scores would all be 1 else


def numbers(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers that depend on the name and the shape alone."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    return rng.standard_normal(shape, dtype=np.float32)


def give_weights(model: Any, damped: tuple[str, ...] = ()) -> None:
    """Weights of the size that keeps activations of the order of one, drawn from their names."""
    state = model.state_dict()  # kept, for the versions of modules that it says
    for name, old in list(state.items()):
        shape = tuple(old.shape)
        if not old.is_floating_point():
            continue
        if name.endswith("running_var"):
            state[name] = torch.from_numpy(1 + 0.1 * np.abs(numbers(name, shape)))
        elif len(shape) >= 2:
            state[name] = torch.from_numpy(numbers(name, shape) * np.float32((2 / max(1, np.prod(shape[1:]))) ** 0.5))
        else:
            about = 1.0 if name.endswith("weight") else 0.0
            state[name] = torch.from_numpy(np.float32(about) + np.float32(0.1) * numbers(name, shape))
        state[name] = state[name].reshape(shape).to(old.dtype)
        if len(shape) >= 2 and any(part in name for part in damped):
            state[name] = state[name] * 0.01
    model.load_state_dict(state)


def flat(value: Any) -> list[Any]:
    """Every tensor and number in a result, in an order that does not depend on the side."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [part for key in sorted(value, key=str) for part in flat(value[key])]
    if isinstance(value, (list, tuple)):
        return [part for v in value for part in flat(v)]
    if hasattr(value, "__dataclass_fields__"):
        return [part for key in value.__dataclass_fields__ for part in flat(getattr(value, key))]
    return [value] if isinstance(value, (bool, int, float, np.generic, np.ndarray)) else []


def outcome(case: Case) -> dict[str, np.ndarray]:
    """The outputs of one case, and gradients of its inputs and of its first and last parameters."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  the global one is what third-party code draws from
    model = case.build()
    inputs = [torch.from_numpy(numbers(f"{case.name}:{i}", shape)) for i, shape in enumerate(case.shapes)]
    if case.prepare is not None:
        inputs = list(case.prepare(*inputs))
    if isinstance(model, nn.Module):
        if model.state_dict():
            give_weights(model, case.damped)
        model.eval()
        if case.exact:
            model.double()
    if case.exact:
        inputs = [_double(x) for x in inputs]
    with torch.no_grad():
        found = [x for x in flat(model(*inputs)) if x is not None]
    arrays = {f"out{i}": _array(x) for i, x in enumerate(found)}
    return arrays | _gradients(model, inputs) if case.gradients else arrays


def _gradients(model: Any, inputs: list[Any]) -> dict[str, np.ndarray]:
    """Outputs in float64, and gradients of the inputs and of the first and last parameters."""
    inputs = [_double(x) for x in inputs]
    leaves = [x.requires_grad_() for x in flat(inputs) if isinstance(x, torch.Tensor) and x.is_floating_point()]
    parameters: list[Any] = []
    if isinstance(model, nn.Module):
        parameters = [p for p in model.double().parameters() if p.requires_grad]
    values = flat(model(*inputs))
    arrays = {f"exact{i}": _array(x) for i, x in enumerate(values)}
    found = [x for x in values if isinstance(x, torch.Tensor) and x.requires_grad]
    if not found:
        return arrays
    total = sum((x * torch.from_numpy(numbers(f"weight{i}", tuple(x.shape)))).mean() for i, x in enumerate(found))
    chosen = [*leaves, *parameters[:2], *parameters[-2:]]
    grads = torch.autograd.grad(total, chosen, allow_unused=True)
    return arrays | {f"grad{i}": _array(g) for i, g in enumerate(grads) if g is not None}


def _double(value: Any) -> Any:
    if isinstance(value, list):
        return [_double(v) for v in value]
    floating = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.detach().double() if floating else value


def _array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value).astype(np.float64)


GROUPS = {
    "torchvision classifiers": ("torchvision", "classifiers"),
    "torchvision segmenters": ("torchvision", "segmenters"),
    "torchvision video": ("torchvision", "video"),
    "torchvision detection": ("torchvision", "detection"),
    "monai networks": ("monai", "networks"),
    "monai losses": ("monai", "losses"),
    "monai metrics": ("monai", "metrics"),
    "monai inferers": ("monai", "inferers"),
    "timm": ("zoo", "timm_models"),
    "segmentation_models_pytorch": ("zoo", "smp_models"),
}


def cases(group: str) -> Iterator[Case]:
    """The cases of a group; only that group's package is imported."""
    module, maker = GROUPS[group]
    yield from vars(importlib.import_module(f"tests.conformance.source_cases_{module}"))[maker]()
