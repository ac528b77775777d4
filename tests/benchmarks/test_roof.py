"""The roof: measured by a program that shares nothing with the kernels, and never lower than they are."""

from __future__ import annotations

import pytest

from benchmarks.roof import SIZES, Roof, build, probe

pytestmark = pytest.mark.requirement("REQ-P-SPD-020")


def test_the_least_time_is_that_of_arithmetic_or_of_bytes():
    roof = Roof(flops=100.0, bytes={1000: 10.0, 1_000_000: 1.0})
    assert roof.seconds(flops=1000.0, size=50.0) == 10.0
    assert roof.seconds(flops=1000.0, size=2000.0) == 200.0
    assert roof.seconds(flops=0.0, size=900_000.0) == 900_000.0


def test_bandwidth_is_that_of_the_nearest_size():
    roof = Roof(flops=1.0, bytes={1 << 20: 3.0, 1 << 24: 2.0})
    assert [roof.bandwidth(size) for size in (0, 1 << 20, 1 << 21, 1 << 23, 1 << 30)] == [3.0, 3.0, 3.0, 2.0, 2.0]


def test_the_probe_measures_this_machine(tmp_path, needs):
    needs("compiler")
    program = build(tmp_path)
    assert program is not None
    roof = probe(program, threads=1, seconds=0.01)
    assert 1e9 < roof.flops < 1e12, "one core of any machine of this century so far"
    assert set(roof.bytes) == set(SIZES)
    assert all(1e8 < rate < 1e12 for rate in roof.bytes.values())
