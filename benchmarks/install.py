"""`python -m benchmarks.install`: put the peers into this environment, one by one; what cannot be had is told."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence

from benchmarks.protocol import ROOT


def peers() -> list[str]:
    """The pinned requirements of the extra `bench`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: list[str] = project["optional-dependencies"]["bench"]
    return found


def install(requirements: Sequence[str]) -> list[str]:
    """Those that could not be installed: the tables will name them as absent."""
    missing = []
    for requirement in requirements:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--constraint", str(ROOT / "requirements/constraints.txt"), requirement]
        if subprocess.run(command, check=False).returncode:
            missing.append(requirement)
    return missing


if __name__ == "__main__":
    for name in install(peers()):
        print(f"bench: {name} cannot be installed here; the tables will say that it is absent", file=sys.stderr)
