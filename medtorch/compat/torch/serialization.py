"""torch.serialization's names. No list of allowed classes widens what loading does: it runs nothing.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import medtorch

__all__ = ["DEFAULT_PROTOCOL", "add_safe_globals", "load", "safe_globals", "save"]

DEFAULT_PROTOCOL = 2

load, save = medtorch.load, medtorch.save


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Nothing is added: a file that asks for one of them is refused with an UnsafeError that names it."""


class safe_globals:  # noqa: N801  the public name is torch's
    """As `add_safe_globals`, for a while."""

    def __init__(self, safe_globals: Sequence[Any]) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
