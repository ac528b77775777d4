"""medtorch on the wrong inputs of PyTorch's own operator database: it raises where PyTorch raises.

    python -m tests.conformance.errors [PART OF A NAME] [--json FILE]

A wrong input holds if medtorch raises an error of PyTorch's builtin type for it (RuntimeError, TypeError, ValueError,
IndexError). An operator counts if it counts in tests/conformance/operators.py by its name and has such inputs; inputs
on other devices, sparse, quantized and complex ones are left out.

Source    OpInfo.error_inputs of torch.testing._internal.common_methods_invocations.op_db (needs torch and expecttest)
"""

from __future__ import annotations

import argparse
import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import medtorch
from tests.conformance.operators import ELSEWHERE, called_by
from tests.conformance.page import write_rows
from tests.conformance.translate import Refused, flat, translated


@dataclass(frozen=True)
class Wrong:
    """A wrong input and what came of it: `gap` is empty where it holds."""

    name: str
    gap: str
    text: str


def wrongs(part: str = "") -> Iterator[Wrong]:
    """Every wrong input of operators that have `part` in their name."""
    database = importlib.import_module("torch.testing._internal.common_methods_invocations").op_db
    for op in database:
        if op.name.startswith(ELSEWHERE) or part not in op.name or op.error_inputs_func is None:
            continue
        try:
            function = called_by(op)
        except (AttributeError, NotImplementedError):
            continue
        for given in op.error_inputs("cpu"):
            wrong = _tried(op, function, given)
            if wrong is not None:
                yield wrong


def _tried(op: Any, function: Any, given: Any) -> Wrong | None:
    sample = given.sample_input
    try:
        args, kwargs = translated(((sample.input, *sample.args), sample.kwargs))
    except (Refused, AttributeError, TypeError, ValueError, RuntimeError):
        return None
    said = given.error_regex[:90]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*args, **kwargs)
    except given.error_type:
        return Wrong(op.name, "", said)
    except Exception as error:  # another error than PyTorch's
        text = str(error).splitlines()[0] if str(error) else ""
        return Wrong(op.name, f"{type(error).__name__} for {_name(given.error_type)}: {text}"[:140], said)
    shown = ", ".join(_shown(v) for v in flat((args, list(kwargs.items()))))
    return Wrong(op.name, f"no error ({shown})"[:180], said)


def _name(kinds: Any) -> str:
    return "/".join(k.__name__ for k in kinds) if isinstance(kinds, tuple) else str(kinds.__name__)


def _shown(value: Any) -> str:
    return f"{value.dtype.name}{tuple(value.shape)}" if isinstance(value, medtorch.Tensor) else repr(value)


def main() -> None:
    """Print the count and what does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", default="")
    torch.set_num_threads(1)
    parser.add_argument("--json", type=Path, help="write the answers for the documentation's page")
    chosen = parser.parse_args()
    found = list(wrongs(chosen.part))
    print(f"wrong inputs: {sum(not w.gap for w in found)} of {len(found)}")
    for wrong in found:
        if wrong.gap:
            print(f"  {wrong.name}: {wrong.gap} | {wrong.text}")
    if chosen.json is not None:
        write_rows(chosen.json, [("wrong inputs", w.name, w.gap) for w in found])


if __name__ == "__main__":
    main()
