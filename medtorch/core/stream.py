"""A stream of random numbers that is the same on every machine: a counter-based generator's bits, made numbers here.

Math      uniform: the top 24 (float32) or 53 (float64) bits over 2^24 or 2^53, in [0, 1)
          normal: Box-Muller in float64, both numbers of a pair used
          whole numbers: 64 random bits, multiplied down to the range (bias below 2^-32 for ranges below 2^32)
          permutation: the order of 64-bit keys
Source    Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011 (Philox, through numpy.random.Philox,
          whose raw stream is fixed); Box & Muller 1958, Ann. Math. Stat. 29, 610-611
Requires  REQ-F-TEN-008
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np

from medtorch.core import dtypes
from medtorch.core.modes import STATE
from medtorch.errors import ArgumentError

_WORDS = 4  # 64-bit words that Philox gives for one count
_KEY = 0x6D6564746F726368


class Stream:
    """Random numbers that follow from a seed and from how much was taken already."""

    def __init__(self, seed: int = 0, taken: int = 0) -> None:
        self.seed, self.taken = seed, taken
        self._lock = threading.Lock()

    def bits(self, count: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
        """The next `count` 64-bit words. Every call starts at a fresh count of the generator."""
        with self._lock:
            source = np.random.Philox(key=[self.seed, _KEY], counter=self.taken)
            self.taken += -(-count // _WORDS)
        return source.random_raw(count)

    def uniform(self, shape: tuple[int, ...], wanted: dtypes.dtype = dtypes.float64) -> np.ndarray[Any, Any]:
        """Numbers of [0, 1)."""
        digits = 53 if wanted is dtypes.float64 else {"float16": 11, "bfloat16": 8}.get(wanted.name, 24)
        raw = self.bits(int(np.prod(shape))) >> np.uint64(64 - digits)
        return (raw.astype(np.float64) * 2.0**-digits).reshape(shape).astype(wanted.numpy)

    def normal(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """Numbers of the standard normal distribution, in float64."""
        count = int(np.prod(shape))
        pairs = (count + 1) // 2
        words = self.bits(2 * pairs) >> np.uint64(11)
        radius = np.sqrt(-2.0 * np.log((words[:pairs].astype(np.float64) + 1.0) * 2.0**-53))
        angle = words[pairs:].astype(np.float64) * (2.0**-53 * 2.0 * np.pi)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:count].reshape(shape)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Whole numbers from `low` to `high` - 1."""
        span = high - low
        if not 0 < span <= 1 << 63:
            raise ArgumentError(f"randint: nothing to choose from between {low} and {high}")
        words = self.bits(int(np.prod(shape)))
        if span <= 1 << 32:
            top, bottom = words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)
            found = (top * np.uint64(span) + ((bottom * np.uint64(span)) >> np.uint64(32))) >> np.uint64(32)
        else:
            found = words % np.uint64(span)
        return (found.astype(np.int64) + low).reshape(shape)

    def permutation(self, n: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The whole numbers below n in random order."""
        return np.argsort(self.bits(n), kind="stable").astype(np.int64)


class Streaming(Protocol):
    """What has a stream: a Generator."""

    @property
    def stream(self) -> Stream: ...


DEFAULT = Stream()


def stream_of(generator: Streaming | None) -> Stream:
    """The generator's stream, or the default one."""
    if STATE.capture is not None:
        STATE.capture.saw_random()
    found = DEFAULT if generator is None else generator.stream
    for level in STATE.batches:
        found = level.stream(found)
    return found
