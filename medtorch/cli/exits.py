"""Exit codes, and which error leads to which.

Requires  REQ-F-CLI-001
"""

from __future__ import annotations

import sys

from medtorch.errors import DataError, LoadError, MedtorchError, StartupError, TrainingError

GOOD = 0
NO = 1
USAGE = 2
BAD_INPUT = 3
BROKEN = 70  # sysexits.h: internal software error
INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def exit_code_of(error: MedtorchError) -> int:
    """3 for what was read, 1 for a training that cannot go on, 2 for what was asked for."""
    if isinstance(error, (LoadError, DataError, StartupError)):
        return BAD_INPUT
    return NO if isinstance(error, TrainingError) else USAGE


def complain(text: str, code: int) -> int:
    """Say what is wrong, on stderr; returns the code."""
    print(f"medtorch: {text}", file=sys.stderr)
    return code
