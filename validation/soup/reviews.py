"""Rules S07, S08, S19 and S20: what was searched and tested of a SOUP, by whom, and whether that is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from validation.findings import Finding
from validation.soup.records import SoupRecord

SHOWN = 6


def review_findings(records: Sequence[SoupRecord]) -> Iterator[Finding]:
    """What is open (warnings), and evaluations that do not show what they say (errors).

    Requires  REQ-F-VAL-012
    """
    live = [record for record in records if not record.retired and record.kind != "own"]
    pending = [record.soup_id for record in live if not all(map(record.evaluated, record.versions))]
    yield from _open("S07", "anomaly reviews", pending, len(live))
    for record in live:
        for evaluation in record.data["evaluations"]:
            yield from _evaluation(record, evaluation)
    runtime = [record for record in live if record.kind == "distribution" and "runtime" in record.data["used_in"]]
    untested = [record.soup_id for record in runtime if not all(map(record.upstream_tests, record.versions))]
    yield from _open("S19", "upstream tests", untested, len(runtime))
    for record in runtime:
        for version in record.versions:
            yield from _upstream(record, version)


def _open(rule: str, what: str, pending: Sequence[str], count: int) -> Iterator[Finding]:
    if pending:
        names = ", ".join(pending[:SHOWN]) + (" ..." if len(pending) > SHOWN else "")
        yield Finding(rule, what, f"open for {len(pending)} of {count} records: {names}", "warning")


def _evaluation(record: SoupRecord, evaluation: Mapping[str, Any]) -> Iterator[Finding]:
    if evaluation["reviewer"] == record.data["record"]["editor"]:
        yield Finding("S20", record.soup_id, "the reviewer of the anomalies wrote the record", "warning")
    kinds = {source["name"]: source["kind"] for source in record.data["anomaly_sources"]}
    searched = [source["name"] for source in evaluation["sources"]]
    for name in searched:
        if name not in kinds:
            message = f"the evaluation of {evaluation['date']} searched {name!r}, which is none of its anomaly sources"
            yield Finding("S08", record.soup_id, message)
    if not evaluation["hits"] and not any(kinds.get(name) == "advisory" for name in searched):
        message = f"the evaluation of {evaluation['date']} found nothing and searched no advisories"
        yield Finding("S08", record.soup_id, message)
    late = [source["name"] for source in evaluation["sources"] if str(source["retrieved"]) > str(evaluation["date"])]
    if late:
        message = f"the evaluation of {evaluation['date']} names a snapshot that was fetched later: {late[0]}"
        yield Finding("S08", record.soup_id, message)


def _upstream(record: SoupRecord, version: str) -> Iterator[Finding]:
    found = record.upstream_tests(version)
    if found is not None and found.get("failed", 0) and "explained" not in found:
        message = f"{found['failed']} of the project's own tests of {version} failed here, and nobody has said why"
        yield Finding("S19", record.soup_id, message, "warning")
