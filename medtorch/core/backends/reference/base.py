"""What every family of reference kernels stands on: the array module they compute with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any

import numpy as np

Array = Any


class KernelFamily:
    """A group of kernels over one array module, `xp` (NumPy or CuPy)."""

    xp: Any
    native: ModuleType | None = None
    """The module that writes down native jobs and runs them again; None where kernels run from Python alone."""

    def quiet(self) -> AbstractContextManager[Any]:
        """IEEE answers (inf, NaN) without warnings: they are results here, not accidents."""
        return np.errstate(all="ignore") if self.xp is np else nullcontext()

    def in_float64(self, function: Callable[[Array], Array], x: Array) -> Array:
        """`function` computed in float64 and rounded once."""
        with self.quiet():
            return self.xp.asarray(function(x.astype(self.xp.float64))).astype(x.dtype)
