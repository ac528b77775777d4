"""Run a script or a module that imports torch: `python -m medtorch.compat script.py args`, or `-m module args`.

The script runs as __main__, with its folder first on sys.path and its own sys.argv. Its exit code is this one's.

Requires  REQ-F-CPT-001
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from medtorch.compat.world import as_torch

USAGE = "usage: python -m medtorch.compat (SCRIPT.py | FOLDER | -m MODULE) [ARGS...]"


def main(arguments: list[str]) -> int:
    """Exit code 2 for wrong usage; otherwise what the script does."""
    if not arguments or arguments == ["-m"] or (arguments[0].startswith("-") and arguments[0] != "-m"):
        sys.stderr.write(USAGE + "\n")
        return 2
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0:1] = [str(Path.cwd())]
        with as_torch():
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    script = Path(arguments[0])
    if not script.exists():
        sys.stderr.write(f"medtorch.compat: {script}: no such file\n")
        return 2
    sys.argv = arguments
    sys.path[0:1] = [str((script if script.is_dir() else script.parent).resolve())]
    with as_torch():
        runpy.run_path(str(script), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
