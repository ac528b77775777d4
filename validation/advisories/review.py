"""Hits held against the records: what a named person said to each, and which nobody has looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from validation.advisories.osv import Snapshot
from validation.distributions import normalised
from validation.findings import Finding
from validation.soup.records import SoupRecord, by_distribution


def review(snapshot: Snapshot, records: Sequence[SoupRecord], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The advisories that hit the installed versions, each with its disposition or None.

    `rows` are those of the SOUP table: name and version of each installed distribution.
    Requires  REQ-F-VAL-016
    """
    known = by_distribution(list(records))
    hits = []
    for row in rows:
        record = known.get(normalised(row["name"]))
        for hit in snapshot.hits(row["name"], row["version"]):
            said = None if record is None else _said(record, row["version"], {hit.id, *hit.aliases})
            hits.append({"name": row["name"], "version": row["version"], **asdict(hit), "disposition": said})
    return {
        "source": "OSV, PyPI",
        "retrieved": snapshot.retrieved,
        "snapshot_sha256": snapshot.sha256,
        "searched": len(rows),
        "hits": hits,
    }


def advisory_findings(advisories: Mapping[str, Any]) -> list[Finding]:
    """S09: hits that nobody has disposed of. S10: `not_affected` without a reason that can be stated in VEX."""
    found = []
    for hit in advisories["hits"]:
        where, said = f"{hit['name']} {hit['version']}", hit["disposition"]
        if said is None or said["disposition"] == "open":
            found.append(Finding("S09", where, f"{hit['id']} ({hit['severity']}) has not been evaluated"))
        elif said["disposition"] == "not_affected" and said["justification"] is None:
            found.append(Finding("S10", where, f"{hit['id']} is said not to affect, without a justification"))
    return found


def _said(record: SoupRecord, version: str, names: set[str]) -> dict[str, Any] | None:
    """The newest word on this advisory, under any of its names, in an evaluation of this version."""
    evaluations = [one for one in record.data["evaluations"] if version in one["versions"]]
    for evaluation in sorted(evaluations, key=lambda one: str(one["date"]), reverse=True):
        for hit in evaluation["hits"]:
            if hit["id"] in names:
                return {
                    "disposition": hit["disposition"],
                    "affects_use": hit["affects_use"],
                    "justification": hit.get("justification"),
                    "rationale": hit["rationale"],
                    "reviewer": evaluation["reviewer"],
                    "date": evaluation["date"],
                }
    return None
