"""Writing that is either done or not done: a crash never leaves half a file or half a report."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from validation.errors import UsageError


def write_file(path: Path, data: bytes) -> None:
    """Put the bytes at the path in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def new_directory(target: Path, *, marker: str) -> Iterator[Path]:
    """A folder to fill, which takes the target's place when all went well and vanishes otherwise.

    An existing target is replaced only if it holds the file `marker`, that is, if it is what an earlier run left.
    Raises    UsageError if the target is something else
    """
    if target.exists() and not (target / marker).is_file() and not _is_empty_directory(target):
        raise UsageError(f"{target} exists and is no earlier report: choose another --out, nothing was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    made.chmod(0o755)
    try:
        yield made
        _swap(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _swap(made: Path, target: Path) -> None:
    if not target.exists():
        made.rename(target)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    target.rename(old / "report")
    try:
        made.rename(target)
    except OSError:
        (old / "report").rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _is_empty_directory(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
