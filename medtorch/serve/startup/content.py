"""The content digest of the image, measured from inside it. docs/validation.md says which files count, and why.

The validation system measures it with code of its own when the image is built; both must come to the same number.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

# What the kernel and the container engine put there, and the evidence, which comes after the digest.
OUTSIDE = frozenset(
    {"proc", "sys", "dev", "run", "tmp", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", ".dockerenv"}
    | {"opt/evidence"}
)
CHUNK_BYTES = 1 << 20


def content_lines(root: Path) -> dict[str, str]:
    """For each file and link that counts, by its path from the root: mode, size and sha256, or the target."""
    lines: dict[str, str] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as items:
            for item in items:
                path = folder + item.name
                if path not in OUTSIDE:
                    _add(lines, folders, item, path)
    return lines


def content_sha256(lines: dict[str, str]) -> str:
    """The digest of the lines, sorted by path."""
    text = "".join(f"{lines[path]} {path}\n" for path in sorted(lines))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _add(lines: dict[str, str], folders: list[str], item: os.DirEntry[str], path: str) -> None:
    facts = item.stat(follow_symlinks=False)
    mode = facts.st_mode
    if stat.S_ISLNK(mode):
        lines[path] = f"l {Path(item.path).readlink()}"
    elif stat.S_ISDIR(mode):
        if mode & 0o005 == 0o005:  # what only root can enter, the service can neither check nor use
            folders.append(path + "/")
    elif stat.S_ISREG(mode) and mode & 0o004:
        lines[path] = f"f {stat.S_IMODE(mode):04o} {facts.st_size} {_sha256(item.path)}"


def _sha256(path: str) -> str:
    state = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            state.update(chunk)
    return state.hexdigest()
