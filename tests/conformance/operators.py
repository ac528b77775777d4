"""medtorch on the sample inputs of PyTorch's own operator database: which operators hold, family by family.

    python -m tests.conformance.operators [PART OF A NAME] [--json FILE]

An operator case counts if PyTorch gives the same real, dense numbers for two seeds on all of its samples. It holds if
on every sample medtorch gives the same structure, shapes and dtypes, the same float32 values within 2e-4 and the same
float64 gradients within 1e-6. Nothing is known here of single operators except how PyTorch's own wrapper calls them.

Source    torch.testing._internal.common_methods_invocations.op_db (needs torch and expecttest)
"""

from __future__ import annotations

import argparse
import copy
import importlib
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import medtorch
from tests.conformance.page import write_rows
from tests.conformance.translate import Refused, flat, numbers, translated

ELSEWHERE = ("fft.", "special.", "sparse.", "signal.", "masked.", "_refs", "jiterator", "torch.", "ops.", "_")
VALUES, GRADIENTS = 2e-4, 1e-6
SAMPLES = 60


@dataclass(frozen=True)
class Case:
    """An operator of the database and what came of it: `gap` is empty where it holds."""

    name: str
    family: str
    gap: str


class Medtorch(types.ModuleType):
    """What the name `torch` means to one of the database's wrappers while medtorch runs in it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(medtorch, name)


def cases(part: str = "") -> Iterator[Case]:
    """Every operator case that counts and has `part` in its name."""
    database = importlib.import_module("torch.testing._internal.common_methods_invocations").op_db
    for op in database:
        if op.name.startswith(ELSEWHERE) or part not in op.name:
            continue
        samples = _samples(op)
        if samples and all(_counts(op, sample) for _, sample in samples):
            yield Case(_name(op), _family(op.name), _gap(op, samples))


def _name(op: Any) -> str:
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else str(op.name)


def _family(name: str) -> str:
    return "nn.functional" if name.startswith("nn.") else "linalg" if name.startswith("linalg.") else "torch"


def _samples(op: Any) -> list[tuple[bool, Any]]:
    """Samples in float32, and in float64 with gradients; of an operator for whole numbers, in int64."""
    found: list[tuple[bool, Any]] = []
    for dtype, grad in ((torch.float32, False), (torch.float64, True)):
        if dtype in op.dtypes:
            found += [(grad, s) for s in _drawn(op, dtype, grad and op.supports_autograd)]
    if not found and torch.int64 in op.dtypes:
        found = [(False, s) for s in _drawn(op, torch.int64, False)]
    return found


def _drawn(op: Any, dtype: torch.dtype, grad: bool) -> list[Any]:
    torch.manual_seed(0)
    return list(op.sample_inputs("cpu", dtype, requires_grad=grad))[:SAMPLES]


def _counts(op: Any, sample: Any) -> bool:
    """Whether PyTorch answers with real, dense numbers, and twice with the same."""
    function = rebound(op.op, wrapper_set_seed=_plainly) if _is_wrapper(op.op) else op.op
    answers = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with torch.no_grad():
            answers.append(flat(function(*_cloned((sample.input, *sample.args)), **_cloned(sample.kwargs))))
    for a, b in zip(*answers, strict=True):
        if isinstance(a, torch.Tensor):
            if a.is_complex() or a.layout is not torch.strided or a.is_quantized:
                return False
            # not bit by bit: LAPACK's last digits depend on where in memory its input lies
            if a.shape != b.shape or not np.allclose(numbers(a), numbers(b), rtol=1e-3, atol=1e-3, equal_nan=True):
                return False
    return True


def _cloned(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return copy.deepcopy(value) if value.is_leaf else value
    if isinstance(value, dict):
        return {k: _cloned(v) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_cloned(v) for v in value)
    return value


def _gap(op: Any, samples: list[tuple[bool, Any]]) -> str:
    """The first thing that is not as in PyTorch."""
    try:
        function = called_by(op)
    except (AttributeError, NotImplementedError):
        return "not here"
    for grad, sample in samples:
        gap = _sample_gap(op, function, sample, grad)
        if gap:
            return gap
    return ""


def called_by(op: Any) -> Callable[..., Any]:
    """medtorch's function for `op`; where the database has a wrapper, that wrapper with medtorch as its `torch`."""
    body = op.op
    if _is_wrapper(body):
        return rebound(body, torch=Medtorch("torch"))
    found: Any = medtorch
    parts = op.name.split(".")
    if len(parts) == 1 and not callable(getattr(medtorch, op.name, None)):
        member = getattr(medtorch.Tensor, op.name)
        return member.fget if isinstance(member, property) else member  # type: ignore[no-any-return]
    for piece in parts:
        found = getattr(found, piece)
    if isinstance(found, medtorch.dtype):  # float, long, ...: types in the module, methods of a tensor
        return getattr(medtorch.Tensor, op.name)  # type: ignore[no-any-return]
    return found  # type: ignore[no-any-return]


def _is_wrapper(body: Any) -> bool:
    return isinstance(body, types.FunctionType) and body.__module__.startswith("torch.testing")


def rebound(body: types.FunctionType, **names: Any) -> Callable[..., Any]:
    """The same function with other meanings of some global names."""
    bound = types.FunctionType(
        body.__code__, {**body.__globals__, **names}, body.__name__, body.__defaults__, body.__closure__
    )
    bound.__kwdefaults__ = body.__kwdefaults__
    return bound


def _sample_gap(op: Any, function: Callable[..., Any], sample: Any, grad: bool) -> str:
    torch.manual_seed(1)
    wanted_in = (sample.input, *sample.args), sample.kwargs
    try:
        args, kwargs = translated(wanted_in)
        # the database's own way to a gradient: a matrix that has to be symmetric is made so first
        around = op.gradcheck_wrapper if grad else _plainly
        wanted = _seen(sample, around(op.op, *wanted_in[0], **wanted_in[1]))
        ours = rebound(around, torch=Medtorch("torch")) if _is_wrapper(around) else around
        found = _seen(sample, ours(function, *args, **kwargs))
    except Refused as refused:
        return str(refused)
    except Exception as error:  # whatever goes wrong, the case does not hold
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:110]
    gap = _values_gap(wanted, found, GRADIENTS if grad else VALUES)
    if gap or not (grad and op.supports_autograd):
        return gap
    try:
        return _gradients_gap(flat(wanted_in), flat((args, kwargs)), wanted, found)
    except Exception as error:
        return f"gradient: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:110]


def _plainly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


def _seen(sample: Any, result: Any) -> list[Any]:
    """The result as the database looks at it: the sign of a singular vector, say, is nobody's to choose."""
    look = sample.output_process_fn_grad
    if isinstance(look, types.FunctionType) and isinstance(result, tuple):
        return flat(look(result))
    return flat(result)


def _values_gap(wanted: list[Any], found: list[Any], tolerance: float) -> str:
    if len(wanted) != len(found):
        return f"{len(found)} outputs, PyTorch has {len(wanted)}"
    for a, b in zip(wanted, found, strict=True):
        if isinstance(a, torch.Tensor) != isinstance(b, medtorch.Tensor):
            return f"{type(b).__name__} where PyTorch has {type(a).__name__}"
        if not isinstance(a, torch.Tensor):
            if a != b and not (a != a and b != b) and isinstance(a, (bool, int, float)):
                return f"{b} where PyTorch has {a}"
            continue
        if tuple(a.shape) != tuple(b.shape):
            return f"shape {tuple(b.shape)} where PyTorch has {tuple(a.shape)}"
        if str(a.dtype).removeprefix("torch.") != b.dtype.name:
            return f"dtype {b.dtype.name} where PyTorch has {a.dtype}"
        if not np.allclose(numbers(a), numbers(b), rtol=tolerance, atol=tolerance, equal_nan=True):
            return f"values off by {np.nanmax(np.abs(numbers(a) - numbers(b))):.1e}"
    return ""


def _gradients_gap(theirs_in: list[Any], ours_in: list[Any], wanted: list[Any], found: list[Any]) -> str:
    leaves = [t for t in theirs_in if isinstance(t, torch.Tensor) and t.requires_grad]
    points = [t for t in ours_in if isinstance(t, medtorch.Tensor) and t.requires_grad]
    theirs = [t for t in wanted if isinstance(t, torch.Tensor) and t.requires_grad]
    ours = [t for t in found if isinstance(t, medtorch.Tensor) and t.requires_grad]
    if len(theirs) != len(ours):
        return f"{len(ours)} outputs require grad, PyTorch has {len(theirs)}"
    if not theirs or not leaves:
        return ""
    draw = torch.Generator().manual_seed(1)
    weights = [torch.rand(t.shape, dtype=t.dtype, generator=draw) for t in theirs]
    expected = torch.autograd.grad(theirs, leaves, weights, allow_unused=True)
    got = medtorch.autograd.grad(ours, points, translated(weights), allow_unused=True)
    for a, b, leaf in zip(expected, got, leaves, strict=True):
        x, y = (np.zeros(tuple(leaf.shape)) if g is None else numbers(g) for g in (a, b))
        if not np.allclose(x, y, rtol=GRADIENTS, atol=GRADIENTS, equal_nan=True):
            return f"gradient off by {np.nanmax(np.abs(x - y)):.1e}"
    return ""


def main() -> None:
    """Print the counts and what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="")
    parser.add_argument("--json", type=Path, help="write the cases for the documentation's page")
    chosen = parser.parse_args()
    found = list(cases(chosen.part))
    for family in sorted({c.family for c in found}):
        of_it = [c for c in found if c.family == family]
        print(f"{family}: {sum(not c.gap for c in of_it)} of {len(of_it)}")
    print(f"all: {sum(not c.gap for c in found)} of {len(found)}")
    for case in found:
        if case.gap:
            print(f"  {case.name}: {case.gap}")
    if chosen.json is not None:
        write_rows(chosen.json, [(c.family, c.name, c.gap) for c in found])


if __name__ == "__main__":
    main()
