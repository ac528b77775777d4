"""A copy of the checkout with another native library in it, for builds that must not replace the one in use."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("medtorch", "tests", "validation", "scripts", "benchmarks", "pyproject.toml", "requirements_trace.yaml")
LIBRARY = Path("medtorch/core/backends/cpu")


def overlay(folder: Path, library: Path, suffix: str) -> Path:
    """Copy what the tests of the kernels need into `folder`, with `library` as its native library."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    skip = shutil.ignore_patterns("__pycache__", "_native*.so")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=skip)
        else:
            shutil.copy(source, folder / part)
    shutil.copy(library, folder / LIBRARY / f"_native{suffix}")
    return folder


def configure(build: Path, python: str, *options: str) -> list[str]:
    """The CMake command that prepares a build of the native library."""
    return [
        "cmake",
        "-S",
        str(ROOT),
        "-B",
        str(build),
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DPython_EXECUTABLE={python}",
        *options,
    ]


def built(build: Path) -> Path:
    """The library that a build made."""
    (found,) = build.glob("_native*.so")
    return found
