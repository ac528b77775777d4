"""The content digest of the image, measured from inside it. docs/validation.md says which files count, and why.

The validation system measures it with code of its own when the image is built; both must come to the same number.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

# What the kernel and the container engine put there, and the evidence, which comes after the digest.
OUTSIDE = frozenset(
    {"proc", "sys", "dev", "run", "tmp", ".dockerenv", "opt/evidence"}
    | {f"etc/{name}" for name in ("hosts", "hostname", "resolv.conf", "mtab", "passwd", "group")}
)
MOUNTS = Path("/proc/self/mountinfo")
CHUNK_BYTES = 1 << 20


def mounted(table: Path = MOUNTS) -> frozenset[str]:
    """Names at the top of the file system where something is mounted (trust.json, data): they are no part of the image.

    What is mounted deeper counts as the image's own, and so does a hidden name: a file mounted among the installed
    packages or the system's settings would run code that nobody validated. What is mounted over the image's files hides
    them, and they are missed.

    Source    proc(5): the fifth field; blanks in paths are written in octal
    """
    places = (line.split(" ")[4] for line in table.read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    names = (re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), place)[1:] for place in places)
    return frozenset(name for name in names if name and "/" not in name and not name.startswith("."))


def content_lines(root: Path, mounts: frozenset[str] = frozenset()) -> dict[str, str]:
    """For each file and link that counts, by its path from the root: mode, size and sha256, or the target."""
    lines: dict[str, str] = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as items:
            for item in items:
                path = folder + item.name
                if path not in OUTSIDE and path not in mounts:
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
