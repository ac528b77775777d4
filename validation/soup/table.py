"""The SOUP table of a report: recorded against installed, and whose review is open."""

from __future__ import annotations

from typing import Any

from validation.distributions import Installed
from validation.soup.records import SoupRecord, by_distribution


def soup_table(records: list[SoupRecord], installed: list[Installed]) -> list[dict[str, Any]]:
    """One row for each installed distribution."""
    known = by_distribution(records)
    return [_row(entry, known.get(entry.key)) for entry in installed]


def _row(entry: Installed, record: SoupRecord | None) -> dict[str, Any]:
    recorded = record is not None and entry.version in record.versions
    return {
        "name": entry.name,
        "version": entry.version,
        "license": entry.license or (record.data["general"]["license"]["spdx"] if record else "unknown"),
        "used_in": list(record.data["used_in"]) if record else [],
        "recorded": recorded,
        "review": "done" if record is not None and record.evaluated(entry.version) else "open",
        "content_sha256": entry.content_sha256,
        "libraries": list(entry.libraries),
        "altered": list(entry.altered),
    }
