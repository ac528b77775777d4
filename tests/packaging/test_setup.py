"""The commands of the README set themselves up, and say what is missing."""

from __future__ import annotations

import os
import re
import shutil
import stat
from pathlib import Path

import pytest

from tests.packaging.commands import ROOT, run

pytestmark = [pytest.mark.requirement("REQ-F-INS-004"), pytest.mark.needs("checkout")]


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_an_old_python_is_refused_by_name(tmp_path):
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        program(tmp_path / name, "#!/bin/sh\nexit 1\n")
    answer = run(
        [ROOT / "scripts/setup.sh", tmp_path / "venv"], env={"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": "python3"}
    )
    assert answer.returncode != 0
    assert "setup: needs Python 3.11 or newer; 'python3' is missing or older" in answer.stdout


def test_a_python_without_venv_is_told_what_to_install(tmp_path):
    python = program(tmp_path / "python3", '#!/bin/sh\nif [ "$1" = -c ]; then exit 0; fi\nexit 1\n')
    answer = run([ROOT / "scripts/setup.sh", tmp_path / "venv"], env={"PYTHON": str(python)})
    assert answer.returncode != 0
    assert "cannot make a virtual environment (on Debian: apt-get install python3-venv)" in answer.stdout


@pytest.fixture
def ready_checkout(tmp_path):
    """The build files of a checkout whose environment counts as made."""
    for name in ("Makefile", "pyproject.toml", "CMakeLists.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("requirements", "scripts", "medtorch/core/backends/cpu/native"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "medtorch/_version.py", tmp_path / "medtorch/_version.py")
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.medtorch-ready").touch()
    return tmp_path


def planned(folder: Path, target: str, **variables: str) -> str:
    environment = {"MAKEFLAGS": "", "MAKELEVEL": "", "MFLAGS": ""}
    return run(
        ["make", "-n", target, *(f"{key}={value}" for key, value in variables.items())], cwd=folder, env=environment
    ).stdout


@pytest.mark.parametrize("target", ["demo", "test", "test-long", "lint"])
def test_a_second_call_sets_nothing_up_again(ready_checkout, target):
    assert "scripts/setup.sh" not in planned(ready_checkout, target)


@pytest.mark.parametrize("target", ["demo", "test", "test-long", "lint", "image", "report", "validate", "lock"])
def test_a_first_call_sets_up_by_itself(ready_checkout, target):
    (ready_checkout / ".venv/.medtorch-ready").unlink()
    assert 'PYTHON="python3.12" scripts/setup.sh ".venv"' in planned(ready_checkout, target, PYTHON="python3.12")


@pytest.mark.parametrize(
    "changed", ["pyproject.toml", "requirements/constraints.txt", "medtorch/core/backends/cpu/native/module.cpp"]
)
def test_a_changed_build_input_sets_up_again(ready_checkout, changed):
    later = (ready_checkout / ".venv/.medtorch-ready").stat().st_mtime + 5
    os.utime(ready_checkout / changed, (later, later))
    assert "scripts/setup.sh" in planned(ready_checkout, "test")


def test_every_target_is_explained_by_make_help():
    makefile = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())
    explained = {line.split()[1] for line in run(["make", "help"]).stdout.splitlines() if line.startswith("make ")}
    assert explained == phony


def test_ci_runs_lint_and_tests_and_is_sound_shell():
    assert run(["bash", "-n", ROOT / ".ci/run"]).returncode == 0
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make lint", "make test"]
