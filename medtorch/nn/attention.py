"""Which implementation of scaled dot-product attention may run: here there is one, the formula itself.

Source    semantics of torch.nn.attention
Requires  REQ-F-NN-005
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager

from medtorch.errors import UnsupportedError


class SDPBackend(enum.IntEnum):
    """torch's implementations, by number."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """Inside, attention runs on one of `backends`. Raises UnsupportedError unless MATH is one of them."""
    allowed = [backends] if isinstance(backends, SDPBackend) else list(backends)
    if SDPBackend.MATH not in allowed:
        names = ", ".join(backend.name for backend in allowed)
        raise UnsupportedError(f"sdpa_kernel: only MATH is supported, got {names}")
    if set_priority and allowed[0] is not SDPBackend.MATH:
        raise UnsupportedError(f"sdpa_kernel: only MATH is supported, not {allowed[0].name} before it")
    yield
