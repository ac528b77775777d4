"""A snapshot of OSV's advisories: a zip of JSON files, carried in by hand, read without network and within limits.

Source  Open Source Vulnerability format 1.7; the snapshot is https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from validation.canonical import file_sha256
from validation.distributions import normalised
from validation.errors import UsageError

ECOSYSTEM = "PyPI"
ENTRY_LIMIT = 8 << 20
COUNT_LIMIT = 2_000_000
TOTAL_LIMIT = 8 << 30


@dataclass(frozen=True)
class Hit:
    """An advisory that names a version that is in use."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str
    published: str
    modified: str


@dataclass(frozen=True)
class Snapshot:
    """The advisories of one file, by distribution. `retrieved` is the day on which somebody fetched it."""

    path: Path
    retrieved: str
    sha256: str

    @cached_property
    def by_name(self) -> dict[str, list[dict[str, Any]]]:
        """Advisories that were not withdrawn, by the normalised names of the distributions they are about."""
        found: dict[str, list[dict[str, Any]]] = {}
        for advisory in _advisories(self.path):
            if "withdrawn" in advisory:
                continue
            names = {normalised(affected["package"]["name"]) for affected in _of_ecosystem(advisory)}
            for name in names:
                found.setdefault(name, []).append(advisory)
        return found

    def hits(self, name: str, version: str) -> list[Hit]:
        """The advisories about this version of this distribution, by id.

        Requires  REQ-F-VAL-016
        """
        found = {
            advisory["id"]: _hit(advisory)
            for advisory in self.by_name.get(normalised(name), [])
            if any(_affects(one, name, version) for one in _of_ecosystem(advisory))
        }
        return [found[identifier] for identifier in sorted(found)]


def read_snapshot(path: Path, retrieved: str) -> Snapshot:
    """Raises UsageError if the file is no zip archive."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        raise UsageError(f"{path} is no snapshot of advisories: it must be the zip that OSV gives out")
    return Snapshot(path, retrieved, file_sha256(path))


def _advisories(path: Path) -> Iterator[dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".json")]
        if len(members) > COUNT_LIMIT or sum(member.file_size for member in members) > TOTAL_LIMIT:
            raise UsageError(f"{path} holds more advisories than OSV has: {len(members)} files")
        for member in members:
            if member.file_size > ENTRY_LIMIT:
                raise UsageError(f"{path}: {member.filename} is larger than {ENTRY_LIMIT} bytes")
            try:
                advisory = json.loads(archive.read(member))
                known = {"id": advisory["id"], "affected": advisory.get("affected", [])}
            except (ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
                raise UsageError(f"{path}: {member.filename} is no advisory: {error!r}") from error
            yield {**advisory, **known}


def _of_ecosystem(advisory: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for affected in advisory["affected"]:
        if affected.get("package", {}).get("ecosystem", "").partition(":")[0] == ECOSYSTEM:
            yield affected


def _affects(affected: Mapping[str, Any], name: str, version: str) -> bool:
    """The versions that are listed count first; then the ranges, whose events are ordered by version."""
    if normalised(affected["package"]["name"]) != normalised(name):
        return False
    if version in affected.get("versions", []):
        return True
    ranges = [one for one in affected.get("ranges", []) if one.get("type") == "ECOSYSTEM"]
    return any(_in_range(one["events"], version) for one in ranges)


def _in_range(events: list[Mapping[str, str]], version: str) -> bool:
    """OSV's algorithm: walk the events up to the version; the last one says whether it is affected."""
    try:
        here = Version(version)
        affected = False
        for event in sorted(events, key=_place):
            if "introduced" in event and (event["introduced"] == "0" or here >= Version(event["introduced"])):
                affected = True
            elif ("fixed" in event and here >= Version(event["fixed"])) or (
                "last_affected" in event and here > Version(event["last_affected"])
            ):
                affected = False
    except InvalidVersion:
        return True  # a version that cannot be compared: a person must look at it
    return affected


def _place(event: Mapping[str, str]) -> tuple[Version, int]:
    order = ("introduced", "fixed", "last_affected", "limit")
    kind = next(name for name in order if name in event)
    return Version("0" if event[kind] == "0" else event[kind]), order.index(kind)


def _hit(advisory: Mapping[str, Any]) -> Hit:
    scores = [entry.get("score", "") for entry in advisory.get("severity", [])]
    return Hit(
        id=advisory["id"],
        aliases=tuple(sorted(advisory.get("aliases", []))),
        summary=str(advisory.get("summary") or advisory.get("details") or "")[:300],
        severity=scores[0] if scores else "not rated",
        published=str(advisory.get("published", "")),
        modified=str(advisory.get("modified", "")),
    )
