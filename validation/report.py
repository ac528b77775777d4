"""The report: its data, and the folder of files in which it is handed over.

report.json      `core`: what was found, the same for the same code, bundle and machine; `volatile`: when, how long
report.html      the same for reading and printing; made from report.json alone
junit.xml        the same for build servers
sbom.cdx.json    every distribution and the model, with the claims and their evidence (CycloneDX)
vex.openvex.json what was said to each published vulnerability that hits them (OpenVEX)
plan.json        what was to be shown, written before the first test
outcomes.jsonl   the raw facts of each test, written as soon as it had ended
pytest.txt       what pytest printed
digests.json     sha256 of each of these files
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from validation.advisories.vex import render_vex
from validation.atomic import write_file
from validation.canonical import digest, file_sha256, readable_json
from validation.capabilities import probe
from validation.clauses import clause_findings, clause_index
from validation.commit import commit_of
from validation.distributions import Installed
from validation.environment import environment
from validation.evaluate import evaluate, measurements
from validation.findings import Finding
from validation.html import render_html
from validation.junit import render_junit
from validation.limitations import limitations
from validation.recorder import OUTCOMES_FILE, PLAN_FILE
from validation.sbom import render_sbom
from validation.services import Service
from validation.soup.records import load_records
from validation.soup.table import soup_table

DIGESTS_FILE = "digests.json"
REPORT_FILE, OUTPUT_FILE = "report.json", "pytest.txt"
# What is drawn from report.json alone, and drawn again by `verify`.
VIEWS: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = {
    "report.html": lambda report: render_html(report).encode(),
    "junit.xml": render_junit,
    "sbom.cdx.json": render_sbom,
    "vex.openvex.json": render_vex,
}
FILES = (REPORT_FILE, *VIEWS, PLAN_FILE, OUTCOMES_FILE, OUTPUT_FILE)


@dataclass(frozen=True)
class Context:
    """What a report needs beside the files that the test run left."""

    root: Path
    service: Service
    bundle: Mapping[str, Any]
    content: Mapping[str, Any] | None
    advisories: Mapping[str, Any] | None
    findings: Sequence[Finding]
    distributions: list[Installed]
    made_at: str
    duration_s: float


def write_report(folder: Path, context: Context) -> dict[str, Any]:
    """Add the report to the folder in which the test run left its plan and outcomes."""
    data = readable_json(make_report(folder, context))
    write_file(folder / REPORT_FILE, data)
    report: dict[str, Any] = json.loads(data)  # as everybody else will read it: the page must come out the same
    for name, render in VIEWS.items():
        write_file(folder / name, render(report))
    write_file(folder / DIGESTS_FILE, readable_json({name: file_sha256(folder / name) for name in FILES}))
    return report


def read_run(folder: Path) -> tuple[dict[str, Any], str, list[dict[str, Any]]]:
    """The plan, its digest, and the events of a test run. Raises OSError or ValueError if they cannot be read."""
    plan = json.loads((folder / PLAN_FILE).read_bytes())
    lines = (folder / OUTCOMES_FILE).read_text(encoding="utf-8").splitlines()
    return plan, file_sha256(folder / PLAN_FILE), [json.loads(line) for line in lines]


def make_report(folder: Path, context: Context) -> dict[str, Any]:
    """The report as data."""
    plan, plan_sha256, events = read_run(folder)
    core = {
        "tool": plan["request"]["tool"],
        "service": _service(context.service),
        "bundle": dict(context.bundle),
        "content": None if context.content is None else _content(context.content),
        "plan_sha256": plan_sha256,
        "trace_sha256": plan["trace_sha256"],
        **{key: plan["request"][key] for key in ("signoff_roles", "change_envelope", "test_files")},
        "source": commit_of(context.root),
        "outside": plan["request"]["outside"],
        "capabilities": _capabilities(plan, events),
        "environment": environment(context.distributions),
        "advisories": None if context.advisories is None else dict(context.advisories),
        "shards": [],
        "soup": soup_table(load_records(context.root)[0], context.distributions),
    }
    core["clauses"] = clause_index(core)
    core["given_findings"] = [finding.as_data() for finding in (*context.findings, *clause_findings(core["clauses"]))]
    core["evaluation"] = evaluate(plan, plan_sha256, events, core["given_findings"])
    core["limitations"] = limitations(core)
    volatile = {
        "made_at": context.made_at,
        "duration_s": context.duration_s,
        "measurements": measurements(plan, events),
    }
    return {"schema": "medtorch.report/1", "core": core, "core_sha256": digest(core), "volatile": volatile}


def _service(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "title": service.title,
        "kind": service.kind,
        "safety_class": service.safety_class,
        "intended_use": service.intended_use,
        "limitations": list(service.limitations),
        "devices": list(service.devices),
        "soup": {"replaces": None, **service.soup},
        "include": list(service.include),
    }


def _content(content: Mapping[str, Any]) -> dict[str, Any]:
    sizes = {path: int(text.split()[2]) for path, text in content["entries"].items() if text.startswith("f ")}
    return {
        "sha256": content["sha256"],
        "files": len(content["entries"]),
        "bytes": sum(sizes.values()),
        "bytes_without_base": sum(size for path, size in sizes.items() if path.startswith("opt/")),
    }


def _capabilities(plan: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the probes found in the test process; for those that no test asked for, what they find now."""
    seen = {need["capability"]: need for event in events if event["event"] == "outcome" for need in event["needs"]}
    needed = {name for entry in plan["request"]["requirements"] for name in entry["capabilities"]}
    for name in needed - seen.keys() - {"service_bundle"}:
        found = probe(name)
        seen[name] = {"capability": name, "present": found.present, "detail": found.detail}
    return [seen[name] for name in sorted(seen)]
