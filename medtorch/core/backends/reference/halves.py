"""Kernels that compute half-precision inputs in float32 and round once, at the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

_HALVES = ("float16", "bfloat16")


def in_float32(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Widen float16 and bfloat16 arrays on the way in; narrow float32 results on the way out."""

    @functools.wraps(kernel)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        narrow = next((a.dtype for a in args if hasattr(a, "dtype") and a.dtype.name in _HALVES), None)
        if narrow is None:
            return kernel(self, *args, **kwargs)
        wide = [a.astype(np.float32) if hasattr(a, "dtype") and a.dtype.name in _HALVES else a for a in args]
        found = kernel(self, *wide, **kwargs)
        return tuple(_narrowed(f, narrow) for f in found) if isinstance(found, tuple) else _narrowed(found, narrow)

    return wrapper


def _narrowed(array: Any, narrow: Any) -> Any:
    return array.astype(narrow) if array.dtype == np.float32 else array
