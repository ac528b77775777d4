"""The version of PyTorch whose interface medtorch follows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["TorchVersion", "__version__"]

_PART = re.compile(r"\d+")


class TorchVersion(str):
    """A version that compares by its numbers, with a string or a tuple; `split` and the like work as on any string.

    Source    semantics of torch.torch_version.TorchVersion
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return _numbers(self) == _numbers(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return _numbers(self) < _numbers(other)

    def __le__(self, other: Any) -> bool:
        return _numbers(self) <= _numbers(other)

    def __gt__(self, other: Any) -> bool:
        return _numbers(self) > _numbers(other)

    def __ge__(self, other: Any) -> bool:
        return _numbers(self) >= _numbers(other)


def _numbers(version: Any) -> tuple[int, ...]:
    """Major, minor and micro number; what follows them (a local part, "a0") does not count."""
    parts: Iterable[Any] = version if isinstance(version, tuple) else str(version).partition("+")[0].split(".")
    found = [_PART.match(str(part)) for part in parts]
    numbers = [int(match[0]) for match in found if match is not None][:3]
    return (*numbers, *[0] * (3 - len(numbers)))


__version__ = TorchVersion("2.13.0+medtorch")
