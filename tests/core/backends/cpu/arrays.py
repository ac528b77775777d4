"""Numbers for tests of kernels, and how far from the truth an answer is."""

from __future__ import annotations

import numpy as np


def numbers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def channels_last(x: np.ndarray) -> np.ndarray:
    """The same numbers with channels side by side in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)


def rms_gap(found: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error in units of the truth's."""
    size = np.sqrt(np.mean(np.square(truth, dtype=np.float64)))
    return float(np.sqrt(np.mean(np.square(found - truth, dtype=np.float64))) / size) if truth.size else 0.0


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()
