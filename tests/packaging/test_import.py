"""What `import medtorch` brings into a process."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import types

import pytest

import medtorch
from tests.packaging.commands import python

pytestmark = pytest.mark.requirement("REQ-F-INS-002")

LISTING = (
    "import json, sys; before = set(sys.modules); import {name}; print(json.dumps(sorted(set(sys.modules) - before)))"
)


def modules_of(name: str) -> set[str]:
    answer = python(LISTING.format(name=name))
    assert answer.returncode == 0, answer.stdout
    return {module.split(".")[0] for module in json.loads(answer.stdout)}


def test_import_loads_numpy_and_the_standard_library_and_nothing_else():
    foreign = modules_of("medtorch") - modules_of("numpy") - set(sys.stdlib_module_names) - {"numpy", "medtorch"}
    assert foreign == set()


@pytest.mark.parametrize("name", ["PIL", "yaml", "pytest", "click", "rich", "matplotlib", "cupy", "pydicom", "nibabel"])
def test_import_works_where_an_extra_is_missing(name):
    answer = python(f"import sys; sys.modules[{name!r}] = None; import medtorch; print(medtorch.__version__)")
    assert answer.returncode == 0, answer.stdout


def test_import_opens_no_network_and_starts_no_process_or_thread():
    code = (
        "import sys, threading, numpy; seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append(event))\n"
        "import medtorch\n"
        "bad = {'socket.connect', 'socket.getaddrinfo', 'subprocess.Popen', 'os.fork', 'os.system'}\n"
        "print(sorted(bad & set(seen)), threading.active_count(), 'import' in seen)"
    )
    assert python(code).stdout.strip() == "[] 1 True"


def cpu_seconds(code: str, env: dict[str, str]) -> float:
    """What a fresh interpreter used, in user and system mode: a busy machine changes this little, unlike wall time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.requirement("REQ-P-INS-001")
def test_import_costs_little_more_than_numpy(evidence, tmp_path):
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPYCACHEPREFIX": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"}
    codes = "import numpy", "import medtorch"
    for code in codes:  # compile once
        cpu_seconds(code, env)
    pairs = [[cpu_seconds(code, env) for code in codes] for _ in range(9)]
    ratios = [ours / numpys for numpys, ours in pairs]
    evidence.measure("REQ-P-INS-001", statistics.median(ratios), ratios)


def test_every_public_name_is_exported_to_type_checkers():
    """py.typed promises types; a strict checker takes only what `__all__` lists."""
    public = {
        name
        for name, value in vars(medtorch).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name not in ("annotations", "Any")
    }
    assert public - set(medtorch.__all__) == set()
