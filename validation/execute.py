"""Runs pytest in a process of its own, with the plugin, in a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TOOL_ROOT = Path(__file__).resolve().parent.parent
PROGRESS_SECONDS = 10.0


def run_pytest(
    root: Path,
    arguments: list[str],
    *,
    timeout_s: float,
    extra_environment: dict[str, str] | None = None,
    progress: Callable[[], None] | None = None,
) -> str:
    """Run pytest to its end, or stop it after `timeout_s`; returns what it printed.

    Options from outside are dropped, because they could leave tests out. `progress` is called every few seconds.
    """
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTHONOPTIMIZE")}
    paths = [str(root), str(TOOL_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    environment |= {"PYTHONPATH": os.pathsep.join(paths), **(extra_environment or {})}
    command = [sys.executable, "-m", "pytest", "-p", "validation.plugin", "-p", "no:cacheprovider", f"--rootdir={root}"]
    with tempfile.TemporaryFile() as printed:
        process = subprocess.Popen(
            [*command, *arguments], cwd=root, env=environment, stdout=printed, stderr=subprocess.STDOUT
        )
        note = "" if _ended(process, timeout_s, progress) else _stopped(process, timeout_s)
        printed.seek(0)
        return printed.read().decode("utf-8", "replace") + note


def _ended(process: subprocess.Popen[bytes], timeout_s: float, progress: Callable[[], None] | None) -> bool:
    deadline = time.monotonic() + timeout_s
    try:
        while (left := deadline - time.monotonic()) > 0:
            try:
                process.wait(min(left, PROGRESS_SECONDS))
            except subprocess.TimeoutExpired:
                if progress is not None:
                    progress()
            else:
                return True
    except BaseException:
        process.kill()  # Ctrl-C must not leave tests behind that nobody waits for
        raise
    return False


def _stopped(process: subprocess.Popen[bytes], timeout_s: float) -> str:
    process.kill()
    process.wait()
    return f"\nstopped after {timeout_s:.0f} s: the tests without an outcome are NOT_RUN\n"
