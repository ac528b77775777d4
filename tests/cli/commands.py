"""Running the command as a user does, in a process of its own or in this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from medtorch.cli import main

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, cwd=None, **environment):
    """`python -m medtorch ARGUMENTS`; stdout and stderr apart."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **environment}
    variables.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
    return subprocess.run(
        [sys.executable, "-m", "medtorch", *map(str, arguments)],
        capture_output=True, text=True, env=variables, cwd=cwd, check=False, timeout=300,
    )  # fmt: skip


def here(capsys, *arguments):
    """The same in this process: (exit code, stdout, stderr)."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err
