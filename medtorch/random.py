"""torch.random's names: the default generator.

Source    semantics of torch.random
Requires  REQ-F-TEN-008
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from medtorch.core.random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from medtorch.errors import UnsupportedError

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


@contextmanager
def fork_rng(
    devices: Sequence[Any] | None = None,
    enabled: bool = True,
    _caller: str = "fork_rng",
    _devices_kw: str = "devices",
    device_type: str = "cuda",
) -> Iterator[None]:
    """Inside, random numbers are drawn as before; afterwards the default generator is where it was.

    Raises    UnsupportedError for a list of devices: one stream serves them all
    """
    if devices:
        raise UnsupportedError("fork_rng: devices: one stream of random numbers serves all devices")
    before = get_rng_state() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            set_rng_state(before)
