"""Which parameters of a group one kernel call moves.

`foreach` and `fused` choose as in torch. None and True take the one call; with `fused=True` a parameter that it cannot
take is an error. False, where the other is not True, takes the plain loop. The numbers are the same bits either way.

Requires  REQ-F-OPT-001
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medtorch.core.stepping import can_step
from medtorch.core.tensor import Tensor
from medtorch.errors import UnsupportedError
from medtorch.optim.optimizer import Group

SWITCHES = ("foreach", "fused")


def parted(
    name: str, params: list[Tensor], group: Group, state_of: Callable[[Tensor], list[Any]]
) -> tuple[list[Tensor], list[Tensor]]:
    """(together, alone). `state_of` gives the tensors that the rule keeps for a parameter, as far as they are there.

    Raises    UnsupportedError for a parameter that cannot be moved together although fused=True
    """
    chosen = [group.get(switch) for switch in SWITCHES]
    if False in chosen and True not in chosen:
        return [], params
    together: list[Tensor] = []
    alone: list[Tensor] = []
    for param in params:
        fits = param.grad is not None and can_step(param, param.grad, *state_of(param))
        (together if fits else alone).append(param)
    if alone and group.get("fused"):
        raise UnsupportedError(
            f"{name}: fused=True needs float32 or float64 parameters and gradients of one dtype, device and shape in "
            f"memory of their own; one is {alone[0].dtype}, shape {tuple(alone[0].shape)}"
        )
    return together, alone
