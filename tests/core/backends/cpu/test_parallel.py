"""The pool of threads: forks, several callers at once, changes of size, and the floating-point mode of the caller."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.core.backends.cpu.arrays import numbers, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-303", "REQ-F-OPS-301")


@pytest.fixture
def work(native, widest, rng):
    """A product that is shared out to all threads, and its answer on one thread."""
    a, b = numbers(rng, 300, 200), numbers(rng, 200, 500)
    native.set_thread_count(1)
    alone = widest.matmul(a, b)
    native.set_thread_count(3)
    return lambda: widest.matmul(a, b), alone


def _child(compute, alone, answers):
    answers.put([same_bits(compute(), alone) for _ in range(20)])


def test_a_forked_child_has_a_pool_of_its_own(work):
    compute, alone = work
    compute()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    children = [context.Process(target=_child, args=(compute, alone, answers)) for _ in range(3)]
    for child in children:
        child.start()
    assert all(all(answers.get(timeout=60)) for _ in children)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert same_bits(compute(), alone)


def test_several_python_threads_compute_at_once(work):
    compute, alone = work
    right = []

    def caller():
        right.append(all(same_bits(compute(), alone) for _ in range(30)))

    callers = [threading.Thread(target=caller) for _ in range(6)]
    for c in callers:
        c.start()
    for c in callers:
        c.join(120)
    assert right == [True] * 6


def test_the_number_of_threads_may_change_while_others_compute(native, work):
    compute, alone = work
    stop = threading.Event()

    def change():
        count = 0
        while not stop.is_set():
            native.set_thread_count(1 + count % 5)
            count += 1
            time.sleep(0.001)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        assert all(same_bits(compute(), alone) for _ in range(200))
    finally:
        stop.set()
        changer.join()


def test_workers_that_fell_asleep_wake_up(work):
    compute, alone = work
    for _ in range(5):
        time.sleep(0.01)
        assert same_bits(compute(), alone)


def test_other_python_threads_run_meanwhile(native, widest, rng):
    a = numbers(rng, 1500, 1500)
    native.set_thread_count(1)
    ticks = 0
    stop = threading.Event()

    def count():
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.0005)

    counter = threading.Thread(target=count)
    counter.start()
    time.sleep(0.05)
    before = ticks
    widest.matmul(a, a)
    during = ticks - before
    stop.set()
    counter.join()
    assert during >= 3


def test_a_process_ends_while_workers_sleep(native):
    code = """
import numpy as np
from medtorch.core.backends.cpu import CpuKernels
from medtorch.core.backends.cpu.door import native
module = native()
module.set_thread_count(4)
CpuKernels(module, "scalar").matmul(np.ones((300, 300), np.float32), np.ones((300, 300), np.float32))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


# x * 2^-k for tiny x: subnormal products, which a thread that flushes them (DAZ, FTZ) would turn into 0.
FLUSHING = """
import ctypes, mmap, sys
import numpy as np
from medtorch.core.backends.cpu import CpuKernels
from medtorch.core.backends.cpu.door import native

def machine_code(code):
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    return page, ctypes.addressof(ctypes.c_char.from_buffer(page))

load_page, load = machine_code(bytes([0x0f, 0xae, 0x17, 0xc3]))   # ldmxcsr [rdi]; ret
store_page, store = machine_code(bytes([0x0f, 0xae, 0x1f, 0xc3]))  # stmxcsr [rdi]; ret
load, store = (ctypes.CFUNCTYPE(None, ctypes.c_void_p)(f) for f in (load, store))
module = native()
module.set_thread_count(int(sys.argv[1]))
kernels = CpuKernels(module, module.instruction_sets()[-1])
tiny = np.full((400, 64), 1e-30, np.float32)
small = np.full((64, 400), 1e-12, np.float32)
right = kernels.matmul(tiny, small)
assert (right > 0).all(), "subnormal results expected"
flushing = ctypes.c_uint32(0x9fc0)  # flush to zero, denormals are zero
load(ctypes.byref(flushing))
found = kernels.matmul(tiny, small)
after = ctypes.c_uint32(0)
store(ctypes.byref(after))
load(ctypes.byref(ctypes.c_uint32(0x1f80)))
assert found.tobytes() == right.tobytes(), "the caller's mode changed the result"
assert after.value & 0xffc0 == 0x9fc0, hex(after.value)
"""


@pytest.mark.skipif(
    __import__("platform").machine() not in ("x86_64", "AMD64"), reason="the mode is set by x86 instructions"
)
@pytest.mark.parametrize("threads", ["1", "3"])
def test_the_callers_floating_point_mode_neither_matters_nor_changes(native, threads):
    answer = subprocess.run(
        [sys.executable, "-c", FLUSHING, threads], capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@pytest.mark.requirement("REQ-F-OPS-304")
def test_memory_is_kept_for_the_next_array_of_its_size_up_to_a_limit(native):
    native.trim_memory()
    used, _, limit = native.memory_stats()
    array = native.empty((1000, 1000))
    kind, address = array.dtype, _address(array)
    now, kept, _ = native.memory_stats()
    part = array[10:20]
    del array
    seen_by_a_view = native.memory_stats()[0]
    del part
    freed = native.memory_stats()[:2]
    again = _address(native.empty((1000, 1000)))
    assert (kind, address % 64, kept) == (np.float32, 0, 0)
    assert now - used >= 4_000_000
    assert seen_by_a_view == now
    assert freed == (used, now - used)
    assert again == address
    try:
        native.set_memory_limit(1_000_000)
        assert native.memory_stats()[1] <= 1_000_000
    finally:
        native.set_memory_limit(limit)
    with pytest.raises(MemoryError):
        native.empty((1 << 40, 1 << 20))
    assert native.empty((0, 3)).shape == (0, 3)
