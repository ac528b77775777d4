"""Rules S01 to S20 that are built: records against the schema, the environment, the requirements and the policy."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from validation.distributions import Installed
from validation.findings import Finding, Severity
from validation.soup.locks import lock_findings
from validation.soup.policy import policy_findings
from validation.soup.records import SoupRecord, by_distribution, load_records
from validation.soup.reviews import review_findings
from validation.soup.surroundings import startup_findings, use_findings
from validation.trace import Trace

PYTHON = "cpython"
OWN = "medtorch"
VERSION_FILE = "medtorch/_version.py"


def soup_findings(root: Path, trace: Trace | None, installed: list[Installed]) -> list[Finding]:
    """What is wrong with the records, taken alone and held against this environment.

    Requires  REQ-F-VAL-012
    """
    records, found = load_records(root)
    return [
        *found,
        *_own_version(root, records),
        *(_references(records, trace) if trace else ()),
        *environment_findings(records, installed),
        *review_findings(records),
        *lock_findings(root, records),
        *policy_findings(records, datetime.now(UTC).date().isoformat()),
        *startup_findings(),
        *use_findings(root),
    ]


def environment_findings(records: list[SoupRecord], installed: list[Installed]) -> Iterator[Finding]:
    """Installed against recorded, both ways (S02, S04, S06, S11, S15)."""
    known = by_distribution(records)
    for name, count in Counter(entry.key for entry in installed).items():
        if count > 1:
            yield Finding("S15", name, f"{count} versions are installed at once")
    for entry in installed:
        record = known.get(entry.key)
        if record is None:
            yield Finding("S02", entry.key, f"{entry.version} is installed and has no SOUP record")
        else:
            yield from _against_record(entry, record)
    here = {entry.key for entry in installed}
    for name, record in known.items():
        expected = not record.retired and record.kind != "own" and record.data["used_in"] != ["development"]
        if expected and name not in here:
            yield Finding("S02", record.soup_id, "has a record and is not installed here", "warning")
    yield from _python(records)


def _against_record(entry: Installed, record: SoupRecord) -> Iterator[Finding]:
    if entry.version not in record.versions:
        known = ", ".join(record.versions)
        severity: Severity = "warning" if record.kind == "tool" else "error"
        yield Finding("S02", record.soup_id, f"{entry.version} is installed, the record knows {known}", severity)
        return
    recorded = record.content(entry.version, entry.wheel_tag)
    if recorded is not None and recorded["sha256"] != entry.content_sha256:
        yield Finding("S04", record.soup_id, f"{entry.version}: the installed files are not those that were recorded")
    if recorded is not None and tuple(recorded.get("libraries", ())) != entry.libraries:
        yield Finding("S06", record.soup_id, f"{entry.version}: it brings other native libraries than were recorded")
    if entry.altered:
        names = ", ".join(entry.altered[:3])
        yield Finding(
            "S04", record.soup_id, f"{len(entry.altered)} installed files were altered or are missing: {names}"
        )
    spdx = record.data["general"]["license"]["spdx"]
    if entry.license and entry.license != spdx:
        yield Finding("S11", record.soup_id, f"its licence is {entry.license}, the record says {spdx}")


def _python(records: list[SoupRecord]) -> Iterator[Finding]:
    runtime = next((record for record in records if record.soup_id == PYTHON), None)
    version = platform.python_version()
    if runtime is None:
        yield Finding("S02", PYTHON, f"{version} is running and has no SOUP record")
    elif version not in runtime.versions:
        known = ", ".join(runtime.versions)
        yield Finding("S02", PYTHON, f"{version} is running, the record knows {known}", "warning")


def own_version(root: Path) -> str | None:
    """What the checkout calls its own version; None where it is no checkout of the product."""
    path = root / VERSION_FILE
    found = re.search(r'"(\d[^"]*)"', path.read_text(encoding="utf-8")) if path.is_file() else None
    return None if found is None else found[1]


def _own_version(root: Path, records: list[SoupRecord]) -> Iterator[Finding]:
    own = next((record for record in records if record.soup_id == OWN), None)
    if own is None or not (root / VERSION_FILE).is_file():
        return
    found = own_version(root)
    if found not in own.versions:
        yield Finding("S18", OWN, f"{VERSION_FILE} says {found or '?'}, the record {', '.join(own.versions)}")


def _references(records: list[SoupRecord], trace: Trace) -> Iterator[Finding]:
    known = trace.by_id()
    for record in records:
        for identifier in record.data["requirements"]:
            if identifier not in known:
                yield Finding("R16", record.soup_id, f"there is no requirement {identifier}")
        for risk in record.data["risks"]:
            if risk["id"] not in trace.risks:
                yield Finding("R16", record.soup_id, f"there is no risk {risk['id']}")
