"""Rules S05 and S16: what runs here unasked, and what the product uses that its records say it does not."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from validation.findings import Finding

# Each can run what it reads. The product's promise is that loading a model runs nothing (not_used_for of its records).
READERS_THAT_RUN = frozenset({"pickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"})
CALLS_THAT_RUN = frozenset({"eval", "exec", "__import__"})
# Where the product may use which of them. Samples and errors go between this program's own processes, never to a file.
ALLOWED = frozenset({("medtorch/data/worker.py", "pickle")})
STARTERS = ("sitecustomize", "usercustomize")


def startup_findings(folders: Iterable[Path] | None = None) -> Iterator[Finding]:
    """S05: files that run at every start of Python and belong to no distribution.

    A .pth file that only names folders runs nothing, and is shown as an open point.
    Requires  REQ-F-VAL-012
    """
    for folder in _site_folders() if folders is None else folders:
        for path in sorted(folder.glob("*")):
            starter = path.stem in STARTERS and path.suffix == ".py"
            if (path.suffix != ".pth" and not starter) or path.resolve() in _owned():
                continue
            if starter or any(line.startswith(("import ", "import\t")) for line in _lines(path)):
                yield Finding("S05", path.name, "runs at every start of Python and belongs to no distribution")
            else:
                yield Finding(
                    "S05", path.name, "adds folders to Python's path and belongs to no distribution", "warning"
                )


@cache
def _owned() -> frozenset[Path]:
    """Files beside the packages that a distribution lists as its own."""
    listed = (file for found in metadata.distributions() for file in found.files or [] if len(file.parts) == 1)
    return frozenset(Path(str(file.locate())).resolve() for file in listed)


def _site_folders() -> list[Path]:
    return [
        Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages")) and Path(entry).is_dir()
    ]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def use_findings(root: Path, package: str = "medtorch") -> Iterator[Finding]:
    """S16: the product's own code reads with something, or calls something, that runs what it is given.

    Requires  REQ-F-VAL-012
    """
    for path in sorted((root / package).rglob("*.py")):
        name = path.relative_to(root).as_posix()
        for line, used in _uses(ast.parse(path.read_bytes(), filename=name)):
            if (name, used) in ALLOWED:
                continue
            yield Finding("S16", f"{name}:{line}", f"uses {used}, which runs what it is given")


def _uses(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [(node.module or "").partition(".")[0]]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS_THAT_RUN:
            yield node.lineno, f"{node.func.id}()"
            continue
        else:
            continue
        for name in READERS_THAT_RUN.intersection(names):
            yield node.lineno, name
