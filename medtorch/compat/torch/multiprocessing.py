"""Python's multiprocessing under torch's name: tensors travel between processes as copies.

A process that is started afresh ("spawn") begins outside `as_torch`.
"""

from __future__ import annotations

from multiprocessing import (
    Array,
    Barrier,
    Event,
    Lock,
    Manager,
    Pool,
    Process,
    Queue,
    RLock,
    Semaphore,
    SimpleQueue,
    Value,
    active_children,
    cpu_count,
    current_process,
    get_all_start_methods,
    get_context,
    get_start_method,
    set_start_method,
)

__all__ = [
    "Array",
    "Barrier",
    "Event",
    "Lock",
    "Manager",
    "Pool",
    "Process",
    "Queue",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "Value",
    "active_children",
    "cpu_count",
    "current_process",
    "get_all_start_methods",
    "get_context",
    "get_start_method",
    "set_start_method",
]
