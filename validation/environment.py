"""The machine and the software a report was made on: what an auditor needs to repeat the run."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from validation.distributions import Installed

THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MEDTORCH_NUM_THREADS",
    "MEDTORCH_CPU_ISA",
)

# Asked in a process of its own: nothing of what is judged is imported here.
BACKEND = "import json, medtorch; print(json.dumps(medtorch.backend_info()['cpu']))"


def environment(distributions: list[Installed]) -> dict[str, Any]:
    """CPU, memory, operating system, Python and every distribution, as data. No host name, no user, no path.

    Requires  REQ-F-VAL-010
    """
    return {
        "cpu": _cpu(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "os": _os(),
        "kernel": f"{platform.system()} {platform.release()}",
        "libc": " ".join(platform.libc_ver()),
        "python": {
            "implementation": platform.python_implementation(),
            "version": platform.python_version(),
            "build": " ".join(platform.python_build()),
            "compiler": platform.python_compiler(),
            "optimize": sys.flags.optimize,
        },
        "backend": backend(),
        "variables": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "distributions": [asdict(entry) for entry in distributions],
    }


def backend(code: str = BACKEND) -> dict[str, Any] | None:
    """The backend and kernel set that compute on the CPU, as the installed product tells; None if it does not tell."""
    answer = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )
    if answer.returncode:
        return None
    told = json.loads(answer.stdout)
    return {"name": told["backend"], "kernel_set": told["isa"], "native": told["native"], "threads": told["threads"]}


def _cpu() -> dict[str, Any]:
    text = _read("/proc/cpuinfo")
    return {
        "architecture": platform.machine(),
        "model": _field(text, "model name") or _field(text, "Processor") or platform.processor() or "unknown",
        "logical_cpus": os.cpu_count(),
        "flags": sorted((_field(text, "flags") or _field(text, "Features") or "").split()),
    }


def _os() -> str:
    pretty = re.search(r'^PRETTY_NAME="?([^"\n]+)', _read("/etc/os-release"), re.MULTILINE)
    return pretty[1] if pretty else platform.system()


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
