"""One way to write data as bytes, and the digests of bytes: the ground of every fingerprint in a report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def canonical_json(data: Any) -> bytes:
    """The data as UTF-8 JSON with sorted keys and no spare blanks; nan and infinity are refused."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def readable_json(data: Any) -> bytes:
    """As `canonical_json`, with line breaks: what a report holds, so that two of them can be compared by eye."""
    return json.dumps(data, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest(data: Any) -> str:
    """Digest of data, independent of how it was laid out in its file."""
    return sha256(canonical_json(data))


def file_sha256(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            state.update(chunk)
    return state.hexdigest()


def tree_sha256(files: Iterable[tuple[str, str]]) -> str:
    """Digest of a set of files, each given as (path, sha256); the order does not matter."""
    lines = sorted(f"{sha}  {path}\n" for path, sha in files)
    return sha256("".join(lines).encode())
