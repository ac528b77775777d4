"""Files and folders that appear whole or not at all; what they replace stays until then.

A file is written beside its place, flushed to the disk, and renamed. A folder takes the place of an older one by one
exchange of the two names (Linux renameat2) where the file system can; elsewhere the old one is set aside under a
hidden name first, so that a crash between the two renames leaves both complete, and `find_set_aside` tells where.

Requires  REQ-F-BUN-005
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from medtorch.errors import SaveError
from medtorch.serialize.source import PathLike

_EXCHANGE = 2  # RENAME_EXCHANGE of linux/fs.h
_AT_FDCWD = -100
_UNKNOWN = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def write_file(path: PathLike, pieces: Iterable[Any], *, overwrite: bool) -> None:
    """Write bytes-like pieces to a file, atomically. Raises SaveError."""
    target = Path(path)
    with _errors(target):
        if not overwrite and target.exists():
            raise SaveError(f"{target}: exists already (overwrite=True replaces it)")
        if target.is_dir():
            raise SaveError(f"{target}: is a folder")
        temporary = _beside(target, "tmp")
        try:
            _write(temporary, pieces)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)


def write_folder(path: PathLike, files: Mapping[str, Iterable[Any]], *, overwrite: bool) -> None:
    """Write a folder of files, atomically; `overwrite` lets it take the place of an older folder. Raises SaveError."""
    target = Path(path)
    with _errors(target):
        if not overwrite and target.exists():
            raise SaveError(f"{target}: exists already (overwrite=True replaces it)")
        temporary = _beside(target, "tmp")
        temporary.mkdir()
        try:
            for name, pieces in files.items():
                _write(temporary / name, pieces)
            _sync_folder(temporary)
            old = _put_in_place(temporary, target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        _sync_folder(target.parent)
        if old is not None:
            _remove(old)


def find_set_aside(path: PathLike) -> list[Path]:
    """Complete older versions of `path` that a crash in the middle of its replacement left beside it."""
    target = Path(path)
    return sorted(target.parent.glob(f".{target.name}.old-*")) if target.parent.is_dir() else []


def _put_in_place(temporary: Path, target: Path) -> Path | None:
    """Rename a finished folder to its place; what was there is returned under another name, complete."""
    if not target.exists():
        temporary.rename(target)
        return None
    if _exchange(temporary, target):
        return temporary
    old = _beside(target, "old")
    target.rename(old)
    try:
        temporary.rename(target)
    except BaseException:
        old.rename(target)
        raise
    return old


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names in one step; False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNKNOWN:
        return False
    raise OSError(code, os.strerror(code), str(other))


def _write(path: Path, pieces: Iterable[Any]) -> None:
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(target: Path, kind: str) -> Path:
    return target.parent / f".{target.name}.{kind}-{secrets.token_hex(6)}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextlib.contextmanager
def _errors(target: Path) -> Iterator[None]:
    try:
        yield
    except SaveError:
        raise
    except OSError as error:
        raise SaveError(f"{target}: cannot be written: {error.strerror or error}") from error
