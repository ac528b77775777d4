"""medtorch's modules on the sample inputs of PyTorch's own module database.

    python -m tests.conformance.modules [PART OF A NAME] [--json FILE]

A module counts if it is not lazy and takes no module as an argument. It holds if on every sample whose answer does not
hang on a seed, in training and in evaluation, a module made with the same arguments has PyTorch's state_dict keys,
shapes and dtypes, takes its weights, and gives the same float32 outputs within 2e-4, the same float64 gradients of
inputs and parameters within 1e-6, and the same buffers afterwards.

Source    torch.testing._internal.common_modules.module_db (needs torch and expecttest)
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
from tests.conformance.operators import GRADIENTS, VALUES, Case, _cloned, _values_gap
from tests.conformance.page import write_rows
from tests.conformance.translate import Refused, flat, numbers, translated

SEEDS = (1, 2)


def cases(part: str = "") -> Iterator[Case]:
    """Every module that counts and has `part` in its name."""
    for info in importlib.import_module("torch.testing._internal.common_modules").module_db:
        if part not in info.name or "Lazy" in info.name:
            continue
        samples = [
            (dtype, training, sample)
            for dtype in (torch.float32, torch.float64)
            for training in (True, False)
            for sample in _samples(info, dtype, training)
        ]
        if any(isinstance(v, torch.nn.Module) for _, _, s in samples for v in _arguments(s.constructor_input)):
            continue
        yield Case(info.name.removeprefix("nn."), "nn", _gap(info, samples))


def _samples(info: Any, dtype: torch.dtype, training: bool) -> list[Any]:
    torch.manual_seed(0)
    grad = dtype is torch.float64
    return list(info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=grad, training=training))


def _arguments(given: Any) -> list[Any]:
    return [] if given is None else flat((given.args, given.kwargs))


def _gap(info: Any, samples: list[Any]) -> str:
    """The first thing that is not as in PyTorch."""
    kind = getattr(medtorch.nn, info.name.removeprefix("nn."), None)
    if kind is None:
        return "not here"
    for dtype, training, sample in samples:
        try:
            gap = _sample_gap(info, kind, dtype, training, sample)
        except Refused as refused:
            gap = str(refused)
        except Exception as error:  # whatever goes wrong, the case does not hold
            gap = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:110]
        if gap:
            return f"{gap} ({sample.desc or 'plain'}, {'training' if training else 'evaluation'})"
    return ""


def _sample_gap(info: Any, kind: Any, dtype: torch.dtype, training: bool, sample: Any) -> str:
    given = sample.constructor_input
    theirs = info.module_cls(*given.args, **given.kwargs).to(dtype).train(training)
    args, kwargs = translated((_cloned(given.args), _cloned(given.kwargs)))
    ours = kind(*args, **kwargs).to(translated(dtype)).train(training)
    gap = _state_gap(theirs, ours)
    if gap:
        return gap
    ours.load_state_dict(translated(dict(theirs.state_dict())))
    call = sample.forward_input
    if call is None or not _is_determined(theirs, call):
        return ""
    wanted_in = _as_leaves((call.args, call.kwargs))
    found_in = translated(wanted_in)
    wanted = flat(theirs(*wanted_in[0], **wanted_in[1]))
    found = flat(ours(*found_in[0], **found_in[1]))
    exact = dtype is torch.float64
    gap = _values_gap(wanted, found, GRADIENTS if exact else VALUES) or _state_gap(theirs, ours, values=True)
    return gap or (_gradients_gap(theirs, ours, wanted_in, found_in, wanted, found) if exact else "")


def _as_leaves(value: Any) -> Any:
    """The same values, none of which was computed from another."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {k: _as_leaves(v) for k, v in value.items()}
    return type(value)(_as_leaves(v) for v in value) if type(value) in (list, tuple) else value


def _is_determined(module: torch.nn.Module, call: Any) -> bool:
    """Whether PyTorch's answer is the same for two seeds; the module's buffers stay as they are."""
    before = _cloned(dict(module.state_dict()))
    answers = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        module.load_state_dict(before)
        with torch.no_grad():
            answers.append(flat(module(*_cloned(call.args), **_cloned(call.kwargs))))
    module.load_state_dict(before)
    pairs = [(a, b) for a, b in zip(*answers, strict=True) if isinstance(a, torch.Tensor)]
    return all(np.allclose(numbers(a), numbers(b), equal_nan=True) for a, b in pairs)


def _state_gap(theirs: Any, ours: Any, *, values: bool = False) -> str:
    wanted, found = theirs.state_dict(), ours.state_dict()
    if list(wanted) != list(found):
        return f"state_dict has {list(found)}, PyTorch's {list(wanted)}"[:110]
    for name, a in wanted.items():
        b = found[name]
        if tuple(a.shape) != tuple(b.shape) or str(a.dtype).removeprefix("torch.") != b.dtype.name:
            return f"{name} is {b.dtype.name} {tuple(b.shape)}, PyTorch's {a.dtype} {tuple(a.shape)}"
        if values and not np.allclose(numbers(a), numbers(b), rtol=VALUES, atol=VALUES, equal_nan=True):
            return f"{name} off by {np.nanmax(np.abs(numbers(a) - numbers(b))):.1e} afterwards"
    return ""


def _gradients_gap(theirs: Any, ours: Any, wanted_in: Any, found_in: Any, wanted: Any, found: Any) -> str:
    leaves = [t for t in flat(wanted_in) if isinstance(t, torch.Tensor) and t.requires_grad]
    points = [t for t in flat(found_in) if isinstance(t, medtorch.Tensor) and t.requires_grad]
    leaves += list(theirs.parameters())
    points += list(ours.parameters())
    outs = [t for t in wanted if isinstance(t, torch.Tensor) and t.requires_grad]
    mine = [t for t in found if isinstance(t, medtorch.Tensor) and t.requires_grad]
    if len(outs) != len(mine) or len(leaves) != len(points):
        return f"{len(mine)} outputs and {len(points)} leaves require grad, PyTorch has {len(outs)} and {len(leaves)}"
    if not outs or not leaves:
        return ""
    draw = torch.Generator().manual_seed(1)
    weights = [torch.rand(t.shape, dtype=t.dtype, generator=draw) for t in outs]
    expected = torch.autograd.grad(outs, leaves, weights, allow_unused=True)
    got = medtorch.autograd.grad(mine, points, translated(weights), allow_unused=True)
    for a, b, leaf in zip(expected, got, leaves, strict=True):
        x, y = (np.zeros(tuple(leaf.shape)) if g is None else numbers(g) for g in (a, b))
        if not np.allclose(x, y, rtol=GRADIENTS, atol=GRADIENTS, equal_nan=True):
            return f"gradient off by {np.nanmax(np.abs(x - y)):.1e}"
    return ""


def main() -> None:
    """Print the count and what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--json", type=Path, help="write the cases for the documentation's page")
    chosen = parser.parse_args()
    found = list(cases(chosen.part))
    print(f"nn: {sum(not c.gap for c in found)} of {len(found)}")
    for case in found:
        if case.gap:
            print(f"  {case.name}: {case.gap}")
    if chosen.json is not None:
        write_rows(chosen.json, [(c.family, c.name, c.gap) for c in found])


if __name__ == "__main__":
    main()
