"""The wheels of an image: medtorch, built here, and what it needs, as pinned by digest in requirements/."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.image.errors import ImageError

SUMS = "SHA256SUMS"
_EARLIEST_ZIP_TIME = "315532800"  # the same sources give the same wheel
LOCKS = ("image-build", "image", "image-validate")


def gather(folder: Path, *, native: bool) -> Path:
    """Fill `folder` with every wheel of the image and give back medtorch's own.

    Raises    ImageError if a wheel cannot be had, or, with `native`, if the kernels cannot be built
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for lock in LOCKS:
        _pip(
            "download",
            "--only-binary=:all:",
            "--no-deps",
            "--require-hashes",
            "--dest",
            str(folder),
            "-r",
            f"requirements/{lock}.txt",
        )
    _pip(
        "wheel",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        ".",
        MEDTORCH_REQUIRE_NATIVE="1" if native else "",
        MEDTORCH_PURE="" if native else "1",
        SOURCE_DATE_EPOCH=_EARLIEST_ZIP_TIME,
    )
    write_sums(folder)
    return next(folder.glob("medtorch-*.whl"))


def write_sums(folder: Path) -> None:
    """List the digests: the Dockerfile checks them, and an engine sees by them that a wheel has changed."""
    wheels = sorted(folder.glob("*.whl"))
    lines = [f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n" for wheel in wheels]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _pip(verb: str, *arguments: str, **environment: str) -> None:
    command = [sys.executable, "-m", "pip", verb, "--quiet", "--disable-pip-version-check", *arguments]
    chosen = {name: value for name, value in environment.items() if value}
    if subprocess.run(command, env={**os.environ, **chosen}, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        raise ImageError(f"pip {verb} failed, see its last lines above")
