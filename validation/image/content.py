"""The content digest: one number for every file that a service can read in its image.

A line for each regular file ("f MODE SIZE SHA256 PATH") and each symbolic link ("l TARGET PATH"), sorted by path; the
digest is the sha256 of these lines. Left out, by this fixed rule and no other: what the kernel and the container
engine put there (OUTSIDE), the evidence itself, which comes after the digest, and what only root can read, because the
service, which is not root, could not check it at its start and cannot use it either.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.canonical import file_sha256, sha256
from validation.errors import UsageError

OUTSIDE = (
    "proc", "sys", "dev", "run", "tmp", ".dockerenv", "opt/evidence",
    "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "etc/passwd", "etc/group",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One file or link of an image."""

    path: str
    text: str

    @property
    def line(self) -> str:
        return f"{self.text} {self.path}\n"


def is_outside(path: str, outside: Iterable[str] = OUTSIDE) -> bool:
    """Whether a path, given from the root without a leading slash, does not count."""
    return any(path == one or path.startswith(one + "/") for one in outside)


def file_entry(path: str, mode: int, size: int, digest: str) -> Entry:
    return Entry(path, f"f {stat.S_IMODE(mode):04o} {size} {digest}")


def link_entry(path: str, target: str) -> Entry:
    return Entry(path, f"l {target}")


def content_digest(entries: Iterable[Entry]) -> str:
    """The digest of these files and links; their order does not matter."""
    lines = [entry.line for entry in sorted(entries, key=lambda entry: entry.path)]
    return sha256("".join(lines).encode("utf-8", "surrogateescape"))


def walk(root: Path, outside: Iterable[str] = OUTSIDE) -> list[Entry]:
    """Every file and link below `root` that counts, as it lies there now.

    Requires  REQ-S-VAL-006
    """
    found: list[Entry] = []
    left_out = tuple(outside)
    waiting = [("", root)]
    while waiting:
        above, folder = waiting.pop()
        with os.scandir(folder) as items:
            for item in items:
                path = f"{above}{item.name}"
                if is_outside(path, left_out):
                    continue
                mode = item.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    if mode & 0o005 == 0o005:
                        waiting.append((path + "/", Path(item.path)))
                elif stat.S_ISLNK(mode):
                    found.append(link_entry(path, str(Path(item.path).readlink())))
                elif stat.S_ISREG(mode) and mode & 0o004:
                    size = item.stat(follow_symlinks=False).st_size
                    found.append(file_entry(path, mode, size, file_sha256(Path(item.path))))
    return found


def describe(entries: list[Entry]) -> dict[str, Any]:
    """The content of an image as `seal` writes it down."""
    ordered = {entry.path: entry.text for entry in sorted(entries, key=lambda entry: entry.path)}
    return {"schema": "medtorch.content/1", "sha256": content_digest(entries), "entries": ordered}


def read_content(path: Path) -> dict[str, Any]:
    """What `seal` wrote. Raises UsageError if the file is something else, or contradicts itself."""
    try:
        data = json.loads(path.read_bytes())
        entries = [Entry(name, text) for name, text in data["entries"].items()]
        good = data["schema"] == "medtorch.content/1" and content_digest(entries) == data["sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is no list of an image's content: {error!r}") from error
    if not good:
        raise UsageError(f"{path} is no list of an image's content, or was changed")
    return dict(data)


def differences(sealed: Mapping[str, str], found: Iterable[Entry]) -> list[str]:
    """What was added, changed or is missing, in words."""
    now = {entry.path: entry.text for entry in found}
    said = []
    for path in sorted(sealed.keys() | now.keys()):
        if path not in now:
            said.append(f"{path} is missing")
        elif path not in sealed:
            said.append(f"{path} was added")
        elif now[path] != sealed[path]:
            said.append(f"{path} was changed")
    return said
