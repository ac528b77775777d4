"""Steps of optimizers and of running statistics: tensors changed in place by one kernel call, unrecorded.

Requires  REQ-F-OPT-001
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.dtypes import float32, float64, int64
from medtorch.core.modes import STATE

if TYPE_CHECKING:
    from medtorch.core.kernels import Kernels
    from medtorch.core.tensor import Tensor

Row = tuple["Tensor", ...]


def can_step(param: Tensor, grad: Tensor, *state: Tensor | None) -> bool:
    """Whether a kernel may change `param` and `state`: float32 or float64 all, of one shape, in memory of their own."""
    if param.dtype not in (float32, float64) or STATE.capture is not None:
        return False
    own = param._array
    for other in (grad, *state):
        if other is None:
            continue
        array = other._array
        if array.dtype != own.dtype or array.shape != own.shape or other._device != param._device:
            return False
    return all(t is None or _is_whole(t) for t in (param, *state))


def _is_whole(tensor: Tensor) -> bool:
    if tensor._base is not None or tensor._inference:
        return False
    array = tensor._array
    return 0 not in array.strides or not any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True))


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


def can_follow(running: Tensor, own: Tensor) -> bool:
    """Whether `follow` may change `running`: nothing records or follows it, and it has memory of its own."""
    followed = STATE.levels or STATE.batches or running.requires_grad or running._copy_of is not None
    alike = own._array.dtype == running._array.dtype and own._array.size == running._array.size
    return not followed and alike and can_step(running, running)


def follow(running: Tensor, own: Tensor, momentum: float, factor: float) -> None:
    """running = running (1 - momentum) + own factor momentum, over the same numbers in another shape."""
    kernels = kernels_for(running.device)
    array = running._array
    with kernels.quiet():
        array[...] = kernels.running_moment(array, own._array.reshape(array.shape), momentum, factor)
    running._counter[0] += 1


def count_one(number: Tensor) -> bool:
    """Add one to a whole number; False where somebody follows it, who has to see an op."""
    if STATE.levels or STATE.batches or STATE.capture is not None or number.dtype is not int64:
        return False
    if not _is_whole(number) or number.ndim:
        return False
    with kernels_for(number.device).quiet():
        number._array[...] += 1
    number._counter[0] += 1
    return True
