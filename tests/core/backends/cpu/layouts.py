"""The same numbers laid out in memory in every way that arrays come in."""

from __future__ import annotations

import numpy as np

from tests.core.backends.cpu.arrays import channels_last


def layouts(x: np.ndarray) -> dict[str, np.ndarray]:
    """The first is contiguous. None shares memory with another."""
    if not x.ndim:
        return {"contiguous": x}
    wide = np.repeat(x, 2, axis=-1)
    found = {
        "contiguous": np.ascontiguousarray(x).copy(),
        "transposed": np.asfortranarray(x),
        "every other": wide[..., ::2],
        "backwards": np.ascontiguousarray(x[..., ::-1])[..., ::-1],
        "a field of records": _field(x),
    }
    if x.ndim >= 3:
        found["channels last"] = channels_last(x)
    return found


def _field(x: np.ndarray) -> np.ndarray:
    records = np.zeros(x.shape, np.dtype([("flag", np.uint8), ("value", np.float32)]))
    records["value"] = x
    return records["value"]
