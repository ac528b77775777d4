"""How far a compiled model may be from the model: nothing where nothing was folded, else a stated bound.

Math      |compiled - eager| <= factor(dtype) max |eager|, over each output, where eager is finite
Requires  REQ-F-CMP-007
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medtorch.core.backends import move
from medtorch.core.devices import device
from medtorch.core.graph.recorder import same_numbers
from medtorch.errors import CompileError

Array = Any

FACTORS = {"float64": 2.0**-42, "float32": 2.0**-13, "float16": 2.0**-6, "bfloat16": 2.0**-3}
"""1024 units in the last place of a single or double, 16 of a half: networks of 200 layers stay well below."""


@dataclass(frozen=True)
class Accuracy:
    """What was found on the example: whether every bit is equal, and the largest difference over the largest number."""

    bit_equal: bool
    largest: float


class FoldingError(CompileError):
    """What was folded gives other numbers than promised: on this example the model multiplies rounding errors."""


def compare(found: list[Array], wanted: tuple[Array, ...], *, exact: bool) -> Accuracy:
    """The accuracy on the example. Raises CompileError where it is worse than what is promised."""
    equal = all(same_numbers(a, b) for a, b in zip(found, wanted, strict=True))
    largest = 0.0
    for nr, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if exact and not same_numbers(a, b):
            raise CompileError(
                f"compile: output {nr} is not that of the model bit for bit, although nothing was folded"
            )
        kind = str(a.dtype.name)
        gap = largest_gap(a, b) if kind in FACTORS else 0.0
        if not gap <= FACTORS.get(kind, 0.0):
            raise FoldingError(
                f"compile: on the example, output {nr} is {gap:.2g} of its largest number away from the model's, "
                f"more than the promised {FACTORS[kind]:.2g}"
            )
        largest = max(largest, gap)
    return Accuracy(equal, largest)


def largest_gap(found: Array, wanted: Array) -> float:
    """The largest difference over the largest number of `wanted`, where that is finite."""
    a, b = (np.asarray(move(array, device("cpu")), np.float64) for array in (found, wanted))
    finite = np.isfinite(b)
    if not finite.any():
        return 0.0
    scale = float(np.abs(b[finite]).max())
    with np.errstate(invalid="ignore"):
        worst = float(np.abs(a[finite] - b[finite]).max())
    return worst / scale if scale else worst
