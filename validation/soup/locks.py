"""Rule S03: what an image may install is pinned by the digests of its wheels, and those digests stand in the records.

An image's lock is requirements/image*.txt in pip's form: name==version and the sha256 of each wheel that pip may take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from validation.atomic import write_file
from validation.distributions import normalised
from validation.findings import Finding
from validation.soup.records import FOLDER, SoupRecord, by_distribution, load_records
from validation.strict_yaml import dump_yaml, load_yaml

LOCKS = "requirements"
DOCKERFILE = "Dockerfile"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^ ;\\]+)(.*)$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One distribution of a lock: its version and the digests of the wheels that may be installed."""

    name: str
    version: str
    artifacts: tuple[str, ...]


def lock_files(root: Path) -> list[Path]:
    return sorted((root / LOCKS).glob("image*.txt"))


def read_lock(path: Path) -> tuple[list[Locked], list[str]]:
    """The distributions of a lock, and the lines that pin nothing."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    locked, loose = [], []
    for line in (line.strip() for line in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        pin = _PIN.match(line)
        if pin is None:
            loose.append(" ".join(line.split()))
        else:
            locked.append(Locked(normalised(pin[1]), pin[2], tuple(sorted(_HASH.findall(pin[3])))))
    return locked, loose


def lock_findings(root: Path, records: Sequence[SoupRecord]) -> Iterator[Finding]:
    """S03 for every lock of an image and for the commands that install from them.

    Requires  REQ-S-VAL-007
    """
    known = by_distribution(list(records))
    for path in lock_files(root):
        name = path.relative_to(root).as_posix()
        locked, loose = read_lock(path)
        for line in loose:
            yield Finding("S03", name, f"{line!r} pins no version")
        for entry in locked:
            yield from _against_record(name, entry, known.get(entry.name))
    yield from _installs(root)


def _against_record(lock: str, entry: Locked, record: SoupRecord | None) -> Iterator[Finding]:
    if not entry.artifacts:
        yield Finding("S03", lock, f"{entry.name} {entry.version} is locked without a digest")
    elif record is None:
        yield Finding("S03", lock, f"{entry.name} is locked and has no SOUP record")
    elif entry.version not in record.versions:
        yield Finding("S03", lock, f"{entry.name} {entry.version} is locked, its record does not know that version")
    elif unknown := sorted(set(entry.artifacts) - set(record.artifacts(entry.version))):
        what = f"{len(unknown)} of {len(entry.artifacts)} wheels of {entry.name} {entry.version}"
        yield Finding("S03", lock, f"{what} are not those that its record names: {unknown[0][:16]}...")


def _installs(root: Path) -> Iterator[Finding]:
    """From a lock only what has the digests is installed; without a lock nothing is taken along."""
    path = root / DOCKERFILE
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for command in re.split(r"&&|\n|;", text):
        if not re.search(r"\$\{?pip\}?\s|pip\S*\s+install\b", command) or command.strip().startswith(("#", "pip=")):
            continue
        if "-r " in command and "--require-hashes" not in command:
            yield Finding("S03", DOCKERFILE, f"installs from a list without --require-hashes: {_short(command)}")
        elif "-r " not in command and "--no-deps" not in command:
            yield Finding("S03", DOCKERFILE, f"installs without --no-deps what no lock names: {_short(command)}")


def _short(command: str) -> str:
    return " ".join(command.split())[:120]


def record_artifacts(root: Path) -> list[str]:
    """Write the digests that the locks of the images name into the records of those versions. Returns what was done.

    They are the index's word on the wheels; whoever commits them has looked at the change of the lock.
    """
    records = by_distribution(load_records(root)[0])
    done = []
    for entry in _joined(root):
        record = records.get(entry.name)
        if (
            record is None
            or entry.version not in record.versions
            or not set(entry.artifacts) - set(record.artifacts(entry.version))
        ):
            continue
        path = root / FOLDER / f"{record.soup_id}.yaml"
        data = load_yaml(path)
        version = next(one for one in data["versions"] if one["version"] == entry.version)
        version["artifacts"] = sorted({*version.get("artifacts", ()), *entry.artifacts})
        write_file(path, dump_yaml(data).encode())
        done.append(f"{path.name}: {len(version['artifacts'])} wheels of {entry.version}")
    return done


def _joined(root: Path) -> list[Locked]:
    """Every locked version once, with the wheels of all locks."""
    found: dict[tuple[str, str], set[str]] = {}
    for path in lock_files(root):
        for entry in read_lock(path)[0]:
            found.setdefault((entry.name, entry.version), set()).update(entry.artifacts)
    return [Locked(name, version, tuple(sorted(wheels))) for (name, version), wheels in sorted(found.items())]
