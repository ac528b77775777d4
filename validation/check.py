"""Everything that can be found wrong without running a test."""

from __future__ import annotations

from pathlib import Path

from validation.agreement import agreement_findings
from validation.collect import collect
from validation.distributions import Installed
from validation.errors import RecordError
from validation.findings import Finding
from validation.services import service_findings
from validation.soup.rules import soup_findings
from validation.trace import Trace
from validation.trace_rules import load_trace, trace_findings


def check(root: Path, installed: list[Installed]) -> list[Finding]:
    """All findings about trace, tests, records, services and environment, errors first."""
    found = static_findings(root, installed)
    trace = _trace(root)
    if trace is not None:
        found += agreement_findings(root, trace, collect(root))
    return sorted(found, key=lambda finding: (finding.severity, finding))


def static_findings(root: Path, installed: list[Installed]) -> list[Finding]:
    """The findings for which no test need be collected."""
    trace = _trace(root)
    found = [*trace_findings(root), *soup_findings(root, trace, installed)]
    return found + service_findings(root, trace) if trace is not None else found


def _trace(root: Path) -> Trace | None:
    try:
        return load_trace(root)
    except RecordError:
        return None  # trace_findings says what is wrong with it
