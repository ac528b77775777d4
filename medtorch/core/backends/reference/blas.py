"""How many threads NumPy's matrix products run on: asked of, and told to, the OpenBLAS that NumPy's wheels carry.

One thread gives the same bits on any number of cores, and does not slow down to a crawl where other programs use the
cores (OpenBLAS threads spin while they wait: measured, nine times the processor time on two busy cores).

Requires  REQ-F-CLI-006
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np

# NumPy's wheels name OpenBLAS's functions so; a NumPy that is linked to another BLAS has none of them.
_PREFIX = "scipy_openblas_"
_SUFFIXES = ("64_", "")


def blas_threads() -> int | None:
    """The number of threads, or None where NumPy uses another BLAS."""
    function = _function("get_num_threads")
    return None if function is None else int(function())


def set_blas_threads(count: int) -> bool:
    """Set it; False where NumPy uses another BLAS, which keeps what it has."""
    function = _function("set_num_threads")
    if function is None:
        return False
    function(ctypes.c_int(count))
    return True


def _function(name: str) -> Any | None:
    library = _library()
    if library is None:
        return None
    found = (getattr(library, f"{_PREFIX}{name}{suffix}", None) for suffix in _SUFFIXES)
    return next((function for function in found if function is not None), None)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The library that NumPy has loaded already."""
    folder = Path(np.__file__).resolve().parent.parent / "numpy.libs"
    paths = sorted(folder.glob("*openblas*"))
    return ctypes.CDLL(str(paths[0])) if paths else None
