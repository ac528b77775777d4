"""Wheels and source archives, really built: with a compiler and without one."""

from __future__ import annotations

import re
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from medtorch._version import __version__
from tests.packaging.commands import ROOT, run

pytestmark = [pytest.mark.requirement("REQ-F-INS-003"), pytest.mark.needs("checkout", "package:scikit_build_core")]

SAY = (
    "from medtorch.core.backends.cpu.probe import native_build; import medtorch, json; build = native_build(); "
    "print(json.dumps([medtorch.__file__, build and build.instruction_sets]))"
)
NO_COMPILER = {"CC": "/nonexistent/cc", "CXX": "/nonexistent/c++"}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of what a build reads, so that it leaves nothing in the checkout."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "CMakeLists.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("medtorch", "validation", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    return folder


def build(source: Path, out: Path, **environment: str):
    """Build a wheel with the tools that are installed; nothing is fetched."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-v",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        out,
        source,
    ]
    return run(command, env=environment, seconds=300)


@pytest.fixture(scope="module")
def pure(source, tmp_path_factory):
    """The wheel of a machine without a compiler, and what the build said."""
    out = tmp_path_factory.mktemp("pure")
    answer = build(source, out, **NO_COMPILER)
    assert answer.returncode == 0, answer.stdout
    return next(out.glob("*.whl")), answer.stdout


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def answer_of(wheel: Path, folder: Path):
    """What a process says that finds medtorch in this wheel alone: -S keeps an editable install away."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    path = [str(folder), str(Path(np.__file__).parents[1])]
    return run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {path}; {SAY}"], cwd=folder)


def test_without_a_compiler_the_build_makes_a_pure_wheel_and_says_so(pure):
    wheel, said = pure
    assert wheel.name == f"medtorch-{__version__}-py3-none-any.whl"
    assert "medtorch: the native kernels were not built, this install runs on the reference backend" in said


def test_without_a_compiler_medtorch_imports_and_knows_that_it_has_no_native_kernels(pure, tmp_path):
    answer = answer_of(pure[0], tmp_path)
    assert answer.stdout.strip() == f'["{tmp_path}/medtorch/__init__.py", null]', answer.stdout


def test_a_failed_build_is_an_error_where_native_kernels_are_demanded(source, tmp_path):
    answer = build(source, tmp_path, MEDTORCH_REQUIRE_NATIVE="1", **NO_COMPILER)
    assert answer.returncode != 0
    assert re.search(r"CXX:\s+/nonexistent/c\+\+\.", answer.stdout)  # CMake's words around it differ between versions
    assert "CMake configuration failed" in answer.stdout
    assert "retrying" not in answer.stdout
    assert list(tmp_path.glob("*.whl")) == []


@pytest.mark.needs("compiler")
def test_with_a_compiler_the_wheel_holds_the_native_kernels_and_they_load(source, tmp_path):
    answer = build(source, tmp_path / "out", MEDTORCH_REQUIRE_NATIVE="1")
    assert answer.returncode == 0, answer.stdout
    wheel = next((tmp_path / "out").glob("*.whl"))
    extensions = [name for name in names(wheel) if name.endswith(".so")]
    assert [Path(name).name.split(".")[0] for name in extensions] == ["_native"]
    said = answer_of(wheel, tmp_path / "site")
    assert said.returncode == 0, said.stdout
    assert '["scalar"' in said.stdout


@pytest.mark.requirement("REQ-F-INS-005")
def test_the_wheel_holds_medtorch_and_its_licence_and_nothing_else(pure):
    held = names(pure[0])
    tops = {name.split("/")[0] for name in held}
    assert tops == {"medtorch", f"medtorch-{__version__}.dist-info"}
    assert "medtorch/py.typed" in held
    assert f"medtorch-{__version__}.dist-info/licenses/LICENSE" in held
    assert [
        name for name in held if name.endswith((".cpp", ".hpp", ".pyc")) or Path(name).name.startswith("test_")
    ] == []


@pytest.mark.requirement("REQ-F-INS-005")
def test_the_wheel_is_small(pure):
    assert pure[0].stat().st_size < 6e6


@pytest.mark.requirement("REQ-F-INS-005")
def test_the_source_archive_holds_what_a_build_and_a_validation_need(source, tmp_path):
    code = f"from scikit_build_core.build import build_sdist; print(build_sdist({str(tmp_path)!r}))"
    answer = run([sys.executable, "-c", code], cwd=source)
    assert answer.returncode == 0, answer.stdout
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        held = {name.split("/", 1)[1] for name in archive.getnames()}
    assert held >= {
        "CMakeLists.txt",
        "medtorch/core/backends/cpu/native/cpuid.cpp",
        "validation/__main__.py",
        "tests/conftest.py",
        "LICENSE",
    }
