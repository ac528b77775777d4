"""A file, read once into memory of its own; what its first bytes say it is.

The whole file is read in one go rather than mapped: a mapped file can change, or be cut short, between the check of its
digest and the use of its bytes. Tensors are then views of this memory wherever their alignment allows.

Requires  REQ-S-SEC-002, REQ-F-SER-008
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from medtorch.errors import FileMissingError, FormatError, LimitError, UnreadableError
from medtorch.serialize.limits import Limits

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
PathLike = str | os.PathLike[str]

_ALIGNMENT = 64  # torch puts storages of a zip file at multiples of 64
_LFS = b"version https://git-lfs"
_HTML = (b"<!doctype html", b"<html", b"<?xml", b"<head")


@dataclass(frozen=True, eq=False)
class Source:
    """The bytes of one file and the name that messages give it."""

    name: str
    data: Bytes

    @property
    def view(self) -> memoryview:
        return self.data.data

    def __len__(self) -> int:
        return int(self.data.size)

    def head(self, count: int) -> bytes:
        """The first `count` bytes, or as many as there are."""
        return self.data[:count].tobytes()


def read_source(path: PathLike | BinaryIO, limits: Limits) -> Source:
    """Read a file, or what is left of an open binary file, once and whole.

    Raises    FileMissingError, UnreadableError, LimitError, FormatError for an empty one
    """
    if hasattr(path, "read"):
        return _checked(_read_stream(path, limits))
    return _checked(_read_path(Path(path), limits))


def from_bytes(name: str, data: bytes | bytearray | memoryview) -> Source:
    """A source whose bytes are in memory already; they are copied, so that tensors may be written to."""
    target = aligned(len(data))
    target[:] = np.frombuffer(data, np.uint8)
    return Source(name, target)


def aligned(size: int) -> Bytes:
    """Uninitialised memory that starts at a multiple of 64."""
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size]


def _read_path(path: Path, limits: Limits) -> Source:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for its writer
            raise UnreadableError(f"{path}: not a regular file")
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            limits.hold("file_bytes", status.st_size, f"{path}: size of the file in bytes")
            return Source(str(path), _read_exactly(file, status.st_size, str(path)))
    except FileNotFoundError as error:
        raise FileMissingError(f"{path}: no such file") from error
    except UnreadableError:
        raise
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read: {error.strerror or error}") from error


def _read_exactly(file: Any, size: int, name: str) -> Bytes:
    target = aligned(size)
    view = target.data
    done = 0
    while done < size:
        count = file.readinto(view[done : done + (1 << 30)])
        if not count:
            raise UnreadableError(f"{name}: became shorter while it was read")
        done += count
    if file.read(1):
        raise UnreadableError(f"{name}: became longer while it was read")
    return target


def _read_stream(stream: Any, limits: Limits) -> Source:
    name = str(getattr(stream, "name", "<stream>"))
    data = stream.read(limits.file_bytes + 1)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise UnreadableError(f"{name}: gives {type(data).__name__} instead of bytes; open it in binary mode")
    if len(data) > limits.file_bytes:
        raise LimitError(f"{name}: more than the limit of {limits.file_bytes} bytes (Limits.file_bytes)")
    return from_bytes(name, data)


def _checked(source: Source) -> Source:
    if not len(source):
        raise FormatError(f"{source.name}: the file is empty")
    head = source.head(512).lstrip().lower()
    if head.startswith(_LFS):
        raise FormatError(f"{source.name}: a Git LFS pointer, not the file itself: fetch it with `git lfs pull`")
    if head.startswith(_HTML):
        raise FormatError(f"{source.name}: an HTML or XML page, not a model: the download gave a web page")
    return source
