"""Runs of every optimizer that any library can make: six steps on a small problem, the state after the third."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

BEFORE, AFTER = 3, 3


@dataclass(frozen=True)
class Case:
    """An optimizer and its options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.options.items())})"


CASES = [
    Case("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    Case("Adam", {"amsgrad": True}),
    Case("AdamW", {"lr": 0.01}),
    Case("RMSprop", {"centered": True, "momentum": 0.1}),
    Case("Adadelta", {"weight_decay": 0.1}),
    Case("Adagrad", {"lr_decay": 0.5}),
    Case("Adamax", {"lr": 0.1}),
    Case("NAdam", {"momentum_decay": 0.006}),
    Case("RAdam", {"betas": (0.5, 0.7)}),
    Case("Rprop", {"step_sizes": (1e-4, 0.05)}),
    Case("ASGD", {"t0": 2, "lambd": 0.1}),
    Case("Adafactor", {"weight_decay": 0.1}),
    Case("Muon", {"lr": 0.01}),
    Case("Muon", {"nesterov": False, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}),
    Case("LBFGS", {"max_iter": 3}),
    Case("LBFGS", {"max_iter": 4, "lr": 0.3, "history_size": 3}),
    Case("LBFGS", {"line_search_fn": "strong_wolfe", "max_iter": 4}),
]


def numbers(shape: tuple[int, ...], phase: float) -> Any:
    """Numbers without ties or patterns, the same everywhere."""
    count = int(np.prod(shape, dtype=int))
    return np.sin(np.arange(1, count + 1) * 1.6180339887498949 + phase).reshape(shape)


def begin(library: Any, case: Case) -> tuple[list[Any], Any, Any]:
    """Parameters, their optimizer, and the closure that computes the loss."""
    shapes: list[tuple[int, ...]] = [(4, 3), (3, 5)] if case.name == "Muon" else [(4, 3), (5,)]
    params = [library.tensor(numbers(shape, float(nr))).requires_grad_() for nr, shape in enumerate(shapes)]
    goals = [library.tensor(numbers(shape, 0.5 + nr)) for nr, shape in enumerate(shapes)]
    optimizer = getattr(library.optim, case.name)(params, **case.options)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(((p - goal) ** 2).sum() + (p**4).sum() for p, goal in zip(params, goals, strict=True))
        loss.backward()
        return loss

    return params, optimizer, closure


def written(value: Any) -> Any:
    """A state_dict as JSON can hold it: {"tensor": numbers, "dtype": name} for a tensor."""
    if isinstance(value, dict):
        return {str(k): written(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(v) for v in value]
    if hasattr(value, "numpy"):
        return {"tensor": value.detach().numpy().tolist(), "dtype": str(value.dtype).rpartition(".")[2]}
    return value


def read(library: Any, value: Any) -> Any:
    """What `written` gave, with tensors of `library`."""
    if isinstance(value, dict):
        if "tensor" in value:
            return library.tensor(value["tensor"], dtype=getattr(library, value["dtype"]))
        return {int(k) if k.isdigit() else k: read(library, v) for k, v in value.items()}
    return [read(library, v) for v in value] if isinstance(value, list) else value


def run(library: Any, case: Case) -> dict[str, Any]:
    """The state after three steps, and parameters and losses after that and after three more."""
    params, optimizer, closure = begin(library, case)
    losses = [float(optimizer.step(closure)) for _ in range(BEFORE)]
    state = written(optimizer.state_dict())
    middle = [p.detach().numpy().tolist() for p in params]
    losses += [float(optimizer.step(closure)) for _ in range(AFTER)]
    return {
        "state": state,
        "middle": middle,
        "end": [p.detach().numpy().tolist() for p in params],
        "losses": losses,
    }
