"""The one door to the native module: it is not there in an install without a compiler.

Requires  REQ-F-INS-003
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType

from medtorch.core.backends.cpu.probe import load
from medtorch.errors import BackendError

THREADS_VARIABLE = "MEDTORCH_NUM_THREADS"


@cache
def native() -> ModuleType | None:
    """The native module, with as many threads as the environment asks for; None in a pure install.

    Raises    BackendError if MEDTORCH_NUM_THREADS is no number of threads, or the module does not fit; ImportError for
              a broken install
    """
    module = load()
    wanted = threads_asked_for()
    if module is not None and wanted is not None:
        module.set_thread_count(wanted)
    return module


def threads_asked_for() -> int | None:
    """What MEDTORCH_NUM_THREADS says, or None where it says nothing."""
    text = os.environ.get(THREADS_VARIABLE)
    if text is None:
        return None
    if not text.strip().isdecimal() or int(text) < 1:
        raise BackendError(f"{THREADS_VARIABLE}={text}: must be a whole number, at least 1")
    return int(text)
