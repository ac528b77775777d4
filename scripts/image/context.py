"""The build context: a copy, so that both builds of an image see the same files whatever happens in the checkout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from validation.commit import STATED, commit_of

# What the validation in the image reads. medtorch is not among it: it comes as a wheel, and the wheel is tested.
SOURCES = (
    "Dockerfile",
    "Makefile",
    "pyproject.toml",
    "requirements_trace.yaml",
    "benchmarks",
    "examples",
    "requirements",
    "scripts",
    "soup_records",
    "tests",
    "validation",
)


def lay_out(context: Path) -> None:
    """Start an empty context with Dockerfile, locks, sources and their commit; wheels and bundle come on top."""
    shutil.rmtree(context, ignore_errors=True)
    source = context / "source"
    source.mkdir(parents=True)
    for name in SOURCES:
        _copy(Path(name), source / name)
    (source / STATED).write_text(json.dumps(commit_of(Path())), encoding="utf-8")
    (context / "signatures").mkdir()
    _copy(Path("Dockerfile"), context / "Dockerfile")


def _copy(origin: Path, target: Path) -> None:
    if origin.is_dir():
        shutil.copytree(origin, target, ignore=shutil.ignore_patterns("__pycache__", "*.py[cod]"))
    else:
        shutil.copy2(origin, target)


def place_advisories(context: Path, snapshot: Path, retrieved: str) -> None:
    """Put a snapshot of advisories, and the day on which it was fetched, where the validation in the image looks."""
    folder = context / "source" / "osv"
    folder.mkdir()
    _copy(snapshot, folder / "all.zip")
    (folder / "retrieved").write_text(retrieved, encoding="utf-8")
