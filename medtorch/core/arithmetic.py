"""By which arithmetic CPU tensors are computed: answers recorded under a name have the same bits wherever it holds.

Requires  REQ-F-BUN-007
"""

from __future__ import annotations

from medtorch.core.algorithms import get_cpu_algorithms
from medtorch.core.backends import cpu_kernel_set

# One more whenever a change of the native kernels changes a bit of any result: tests/core/test_arithmetic.py sees it.
REVISION = 6


def cpu_arithmetic() -> str | None:
    """The name, equal for every kernel set and number of threads; None for NumPy, which differs between processors."""
    if cpu_kernel_set() == "reference":
        return None
    return f"medtorch-cpu-{REVISION}-{get_cpu_algorithms()}"
