"""Which kernels run, and on how many threads: chosen from outside, and refused by name where it cannot be."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import types
import warnings

import pytest

from medtorch.core import backends, threads
from medtorch.core.backends.cpu import door, probe
from medtorch.errors import ArgumentError, BackendError, BackendWarning, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-OPS-303")

SAY = """
import json, numpy as np
from medtorch.core.backends import kernels_for
from medtorch.core.devices import device
from medtorch.core.threads import get_num_threads
from medtorch.errors import MedtorchError
try:
    kernels = kernels_for(device("cpu"))
    print(json.dumps([type(kernels).__name__, getattr(kernels, "set", None) and kernels.set.name, get_num_threads()]))
except MedtorchError as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def said_by_a_process(**environment: str):
    answer = subprocess.run(
        [sys.executable, "-c", SAY],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return json.loads(answer.stdout)


def test_the_reference_can_be_forced():
    assert said_by_a_process(MEDTORCH_CPU_ISA="reference")[:2] == ["ReferenceKernels", None]


def test_without_a_choice_the_widest_kernel_set_computes(native, monkeypatch):
    monkeypatch.delenv("MEDTORCH_CPU_ISA", raising=False)
    assert said_by_a_process()[:2] == ["CpuKernels", native.instruction_sets()[-1]]


def test_each_kernel_set_of_this_machine_can_be_forced(native):
    for name in native.instruction_sets():
        assert said_by_a_process(MEDTORCH_CPU_ISA=name)[:2] == ["CpuKernels", name]


def test_an_impossible_kernel_set_is_refused_by_name(native):
    have = ", ".join(["reference", *native.instruction_sets()])
    kind, text = said_by_a_process(MEDTORCH_CPU_ISA="sse9")
    assert (kind, text) == ("BackendError", f"MEDTORCH_CPU_ISA=sse9: this machine has no such kernel set; have {have}")


def test_the_environment_chooses_the_threads(native):
    assert said_by_a_process(MEDTORCH_NUM_THREADS="3", MEDTORCH_CPU_ISA="scalar")[2] == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "", "1.5"])
def test_an_impossible_number_of_threads_in_the_environment_is_refused_by_name(native, monkeypatch, text):
    monkeypatch.setenv("MEDTORCH_NUM_THREADS", text)
    with pytest.raises(BackendError, match=rf"^MEDTORCH_NUM_THREADS={text}: must be a whole number, at least 1$"):
        door.threads_asked_for()


def test_the_default_is_what_is_left_to_the_process(native):
    environment = {k: v for k, v in os.environ.items() if k != "MEDTORCH_NUM_THREADS"}
    code = """
import os
import re
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from medtorch.core.threads import get_num_threads
print(get_num_threads())
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "1"


def test_the_number_of_threads_is_set_and_told(native):
    threads.set_num_threads(3)
    assert threads.get_num_threads() == 3


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True, "2", 1025, None])
def test_an_impossible_number_of_threads_is_refused_by_name(native, wrong):
    with pytest.raises(ArgumentError, match=r"^set_num_threads: expected a whole number from 1 to 1024, got "):
        threads.set_num_threads(wrong)


def test_without_native_kernels_threads_cannot_be_set(monkeypatch):
    monkeypatch.setattr(threads, "native", lambda: None)
    assert threads.get_num_threads() == 1
    with pytest.raises(UnsupportedError, match=r"^set_num_threads: this install has no native kernels"):
        threads.set_num_threads(2)


def test_an_install_without_native_kernels_says_what_computes_instead(monkeypatch):
    monkeypatch.setattr(backends, "native", lambda: None)
    monkeypatch.delenv(backends.ISA_VARIABLE, raising=False)
    with pytest.warns(BackendWarning, match="^no native kernels in this install: NumPy's reference backend computes; "):
        assert type(backends._cpu.__wrapped__()).__name__ == "ReferenceKernels"


def test_a_reference_backend_that_was_chosen_is_not_warned_of(monkeypatch):
    monkeypatch.setattr(backends, "native", lambda: None)
    monkeypatch.setenv(backends.ISA_VARIABLE, "reference")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert type(backends._cpu.__wrapped__()).__name__ == "ReferenceKernels"


def test_the_library_and_the_files_beside_it_have_one_interface(native):
    assert native.interface == probe.INTERFACE


@pytest.mark.parametrize(("numbered", "found"), [({"interface": 1}, "1"), ({}, "without a number")])
def test_a_library_of_other_sources_is_refused_as_soon_as_it_is_loaded(numbered, found):
    library = types.SimpleNamespace(__file__="/lib/_native.so", **numbered)
    told = (
        f"/lib/_native.so: the native library does not fit this medtorch: its interface is {found}, {probe.INTERFACE} "
        "is expected. It was built from other sources: install medtorch again, or build the library anew and put it "
        "there"
    )
    with pytest.raises(BackendError, match=f"^{re.escape(told)}$"):
        probe.assert_fits(library)


def test_no_kernels_are_made_of_a_library_that_does_not_fit(native, monkeypatch):
    monkeypatch.setattr(probe, "INTERFACE", probe.INTERFACE + 1)
    with pytest.raises(BackendError, match=rf"_native\..*: the native library does not fit.* {probe.INTERFACE} is exp"):
        door.native.__wrapped__()
