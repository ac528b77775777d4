"""What this machine can do, found out by trying.

A test may be left out only for a capability that a probe did not find.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_PREFIX = "package:"
PROGRAM_PREFIX = "program:"


@dataclass(frozen=True)
class Probe:
    """What a probe found: whether the capability is there, and what was seen."""

    capability: str
    present: bool
    detail: str


def is_known(capability: str) -> bool:
    """Whether there is a probe of this name; `package:<import name>` and `program:<command>` ask for any such thing."""
    prefix, colon, name = capability.partition(":")
    return capability in _PROBES or (prefix + colon in (PACKAGE_PREFIX, PROGRAM_PREFIX) and bool(name))


def known() -> list[str]:
    return sorted(_PROBES)


@cache
def probe(capability: str) -> Probe:
    """Find out, once a process, whether the capability is there.

    Raises    KeyError if there is no such probe
    Requires  REQ-F-VAL-008
    """
    if capability.startswith(PACKAGE_PREFIX):
        return Probe(capability, *_package(capability.removeprefix(PACKAGE_PREFIX)))
    if capability.startswith(PROGRAM_PREFIX):
        return Probe(capability, *_program(capability.removeprefix(PROGRAM_PREFIX)))
    return Probe(capability, *_PROBES[capability]())


def _program(name: str) -> tuple[bool, str]:
    if shutil.which(name) is None:
        return False, f"the program {name} is not installed"
    return True, f"the program {name} is installed"


def _package(name: str) -> tuple[bool, str]:
    if util.find_spec(name) is None:
        return False, f"the Python package {name} is not installed"
    return True, f"the Python package {name} is installed"


def _cpu() -> tuple[bool, str]:
    return True, f"{os.cpu_count()} logical CPUs"


def _cuda_devices() -> tuple[int, str]:
    """Number of CUDA devices that really compute, and what was seen."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0, "no NVIDIA driver (libcuda.so.1 cannot be loaded)"
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return 0, "an NVIDIA driver, but no CUDA device"
    try:
        cupy = import_module("cupy")
    except ImportError as error:
        return 0, f"{count.value} CUDA device(s), but cupy cannot be imported: {error}"
    for index in range(count.value):
        with cupy.cuda.Device(index):
            if int((cupy.arange(1000, dtype=cupy.int64) ** 2).sum()) != 332833500:
                return 0, f"CUDA device {index} computes wrongly"
    return count.value, f"{count.value} CUDA device(s), each gave the right sum"


def _gpu() -> tuple[bool, str]:
    count, seen = _cuda_devices()
    return count >= 1, seen


def _multi_gpu() -> tuple[bool, str]:
    count, seen = _cuda_devices()
    return count >= 2, seen


def _shared_data() -> tuple[bool, str]:
    named = os.environ.get("MEDTORCH_SHARED")
    folder = Path(named) if named else ROOT.parent / "shared"
    if (folder / "data").is_dir():
        return True, "the shared images and checkpoints are there"
    return False, "the shared images and checkpoints are not there (MEDTORCH_SHARED names their folder)"


def _container_engine() -> tuple[bool, str]:
    for engine in ("podman", "buildah", "docker"):
        path = shutil.which(engine)
        if path is None:
            continue
        answer = subprocess.run([path, "info"], capture_output=True, timeout=60, check=False)
        if answer.returncode == 0:
            return True, f"{engine} answers"
    return False, "neither podman nor buildah nor docker answers"


def _compiler() -> tuple[bool, str]:
    for name in ("c++", "g++", "clang++"):
        if shutil.which(name):
            return True, f"{name} is there"
    return False, "no C++ compiler"


def _checkout() -> tuple[bool, str]:
    if not (ROOT / "Makefile").is_file():
        return False, "not a checkout of the project: no Makefile"
    if shutil.which("make") is None:
        return False, "a checkout, but make is not installed"
    return True, "a checkout of the project, and make"


def _service_bundle() -> tuple[bool, str]:
    if "MEDTORCH_SERVICE" not in os.environ:
        return False, "no service is being validated: these tests belong to `python -m validation run`"
    if "MEDTORCH_SERVICE_BUNDLE" not in os.environ:
        return False, "the service has no bundle"
    return True, "the bundle of the service under validation"


def _measuring() -> tuple[bool, str]:
    if "MEDTORCH_SERVICE" in os.environ or os.environ.get("MEDTORCH_MEASURE") == "1":
        return True, "times are measured in this run"
    return False, "times are measured by `python -m validation run` and `make bench`, not in every run of the tests"


def _torch() -> tuple[bool, str]:
    return _package("torch")


_PROBES: dict[str, Callable[[], tuple[bool, str]]] = {
    "cpu": _cpu,
    "gpu": _gpu,
    "multi_gpu": _multi_gpu,
    "torch": _torch,
    "shared_data": _shared_data,
    "container_engine": _container_engine,
    "compiler": _compiler,
    "checkout": _checkout,
    "service_bundle": _service_bundle,
    "measuring": _measuring,
}
