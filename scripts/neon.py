"""`python -m scripts.neon`: the native kernels for 64-bit Arm, cross-compiled, tested and compared under emulation.

Python and its standard library come as Debian's arm64 packages into a folder of the checkout (nothing of the system is
changed), NumPy and the test tools as wheels; qemu runs them. Then every op of the catalogue and some models must give
the digests that they give here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nanobind

from scripts.overlay import ROOT, built, configure, overlay

OUT = ROOT / "build/neon"
TRIPLE = "aarch64-linux-gnu"
TOOLS = {
    f"{TRIPLE}-g++": f"g++-{TRIPLE}", "qemu-aarch64-static": "qemu-user-static", "apt-get": "apt", "dpkg-deb": "dpkg",
}  # fmt: skip
PYTHON = "3.11"  # that of Debian 12
PACKAGES = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", f"libpython{PYTHON}-dev", "libstdc++6")
WHEELS = ("numpy", "pytest", "pyyaml", "jsonschema", "hypothesis", "jinja2")
TESTS = ("tests/core/backends/cpu",)
MODELS = ("lenet", "unet", "cifar_resnet20", "pnet", "meshnet")
# Complex numbers are computed by NumPy and its BLAS, as they were built for each processor: no equal bits are promised.
BY_NUMPY = frozenset({"complex pow", "complex log", "complex tan", "complex matmul"})


def main(arguments: Sequence[str]) -> int:
    """Build, test, compare; exit code 1 where anything fails, 2 where a tool is missing."""
    missing = sorted(package for tool, package in TOOLS.items() if shutil.which(tool) is None)
    if missing:
        print(f"neon: needs {', '.join(missing)} (on Debian: apt-get install {' '.join(missing)})", file=sys.stderr)
        return 2
    root, site = system(OUT / "root"), wheels(OUT / "site")
    build(root, OUT / "cmake")
    tree = overlay(OUT / "tree", built(OUT / "cmake"), f".cpython-{PYTHON.replace('.', '')}-{TRIPLE}.so")
    python = launcher(root, site, tree)
    tested = subprocess.run(
        [python, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", *(arguments or TESTS)],
        cwd=tree, check=False,
    ).returncode == 0  # fmt: skip
    different = compare(python, tree)
    for name in different:
        print(f"neon: other bits than here: {name}")
    print("neon: tests passed, every digest is equal" if tested and not different else "neon: FAILED")
    return 0 if tested and not different else 1


def system(root: Path) -> Path:
    """Python for arm64, from Debian's packages."""
    if (root / f"usr/bin/python{PYTHON}").exists():
        return root
    state = OUT / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    settings = {
        "APT::Architecture": "arm64", "APT::Architectures": "arm64", "Dir::State": state / "state",
        "Dir::State::status": state / "status", "Dir::Cache": state / "cache",
    }  # fmt: skip
    apt = ["apt-get", "-qq", "-y", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "--no-install-recommends", "--download-only", *PACKAGES], check=True)
    for package in sorted((state / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    return root


def wheels(site: Path) -> Path:
    """NumPy and the test tools for arm64, unpacked; versions as everywhere."""
    if site.is_dir():
        return site
    tags = [f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 17)] + ["manylinux2014_aarch64"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--python-version", PYTHON]
    command += [word for tag in tags for word in ("--platform", tag)]
    command += ["--constraint", str(ROOT / "requirements/constraints.txt"), "--dest", str(OUT / "wheels"), *WHEELS]
    subprocess.run(command, check=True)
    for wheel in sorted((OUT / "wheels").glob("*.whl")):
        zipfile.ZipFile(wheel).extractall(site)
    return site


def build(root: Path, folder: Path) -> None:
    """Cross-compile the library against that Python's headers."""
    include = root / "usr/include"
    options = [
        "-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64", f"-DCMAKE_CXX_COMPILER={TRIPLE}-g++",
        f"-DCMAKE_CXX_FLAGS=-idirafter {include}", f"-DPython_INCLUDE_DIR={include / f'python{PYTHON}'}",
        f"-Dnanobind_DIR={nanobind.cmake_dir()}",
    ]  # fmt: skip
    subprocess.run(configure(folder, sys.executable, *options), check=True)
    subprocess.run(["cmake", "--build", str(folder), "--parallel", str(os.cpu_count() or 1)], check=True)


def launcher(root: Path, site: Path, tree: Path) -> Path:
    """A program that is that Python under emulation, and that its child processes find as sys.executable."""
    path = OUT / "python"
    qemu = shutil.which("qemu-aarch64-static")
    path.write_text(
        "#!/bin/sh\n"
        f"export PYTHONHOME={root / 'usr'} PYTHONPATH={tree}:{site} PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1\n"
        f'exec {qemu} -L {root} -0 {path} {root}/usr/bin/python{PYTHON} "$@"\n'
    )
    path.chmod(0o755)
    return path


def compare(python: Path, tree: Path) -> list[str]:
    """Names of ops and models whose digests differ: this machine's widest kernel set beside both of Arm's."""
    different: set[str] = set()
    for module, names in (("tests.core.ops.bits", ()), ("tests.models.bits", MODELS)):
        here = _digests([sys.executable], ROOT, module, names, {})
        for isa in ("scalar", "neon"):
            there = _digests([str(python)], tree, module, names, {"MEDTORCH_CPU_ISA": isa})
            changed = {name for name, digest in there.items() if here.get(name) != digest}
            different |= {f"{name} ({isa})" for name in changed - BY_NUMPY}
            if set(there) != set(here):
                different.add(f"{module}: not the same names")
    return sorted(different)


def _digests(
    command: Sequence[str], folder: Path, module: str, names: Sequence[str], variables: dict[str, str]
) -> dict[str, Any]:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [*command, "-m", module, *names], cwd=folder, env=environment, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
