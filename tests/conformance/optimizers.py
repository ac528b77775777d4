"""medtorch's optimizers with the options of PyTorch's own optimizer database.

    python -m tests.conformance.optimizers [PART OF A NAME] [--json FILE]

An optimizer counts if it takes dense gradients. It holds if with each of the database's options, over the same
parameters and gradients, ten steps lead to PyTorch's parameters within 1e-6 (float64; a step size or a step count kept
in float32 shows in the eighth digit), and if after five of them each
side goes on from the other's state_dict to the same end.

Source    torch.testing._internal.common_optimizers.optim_db (needs torch and expecttest)
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import medtorch
from tests.conformance.operators import Case
from tests.conformance.page import write_rows
from tests.conformance.translate import translated

STEPS, CLOSE = 10, 1e-6
SHAPES = ((4, 3), (2, 5))
"""Matrices, so that every optimizer takes them."""


def cases(part: str = "") -> Iterator[Case]:
    """Every optimizer that counts and has `part` in its name."""
    for info in importlib.import_module("torch.testing._internal.common_optimizers").optim_db:
        name = info.optim_cls.__name__
        if part in name and not info.only_supports_sparse_grads:
            yield Case(name, "optim", _gap(info, name))


def _gap(info: Any, name: str) -> str:
    """The first thing that is not as in PyTorch."""
    kind = getattr(medtorch.optim, name, None)
    if kind is None:
        return "not here"
    for given in info.optim_inputs_func(device="cpu"):
        try:
            gap = _options_gap(info.optim_cls, kind, given.kwargs)
        except Exception as error:  # whatever goes wrong, the case does not hold
            gap = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:110]
        if gap:
            return f"{gap} ({given.desc})"
    return ""


def _options_gap(theirs: Any, ours: Any, options: dict[str, Any]) -> str:
    wanted = _run(torch, theirs, options)
    found = _run(medtorch, ours, translated(options))
    gap = _off(wanted, found, "after ten steps")
    if gap:
        return gap
    middle = {
        side: _run(side, kind, _of(side, options), steps=STEPS // 2, state=True) for side, kind in _sides(theirs, ours)
    }
    for side, kind, other in ((torch, theirs, medtorch), (medtorch, ours, torch)):
        end = _run(side, kind, _of(side, options), start=middle[other])
        gap = gap or _off(wanted, end, f"going on from {other.__name__}'s state")
    return gap


def _sides(theirs: Any, ours: Any) -> list[tuple[Any, Any]]:
    return [(torch, theirs), (medtorch, ours)]


def _of(side: Any, options: dict[str, Any]) -> dict[str, Any]:
    return options if side is torch else translated(options)


def _run(
    side: Any, kind: Any, options: dict[str, Any], *, steps: int = STEPS, state: bool = False, start: Any = None
) -> Any:
    """The parameters after the steps, as arrays; with `state` also the state_dict; from `start` on, if there is one."""
    values = _values("start") if start is None else start[0]
    parameters = [side.nn.Parameter(side.from_numpy(value.copy())) for value in values]
    optimizer = kind(parameters, **{k: _fresh(side, v) for k, v in options.items()})
    first = 0
    if start is not None:
        optimizer.load_state_dict(_carried(side, start[1]))
        first = STEPS // 2
    for step in range(first, steps):
        _step(side, optimizer, parameters, step)
    ends = [p.detach().numpy().copy() for p in parameters]
    return (ends, optimizer.state_dict()) if state else ends


def _step(side: Any, optimizer: Any, parameters: list[Any], step: int) -> None:
    """A step downhill on a bowl that is tilted by another amount at each step."""
    tilts = [side.from_numpy(value) for value in _values(f"tilt {step}")]

    def closure() -> Any:
        optimizer.zero_grad()
        loss = sum(((p - 0.5) ** 2).sum() + 0.1 * (p * t).sum() for p, t in zip(parameters, tilts, strict=True))
        loss.backward()
        return loss

    optimizer.step(closure)


def _values(name: str) -> list[np.ndarray]:
    rng = np.random.Generator(np.random.PCG64(sum(map(ord, name))))
    return [rng.standard_normal(shape) for shape in SHAPES]


def _fresh(side: Any, value: Any) -> Any:
    return value.clone() if isinstance(value, side.Tensor) else value


def _carried(side: Any, value: Any) -> Any:
    """A state_dict of one side with tensors of the other."""
    if isinstance(value, (torch.Tensor, medtorch.Tensor)):
        return side.from_numpy(np.array(value.detach().numpy()))
    if isinstance(value, dict):
        return {k: _carried(side, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_carried(side, v) for v in value)
    return value


def _off(wanted: list[np.ndarray], found: list[np.ndarray], when: str) -> str:
    off = max(float(np.abs(a - b).max()) for a, b in zip(wanted, found, strict=True))
    return "" if off < CLOSE else f"parameters off by {off:.1e} {when}"


def main() -> None:
    """Print the count and what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--json", type=Path, help="write the cases for the documentation's page")
    chosen = parser.parse_args()
    found = list(cases(chosen.part))
    print(f"optim: {sum(not c.gap for c in found)} of {len(found)}")
    for case in found:
        if case.gap:
            print(f"  {case.name}: {case.gap}")
    if chosen.json is not None:
        write_rows(chosen.json, [(c.family, c.name, c.gap) for c in found])


if __name__ == "__main__":
    main()
