"""The log of starts: one JSON line each, which names the sha256 of the line before. What was cut out or edited shows.

Requires  REQ-S-SEC-012
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medtorch.errors import SaveError, StartupError

FIRST = "0" * 64
LINE_LIMIT = 64 << 10


def append(path: Path, entry: Mapping[str, Any]) -> str:
    """Add an entry; returns the sha256 of its line. Several processes may do so at once.

    Raises    StartupError if the log was tampered with; SaveError if it cannot be written
    """
    try:
        with path.open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            previous = _check(stream.read(), path)
            line = json.dumps({**entry, "previous": previous}, sort_keys=True, ensure_ascii=False).encode() + b"\n"
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise SaveError(f"{path}: the start cannot be written down: {error.strerror or error}") from error
    return hashlib.sha256(line).hexdigest()


def check(path: Path) -> str:
    """The sha256 of the last line of a log that is whole. Raises StartupError."""
    return _check(path.read_bytes(), path)


def _check(data: bytes, path: Path) -> str:
    previous = FIRST
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        try:
            named = json.loads(line)["previous"] if line.endswith(b"\n") and len(line) <= LINE_LIMIT else None
        except (ValueError, KeyError, TypeError):
            named = None
        if named != previous:
            raise StartupError(f"{path}: line {number} does not follow from the lines before it: the log was changed")
        previous = hashlib.sha256(line).hexdigest()
    return previous
