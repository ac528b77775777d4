"""The machine's measured limits: the most arithmetic, and the most bytes moved, that two cores do in a second."""

from __future__ import annotations

import ctypes
import json
import math
import platform
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

SIZES = (1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28)  # from the cores' own caches to memory


@dataclass(frozen=True)
class Roof:
    """Operations a second in registers, and bytes a second by the size of the data."""

    flops: float
    bytes: Mapping[int, float]

    def bandwidth(self, size: float) -> float:
        """Bytes a second for data of about this size: that of the nearest size measured."""
        return self.bytes[min(self.bytes, key=lambda known: abs(math.log(known / max(size, 1))))]

    def seconds(self, flops: float, size: float) -> float:
        """The least time for so many operations on so many bytes, each read or written once."""
        return max(flops / self.flops, size / self.bandwidth(size))


def build(folder: Path, *options: str) -> Path | None:
    """The probe, compiled for this machine; None without a C++ compiler."""
    compiler = next((c for c in ("c++", "g++", "clang++") if shutil.which(c)), None)
    if compiler is None:
        return None
    program = folder / ("roof.so" if options else "roof")
    source = Path(__file__).with_name("roof.cpp")
    wide = ["-mprefer-vector-width=512"] if compiler != "clang++" and _x86() else []
    flags = ["-std=c++17", "-O3", "-march=native", *wide, "-ffp-contract=fast", "-pthread", *options]
    subprocess.run([compiler, *flags, str(source), "-o", str(program)], check=True)
    return program


def library(folder: Path) -> Callable[[float], None] | None:
    """The probe's arithmetic as a function of this process: does so many operations on one thread. None as `build`."""
    program = build(folder, "-shared", "-fPIC")
    if program is None:
        return None
    function = ctypes.CDLL(str(program)).roof_multiply_add
    function.argtypes, function.restype = [ctypes.c_double], None
    return function


def _x86() -> bool:
    return platform.machine() in ("x86_64", "AMD64")


def probe(program: Path, threads: int, seconds: float = 0.1) -> Roof:
    """Run the probe once."""
    sizes = [str(size) for size in SIZES]
    done = subprocess.run([program, str(threads), str(seconds), *sizes], check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return Roof(found["flops"], {int(size): rate for size, rate in found["bytes"].items()})
