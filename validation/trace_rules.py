"""Rules R01 to R17 that the requirements trace itself must follow; no test is run or collected here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from validation.canonical import file_sha256
from validation.capabilities import is_known
from validation.errors import RecordError
from validation.findings import Finding
from validation.schemas import schema_findings
from validation.sources import items, read_sections
from validation.trace import TRACE_FILE, Requirement, Trace, fingerprint, load_trace_data, trace_from_data

VAGUE = re.compile(
    r"\b(fast|quick(?:ly)?|efficient(?:ly)?|comprehensive(?:ly)?|eas(?:y|ily)|appropriate(?:ly)?|good|reasonable|robust(?:ly)?|"
    r"user-friendly|sufficient(?:ly)?|adequate(?:ly)?|as needed|etc)\b",
    re.IGNORECASE,
)
MARGIN = 1.3
TYPE_LETTER = {"functional": "F", "performance": "P", "security": "S"}


def load_trace(root: Path) -> Trace:
    """The trace, if it follows its schema. Raises RecordError listing what does not."""
    data = load_trace_data(root)
    found = schema_findings("R01", TRACE_FILE, data, "requirements_trace")
    if found:
        raise RecordError("; ".join(str(finding) for finding in found[:5]))
    return trace_from_data(data)


def trace_findings(root: Path) -> list[Finding]:
    """Everything that is wrong with the trace, apart from its tests.

    Requires  REQ-F-VAL-001
    """
    try:
        data = load_trace_data(root)
    except RecordError as error:
        return [Finding("R01", TRACE_FILE, str(error))]
    found = schema_findings("R01", TRACE_FILE, data, "requirements_trace")
    if found:
        return found
    trace = trace_from_data(data)
    return [
        *_unique_ids(trace),
        *_types(trace),
        *_tests_or_reason(trace),
        *_acceptance(trace),
        *_margins(trace),
        *_quotes(root, trace),
        *_uses_and_risks(trace),
        *_fingerprints(data["requirements"]),
    ]


def _unique_ids(trace: Trace) -> Iterator[Finding]:
    for identifier, count in Counter(requirement.id for requirement in trace.requirements).items():
        if count > 1:
            yield Finding("R01", identifier, f"the id is used {count} times; ids are never used again")


def _types(trace: Trace) -> Iterator[Finding]:
    for requirement in trace.requirements:
        if requirement.id.split("-")[1] != TYPE_LETTER[requirement.type]:
            yield Finding("R01", requirement.id, f"the id's letter does not say {requirement.type}")
        for capability in requirement.capabilities:
            if not is_known(capability):
                yield Finding("R01", requirement.id, f"there is no probe for the capability {capability!r}")


def _tests_or_reason(trace: Trace) -> Iterator[Finding]:
    for requirement in trace.live():
        if not requirement.tests and requirement.unverified is None:
            yield Finding("R02", requirement.id, "has neither a test nor the reason why there is none")
        if requirement.tests and requirement.unverified is not None:
            yield Finding("R02", requirement.id, "has tests and also a reason why there are none")
        for node, count in Counter(requirement.tests).items():
            if count > 1:
                yield Finding("R02", requirement.id, f"lists {node} {count} times")


def _acceptance(trace: Trace) -> Iterator[Finding]:
    for requirement in trace.live():
        if not re.search(r"\bshall\b", requirement.text):
            yield Finding("R14", requirement.id, "the text says nowhere what shall hold")
        if requirement.type == "performance" and "threshold" not in requirement.acceptance:
            yield Finding("R09", requirement.id, "a performance requirement needs metric, operator, threshold and unit")
        if vague := VAGUE.search(requirement.text):
            yield Finding("R14", requirement.id, f"vague word {vague[0]!r} in the text")


def _margins(trace: Trace) -> Iterator[Finding]:
    """R12: a threshold lies well between what a healthy product shows and the defect that it must catch."""
    unsaid = 0
    for requirement in trace.live():
        stated = requirement.acceptance
        if requirement.type != "performance" or "threshold" not in stated:
            continue
        if not {"healthy", "defect"} <= stated.keys():
            unsaid += 1
            continue
        low, high = sorted((stated["healthy"], stated["defect"]))
        right = (low == stated["healthy"]) == (stated["operator"] in ("<", "<="))
        if not right or not low * MARGIN <= stated["threshold"] <= high / MARGIN:
            message = f"the threshold {stated['threshold']} is not {MARGIN} times away from {low} and from {high}"
            yield Finding("R12", requirement.id, message, "warning")
    if unsaid:
        message = f"{unsaid} performance requirements do not say what is healthy and which defect they catch"
        yield Finding("R12", "margins", message, "warning")


def _quotes(root: Path, trace: Trace) -> Iterator[Finding]:
    path = root / trace.source_file
    try:
        sections = read_sections(path)
    except RecordError as error:
        yield Finding("R15", TRACE_FILE, str(error))
        return
    if file_sha256(path) != trace.source_sha256:
        yield Finding(
            "R15", trace.source_file, "is not the source document that the trace was written from (sha256 differs)"
        )
    quotes = [(requirement.id, requirement.section, requirement.quote) for requirement in trace.requirements]
    quotes += [(use, "Intended use on the device", quote) for use, quote in trace.intended_uses.items()]
    quotes += [(f"risk {risk}", "Related risks", quote) for risk, quote in trace.risks.items()]
    for where, section, quote in quotes:
        if section not in sections:
            yield Finding("R15", where, f"the source document has no section {section!r}")
        elif quote not in sections[section]:
            yield Finding("R15", where, f"the quote does not stand word for word under {section!r}: {quote!r}")
    quoted = {requirement.section for requirement in trace.live()}
    for item in items(sections):
        if item not in quoted:
            yield Finding("R15", item, "no requirement comes from this item of the source document")


def _uses_and_risks(trace: Trace) -> Iterator[Finding]:
    live = trace.live()
    for requirement in live:
        for use in set(requirement.intended_use) - set(trace.intended_uses):
            yield Finding("R16", requirement.id, f"there is no intended use {use!r}")
        for risk in set(requirement.risks) - set(trace.risks):
            yield Finding("R16", requirement.id, f"there is no risk {risk}")
    for use in trace.intended_uses:
        if not any(use in requirement.intended_use for requirement in live):
            yield Finding("R16", use, "no requirement serves this intended use")
    for risk in trace.risks:
        if not any(risk in requirement.risks for requirement in live):
            yield Finding("R16", f"risk {risk}", "no requirement controls this risk")


def _fingerprints(entries: list[dict[str, Any]]) -> Iterator[Finding]:
    for entry in entries:
        now = fingerprint(entry)
        if entry["fingerprint"] != now:
            yield Finding(
                "R17",
                entry["id"],
                f"text, acceptance or needs were changed since the last review (now {now[:19]}..., recorded "
                f"{entry['fingerprint'][:19]}...): `python -m validation review {entry['id']}` records a review",
            )
        elif entry["history"][-1]["fingerprint"] != entry["fingerprint"]:
            yield Finding("R11", entry["id"], "the recorded fingerprint has no entry in the history")


def by_area(requirements: list[Requirement]) -> dict[str, list[Requirement]]:
    """The requirements under the three letters of their area, in the order they come."""
    areas: dict[str, list[Requirement]] = {}
    for requirement in requirements:
        areas.setdefault(requirement.id.split("-")[2], []).append(requirement)
    return areas
