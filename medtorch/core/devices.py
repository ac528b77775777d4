"""Where a tensor lives.

Source    semantics of torch.device
Requires  REQ-F-TEN-003
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass

from medtorch.errors import DeviceError

_FORM = re.compile(r"(cpu|cuda)(?::(\d+))?")


class _Current(threading.local):
    cuda = 0


CURRENT = _Current()
"""Which CUDA device of this thread "cuda" means where no index is given."""


@dataclass(frozen=True, init=False)
class device:  # noqa: N801  the public name is torch's
    """`device("cpu")`, `device("cuda")`, `device("cuda:1")`, `device("cuda", 1)`.

    Raises    DeviceError for any other kind of device
    """

    type: str
    index: int | None

    def __init__(self, type: str | device | int, index: int | None = None) -> None:
        if isinstance(type, device):
            kind, place = type.type, type.index
        elif isinstance(type, int):
            kind, place = "cuda", type
        else:
            found = _FORM.fullmatch(type)
            if found is None:
                raise DeviceError(f"no such device: {type!r}; have 'cpu', 'cuda', 'cuda:N'")
            kind, place = found[1], None if found[2] is None else int(found[2])
        if index is not None:
            if place is not None:
                raise DeviceError(f"device {type!r} names an index already, got index={index} too")
            place = index
        if kind == "cpu":
            if place not in (None, 0):
                raise DeviceError(f"there is one cpu, got index {place}")
            place = None
        elif place is None:
            place = CURRENT.cuda
        object.__setattr__(self, "type", kind)
        object.__setattr__(self, "index", place)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        return (
            f"device(type={self.type!r})" if self.index is None else f"device(type={self.type!r}, index={self.index})"
        )


CPU = device("cpu")


def as_device(value: str | device | int | None) -> device:
    """A device from a device, its name, a CUDA index, or None for the CPU."""
    if value is None:
        return CPU
    return value if isinstance(value, device) else device(value)
