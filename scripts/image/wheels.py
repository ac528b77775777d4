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
LOCKS = ("image-build", "image", "image-validate")
_EARLIEST_ZIP_TIME = "315532800"  # 1980-01-01: the same sources give the same wheel
_PINNED = ("--only-binary=:all:", "--no-deps", "--require-hashes")


def gather(folder: Path, *, native: bool) -> None:
    """Fill `folder` with every wheel of the image and the list of their digests.

    Raises    ImageError if a wheel cannot be had, or, with `native`, if the kernels cannot be built
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for lock in LOCKS:
        if not _pip("download", *_PINNED, "--dest", str(folder), "-r", f"requirements/{lock}.txt"):
            raise ImageError(f"the wheels of requirements/{lock}.txt cannot be fetched, see pip's last lines above")
    choice = {"MEDTORCH_REQUIRE_NATIVE": "1"} if native else {"MEDTORCH_PURE": "1"}
    if not _pip("wheel", "--no-deps", "--wheel-dir", str(folder), ".", SOURCE_DATE_EPOCH=_EARLIEST_ZIP_TIME, **choice):
        hint = " (--reference builds an image without native kernels)" if native else ""
        raise ImageError(f"the wheel of medtorch cannot be built, see pip's last lines above{hint}")
    write_sums(folder)


def write_sums(folder: Path) -> None:
    """List the digests: the Dockerfile checks them, and an engine sees by them that a wheel has changed."""
    wheels = sorted(folder.glob("*.whl"))
    lines = [f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n" for wheel in wheels]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def _pip(verb: str, *arguments: str, **environment: str) -> bool:
    command = [sys.executable, "-m", "pip", verb, "--quiet", "--disable-pip-version-check", *arguments]
    return (
        subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, check=False).returncode
        == 0
    )
