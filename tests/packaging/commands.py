"""Running programs in tests: no stdin, a time limit, output as text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(
    command: Sequence[str | Path], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None, seconds: int = 120
) -> subprocess.CompletedProcess[str]:
    """What the program answered; stdout and stderr come together, as a person would see them."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )


def python(code: str, **options) -> subprocess.CompletedProcess[str]:
    """What a fresh interpreter answers."""
    return run([sys.executable, "-c", code], **options)
