"""One number for all dims, or one a dim: brought to one a dim.

Source    semantics of torch.nn.modules.utils
Requires  REQ-F-NN-005
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def _ntuple(value: Any, n: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Iterable) else (value,) * n


def _single(x: Any) -> tuple[Any, ...]:
    return _ntuple(x, 1)


def _pair(x: Any) -> tuple[Any, ...]:
    return _ntuple(x, 2)


def _triple(x: Any) -> tuple[Any, ...]:
    return _ntuple(x, 3)


def _quadruple(x: Any) -> tuple[Any, ...]:
    return _ntuple(x, 4)


def _reverse_repeat_tuple(t: tuple[Any, ...], n: int) -> tuple[Any, ...]:
    """(1, 2) twice: (2, 2, 1, 1); padding a dim as F.pad wants it, last dim first."""
    return tuple(x for x in reversed(t) for _ in range(n))
