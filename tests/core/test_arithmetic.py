"""The name of the CPU's arithmetic, and that it changes whenever a bit of a result does."""

from __future__ import annotations

import pytest

import medtorch
from medtorch.core import backends
from medtorch.core.arithmetic import REVISION, cpu_arithmetic
from tests.core.arithmetic import found, recorded
from tests.core.backends.cpu.conftest import native, sets, widest

pytestmark = pytest.mark.requirement("REQ-F-BUN-007", "REQ-F-OPS-301")

__all__ = ["native", "sets", "widest"]


def test_every_answer_is_the_one_recorded_for_this_revision_of_the_arithmetic(widest, monkeypatch):
    """Fails where kernels give other bits: then REVISION must grow, and `python -m tests.core.arithmetic` be run."""
    monkeypatch.setattr(backends, "_cpu", lambda: widest)
    assert found() == recorded()[str(REVISION)]


def test_the_name_says_revision_and_algorithms_and_not_the_kernel_set(sets, monkeypatch):
    for kernels in sets:
        monkeypatch.setattr(backends, "_cpu", lambda kernels=kernels: kernels)
        assert cpu_arithmetic() == f"medtorch-cpu-{REVISION}-default"
    with medtorch.cpu_algorithms("fast"):
        assert cpu_arithmetic() == f"medtorch-cpu-{REVISION}-fast"


def test_numpys_arithmetic_has_no_name(monkeypatch):
    monkeypatch.setattr(backends, "_cpu", lambda: backends._REFERENCE)
    assert cpu_arithmetic() is None
