"""Types that only TorchScript tells apart from lists."""

from __future__ import annotations

import typing
from typing import Any

__all__ = ["BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "List", "Optional", "Tuple"]

Dict: Any = typing.__dict__["Dict"]
List: Any = typing.__dict__["List"]
Optional: Any = typing.Optional
Tuple: Any = typing.__dict__["Tuple"]
BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = List
