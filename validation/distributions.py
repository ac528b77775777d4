"""The distributions installed in this environment, each with a digest of what is really on the disk."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

from validation.canonical import tree_sha256

# Written by the installer, not by the distribution's maker: they differ between two installs of the same wheel.
INSTALLER_FILES = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


@dataclass(frozen=True)
class Installed:
    """One installed distribution, with the digests recomputed from its files."""

    name: str
    version: str
    summary: str
    license: str
    wheel_tag: str
    content_sha256: str
    libraries: tuple[str, ...]
    altered: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        return normalised(self.name)


def normalised(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> list[Installed]:
    """Every distribution of this environment, by name.

    Requires  REQ-F-VAL-010
    """
    return sorted((read(found) for found in metadata.distributions()), key=lambda entry: (entry.key, entry.version))


def read(found: metadata.Distribution) -> Installed:
    """Read one distribution, hashing every file it lists; the digest covers all but byte code and installer files.

    `altered` names files that are missing or differ from the hash in the distribution's own RECORD.
    """
    files: list[tuple[str, str]] = []
    altered: list[str] = []
    for entry in found.files or []:
        name = entry.as_posix()
        if name.endswith(".pyc") or entry.name in INSTALLER_FILES or name.startswith("../"):
            continue
        path = Path(str(entry.locate()))
        if not path.is_file():
            altered.append(f"{name} (missing)")
            continue
        content = path.read_bytes()
        files.append((name, hashlib.sha256(content).hexdigest()))
        if entry.hash is not None and not _matches(content, entry.hash):
            altered.append(name)
    return Installed(
        name=found.metadata["Name"],
        version=found.version,
        summary=_field(found, "Summary"),
        license=_field(found, "License-Expression"),
        wheel_tag=_wheel_tag(found),
        content_sha256=tree_sha256(files),
        libraries=tuple(sorted(name for name, _ in files if _is_bundled_library(name))),
        altered=tuple(altered),
    )


def _is_bundled_library(name: str) -> bool:
    """Native libraries of other projects that a wheel carries along lie in a folder <name>.libs."""
    return name.split("/", 1)[0].endswith(".libs") and ".so" in name


def _field(found: metadata.Distribution, name: str) -> str:
    values: list[str] = found.metadata.get_all(name) or [""]
    return values[0]


def _matches(content: bytes, recorded: metadata.FileHash) -> bool:
    made = hashlib.new(recorded.mode, content).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode() == recorded.value


def _wheel_tag(found: metadata.Distribution) -> str:
    for line in (found.read_text("WHEEL") or "").splitlines():
        if line.startswith("Tag: "):
            return line.removeprefix("Tag: ").strip()
    return ""
