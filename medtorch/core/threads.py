"""How many threads the native CPU kernels use. Results do not depend on it.

The reference backend computes with NumPy, whose BLAS library has threads of its own (OPENBLAS_NUM_THREADS and others).

Requires  REQ-P-SCA-001
"""

from __future__ import annotations

from medtorch.core.backends.cpu.door import native
from medtorch.errors import ArgumentError, UnsupportedError


def get_num_threads() -> int:
    """Threads that a native kernel may use; 1 in an install without native kernels.

    Source    semantics of torch.get_num_threads; the default is what affinity and cgroup quotas leave to the process
    """
    module = native()
    return 1 if module is None else int(module.thread_count())


def set_num_threads(num_threads: int) -> None:
    """Use this many threads from the next kernel on. MEDTORCH_NUM_THREADS sets it from outside.

    Raises    ArgumentError unless a whole number, at least 1; UnsupportedError in an install without native kernels
    Source    semantics of torch.set_num_threads
    """
    if not isinstance(num_threads, int) or isinstance(num_threads, bool) or not 1 <= num_threads <= 1024:
        raise ArgumentError(f"set_num_threads: expected a whole number from 1 to 1024, got {num_threads!r}")
    module = native()
    if module is None:
        raise UnsupportedError(
            "set_num_threads: this install has no native kernels; NumPy's threads are set by its BLAS library"
        )
    module.set_thread_count(num_threads)
