"""How a CPU convolution may be computed: by its definition, or with fewer multiplications.

For 3x3 convolutions with stride 1 Winograd's algorithm needs 2.25 (tiles of 2x2 results) or 4 (tiles of 4x4) times
fewer multiplications. Which one is used follows from this choice and from the shape of one image, never from the
batch, the number of threads or the processor, so results stay the same bits everywhere under one choice. An image in
which a result of Winograd's algorithm is not finite is computed directly, so infinities and NaN reach what they should.

    direct    sums over the window, always
    default   tiles of 2x2 where they are worth it: the error stays that of float32 sums
    fast      tiles of 4x4 where they are worth it: 3 to 4 times the error of "default"

Measured RMS error against float64, as a share of the result's spread, 64 to 512 channels of normal numbers: direct and
default at most 3e-7, fast at most 9e-7 (docs/decisions/cpu-conv.md). The reference backend always computes directly.

Requires  REQ-F-OPS-302
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from medtorch.errors import ArgumentError

ALGORITHMS = ("direct", "default", "fast")


class _OfThread(threading.local):
    name: str | None = None


_of_thread = _OfThread()
_of_process = "default"


def get_cpu_algorithms() -> str:
    """What convolutions of this thread may use: "direct", "default" or "fast"."""
    return _of_thread.name or _of_process


def set_cpu_algorithms(algorithms: str) -> None:
    """Choose for all threads of the process, from the next convolution on; `cpu_algorithms` goes before it.

    Raises    ArgumentError unless "direct", "default" or "fast"
    """
    global _of_process  # noqa: PLW0603  a setting of the process, as the number of threads
    _of_process = checked_algorithms("set_cpu_algorithms", algorithms)


@contextmanager
def cpu_algorithms(algorithms: str) -> Iterator[None]:
    """Choose for this thread, within a `with` block or a decorated function.

    Raises    ArgumentError unless "direct", "default" or "fast"
    """
    chosen, before = checked_algorithms("cpu_algorithms", algorithms), _of_thread.name
    _of_thread.name = chosen
    try:
        yield
    finally:
        _of_thread.name = before


def checked_algorithms(function: str, algorithms: object) -> str:
    """`algorithms`, if it is one of the three names."""
    if not isinstance(algorithms, str) or algorithms not in ALGORITHMS:
        have = ", ".join(f'"{name}"' for name in ALGORITHMS)
        raise ArgumentError(f"{function}: no algorithms {algorithms!r}; have {have}")
    return algorithms
