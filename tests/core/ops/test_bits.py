"""Every op, forwards and backwards, gives the same bits on every kernel set and for every number of threads."""

from __future__ import annotations

import pytest

from medtorch.core import backends
from tests.core.backends.cpu.conftest import native, sets
from tests.core.ops.bits import digest, row_digest, rows

pytestmark = pytest.mark.requirement("REQ-F-OPS-301")

__all__ = ["native", "sets"]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_kernel_sets_and_threads_change_no_bit(row, native, sets, monkeypatch):
    found = {}
    for kernels in sets:
        monkeypatch.setattr(backends, "_cpu", lambda kernels=kernels: kernels)
        for threads in (1, 3) if kernels is sets[-1] else (2,):
            native.set_thread_count(threads)
            found[kernels.set.name, threads] = row_digest(row)
    assert len(set(found.values())) == 1, found


def test_a_digest_sees_every_bit_but_those_of_a_nan(rng):
    x = rng.standard_normal(5).astype("float32")
    other = x.copy()
    other.view("uint32")[3] ^= 1
    assert digest([x]) == digest([x.copy()])
    assert digest([x]) != digest([other])
    assert digest([x]) != digest([x.reshape(5, 1)])
    negative = x.copy()
    x[0] = float("nan")
    negative.view("uint32")[0] = 0xFFC00001
    assert digest([x]) == digest([negative])
