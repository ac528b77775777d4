"""Rules S12, S13, S14 and S17: what people must have decided about a record, and what it asks of the machine."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from validation.findings import Finding
from validation.soup.records import SoupRecord

OPEN = "open"
SHOWN = 6


def policy_findings(records: Sequence[SoupRecord], today: str) -> Iterator[Finding]:
    """What is undecided (warnings, one for each rule), and what was decided against a SOUP or has run out (errors).

    Requires  REQ-F-VAL-012
    """
    live = [record for record in records if not record.retired]
    yield from _undecided(live, "S12", "maintenance", _maintenance_is_open)
    yield from _undecided(live, "S13", "documentation checklist", _checklist_is_open)
    yield from _undecided(live, "S17", "signatures", _signatures_are_open)
    for record in live:
        yield from _ended(record, today)
        yield from _python(record)


def _undecided(
    records: Sequence[SoupRecord], rule: str, what: str, is_open: Callable[[SoupRecord], bool]
) -> Iterator[Finding]:
    pending = [record.soup_id for record in records if is_open(record)]
    if pending:
        names = ", ".join(pending[:SHOWN]) + (" ..." if len(pending) > SHOWN else "")
        yield Finding(rule, what, f"open for {len(pending)} of {len(records)} records: {names}", "warning")


def _maintenance_is_open(record: SoupRecord) -> bool:
    return bool(record.data["general"]["maintenance"]["status"] == OPEN)


def _checklist_is_open(record: SoupRecord) -> bool:
    return any(item["answer"] == OPEN for item in record.data["documentation"]["checklist"])


def _signatures_are_open(record: SoupRecord) -> bool:
    return OPEN in record.data["signatures"].values()


def _ended(record: SoupRecord, today: str) -> Iterator[Finding]:
    maintenance = record.data["general"]["maintenance"]
    if maintenance["status"] == "unmaintained":
        yield Finding("S12", record.soup_id, f"is not maintained any more: {maintenance['method']}")
    until = maintenance.get("end_of_support")
    if until is not None and str(until) < today:
        yield Finding("S12", record.soup_id, f"its support ended on {until}")


def _python(record: SoupRecord) -> Iterator[Finding]:
    """S14: a line "Python >=3.9, !=3.9.0" is held against the Python that runs."""
    for line in record.data["system_requirements"]["software"]:
        if not line.startswith("Python ") or record.data["used_in"] == ["development"]:
            continue
        try:
            wanted = SpecifierSet(line.removeprefix("Python "))
        except InvalidSpecifier:
            continue  # prose about Python, for people
        if not wanted.contains(platform.python_version(), prereleases=True):
            yield Finding("S14", record.soup_id, f"needs {line}, this is {platform.python_version()}")
