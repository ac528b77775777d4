"""Steps of optimizers over many tensors in one kernel call, in place and unrecorded.

Requires  REQ-F-OPT-001
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.dtypes import float32, float64
from medtorch.core.modes import STATE

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Row = tuple["Tensor", ...]


def can_step(param: Tensor, grad: Tensor, *state: Tensor | None) -> bool:
    """Whether a kernel may change `param` and `state`: float32 or float64 all, of one shape, in memory of their own."""
    if param.dtype not in (float32, float64) or STATE.capture is not None:
        return False
    return all(
        t is None or (t.dtype is param.dtype and t.device == param.device and t.shape == param.shape)
        for t in (grad, *state)
    ) and all(t is None or _is_whole(t) for t in (param, *state))


def _is_whole(tensor: Tensor) -> bool:
    spread = any(s == 0 and n > 1 for s, n in zip(tensor._array.strides, tensor._array.shape, strict=True))
    return tensor._base is None and not tensor._inference and not spread


def step_together(rows: Sequence[Row], step: Callable[[Kernels, list[tuple[Any, ...]]], None]) -> None:
    """Let `step(kernels, arrays)` change every tensor of `rows` (param, grad, *state) but the gradients."""
    places: dict[device, list[Row]] = {}
    for row in rows:
        places.setdefault(row[0].device, []).append(row)
    for place, own in places.items():
        kernels = kernels_for(place)
        with kernels.quiet():
            step(kernels, [tuple(t._array for t in row) for row in own])
        for param, _, *state in own:
            for changed in (param, *state):
                changed._counter[0] += 1
