"""The base image: a Linux with Python and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.image.engine import Engine
from scripts.image.errors import ImageError

# Which Debian carries the Python that runs this script: the wheels are made for it.
_SUITES = {"3.11": "bookworm", "3.13": "trixie"}
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*")
_CLEANED = ("/etc/resolv.conf", "/etc/hostname", "/etc/apt/sources.list", "/var/log/*", "/var/cache/*")


def python_version() -> str:
    """Major and minor version of the Python that the wheels are for."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def base_image(engine: Engine) -> str:
    """Name of a base image with this Python: one made here before, else made from Debian packages, else pulled.

    Raises    ImageError if neither way is open
    """
    local = f"localhost/medtorch-base:python{python_version()}"
    public = f"docker.io/library/python:{python_version()}-slim"
    if engine.has(local):
        return local
    if python_version() in _SUITES and shutil.which("mmdebstrap") and os.geteuid() == 0:
        _from_packages(engine, local, _SUITES[python_version()])
        return local
    if engine.has(public) or engine.pull(public):
        return public
    raise ImageError(
        f"no base image: {public} cannot be pulled, and without root and mmdebstrap none can be made here;"
        " name one with --base-image"
    )


def _from_packages(engine: Engine, tag: str, suite: str) -> None:
    print(f"image: making the base image from Debian {suite}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = ["mmdebstrap", "--quiet", "--variant=essential", "--include=python3,libstdc++6"]
        command += [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
        command += [f'--customize-hook=rm -rf "$1"{pattern}' for pattern in _CLEANED]
        made = subprocess.run(
            [*command, suite, str(folder / "base.tar")], env={**os.environ, "SOURCE_DATE_EPOCH": "0"}, check=False
        )
        if made.returncode != 0:
            raise ImageError("mmdebstrap failed, see its last lines above")
        (folder / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n", encoding="utf-8")
        engine.build(folder, tag, {})
