"""How long the service takes from the start of its process until it may serve, its known answers included."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.requirement("REQ-P-SPD-030"), pytest.mark.needs("measuring")]

STARTS = 7


def cpu_seconds(command: list[str]) -> float:
    """Time that the processors spent on one process and what it started: others on the machine hardly change it."""
    before = os.times()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=120)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def test_it_may_serve_soon_after_its_start(bundle_path: Path, bundle_sha256: str, evidence):
    command = [sys.executable, "-m", "medtorch", "serve", "--bundle", str(bundle_path), "--sha256", bundle_sha256]
    samples = [cpu_seconds([*command, "--unvalidated", "--check-only"]) for _ in range(STARTS)]
    evidence.measure("REQ-P-SPD-030", statistics.median(samples), samples)
