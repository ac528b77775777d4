"""torch.autograd.forward_ad's names: tensors that carry a tangent.

    with forward_ad.dual_level():
        y = f(forward_ad.make_dual(x, direction))
        slope = forward_ad.unpack_dual(y).tangent

Source    semantics of torch.autograd.forward_ad; levels may be nested here
Requires  REQ-F-AUT-010
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Self

from medtorch.core import forward
from medtorch.core.forward import UnpackedDualTensor
from medtorch.core.modes import STATE
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


def enter_dual_level() -> int:
    """Open a level of forward mode and say its number."""
    level = max(STATE.levels, default=0) + 1
    STATE.levels = (*STATE.levels, level)
    return level


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the innermost level. Raises ArgumentError if `level` is another, or there is none."""
    innermost = forward.current_level()
    if level not in (None, innermost):
        raise ArgumentError(f"forward_ad: level {level} cannot be closed, level {innermost} is the innermost")
    STATE.levels = STATE.levels[:-1]


class dual_level(AbstractContextManager["dual_level"]):  # noqa: N801  the public name is torch's
    """A level of forward mode, open inside."""

    def __init__(self) -> None:
        self.level: int | None = None

    def __enter__(self) -> Self:
        self.level = enter_dual_level()
        return self

    def __exit__(self, *_: object) -> None:
        exit_dual_level(level=self.level)


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """The same numbers, moving along `tangent`, at the innermost level or another.

    Raises    ArgumentError outside of all levels; ShapeError, AutogradError for a tangent that does not fit
    """
    return forward.make_dual(tensor, tangent, level=_open(level))


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The tensor without its tangent, and that tangent, None where it has none or no level is open."""
    if level is None and not STATE.levels:
        return UnpackedDualTensor(tensor, None)
    return forward.unpack_dual(tensor, level=_open(level))


def _open(level: int | None) -> int:
    innermost = forward.current_level()
    if level is not None and level not in STATE.levels:
        raise ArgumentError(f"forward_ad: level {level} is not open")
    return innermost if level is None else level
