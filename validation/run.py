"""`run`: execute the tests that a service's requirements need, and write the report."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from validation.advisories.osv import Snapshot
from validation.advisories.review import advisory_findings, review
from validation.atomic import new_directory, write_file
from validation.bundles import bundle_findings
from validation.canonical import readable_json
from validation.check import static_findings
from validation.distributions import Installed, installed
from validation.errors import UsageError
from validation.execute import run_pytest
from validation.findings import Finding
from validation.image.content import read_content
from validation.recorder import OUTCOMES_FILE, PLAN_FILE
from validation.report import DIGESTS_FILE, OUTPUT_FILE, Context, write_report
from validation.request import make_request
from validation.scrub import scrub
from validation.services import Service, load_service
from validation.soup.records import load_records
from validation.soup.table import soup_table
from validation.subject import describe_subject, line_findings
from validation.trace_rules import load_trace

REQUEST_FILE = "request.json"


@dataclass(frozen=True)
class Options:
    """What the command line of `run` says."""

    service: str
    out: Path
    bundle: Path | None
    sha256: str | None
    content: Path | None
    advisories: Snapshot | None
    timeout_s: float


def run(root: Path, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    """Validate one service. Returns the report, which then lies in `options.out`.

    Raises    UsageError if the service is a template, has no bundle, or the target folder is something else
    Requires  REQ-F-VAL-005
    """
    started = time.monotonic()
    service = load_service(root, options.service)
    bundle, told = describe_subject(root, service, options.bundle, options.sha256)
    trace = load_trace(root)
    content = None if options.content is None else read_content(options.content)
    distributions = installed()
    advisories = _advisories(root, options.advisories, distributions)
    findings = [
        *_relevant(static_findings(root, distributions), service),
        *bundle_findings(service.name, bundle),
        *line_findings(root, service, distributions),
        *(advisory_findings(advisories) if advisories else ()),
    ]
    request = make_request(service, trace, bundle, content)
    say(f"{service.name}: {len(request['requirements'])} requirements, {len(request['required'])} tests")
    with new_directory(options.out, marker=DIGESTS_FILE) as folder:
        _run_tests(root, folder, request, told, options.timeout_s, say)
        context = Context(
            root=root,
            service=service,
            bundle=bundle,
            content=content,
            advisories=advisories,
            findings=findings,
            distributions=distributions,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            duration_s=round(time.monotonic() - started, 1),
        )
        return write_report(folder, context)


def _advisories(root: Path, snapshot: Snapshot | None, distributions: list[Installed]) -> dict[str, Any] | None:
    """What the snapshot says of the distributions here; None without a snapshot, which the report then says."""
    records = load_records(root)[0]
    return None if snapshot is None else review(snapshot, records, soup_table(records, distributions))


def _relevant(findings: list[Finding], service: Service) -> list[Finding]:
    """Without what is wrong with other services."""
    others = ("V01", "V02", "V03", "V04")
    return [finding for finding in findings if finding.rule not in others or finding.where == service.name]


def _run_tests(
    root: Path,
    folder: Path,
    request: dict[str, Any],
    variables: dict[str, str],
    timeout_s: float,
    say: Callable[[str], None],
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        request_file = Path(scratch, REQUEST_FILE)
        write_file(request_file, readable_json(request))
        files = sorted({node.split("::", 1)[0] for node in request["required"]})
        arguments = [
            "--continue-on-collection-errors",
            "-q",
            "--tb=short",
            *("-o", "enable_assertion_pass_hook=true", "-o", "xfail_strict=true"),
            *("-o", "empty_parameter_set_mark=fail_at_collect"),
            f"--validation-request={request_file}",
            f"--validation-out={folder}",
            *(file for file in files if (root / file).is_file()),
        ]
        environment = {
            # A test module compiled earlier without the assertion hook would look like a test without assertions.
            "PYTHONPYCACHEPREFIX": str(Path(scratch, "pycache")),
            **variables,
        }
        output = run_pytest(
            root,
            arguments,
            timeout_s=timeout_s,
            extra_environment=environment,
            progress=lambda: _progress(folder, request, say),
        )
    write_file(folder / OUTPUT_FILE, scrub(output).encode())
    if not (folder / PLAN_FILE).is_file() or not (folder / OUTCOMES_FILE).is_file():
        raise UsageError(f"pytest did not get as far as a plan, no report was written:\n{scrub(output)[-3000:]}")


def _progress(folder: Path, request: dict[str, Any], say: Callable[[str], None]) -> None:
    """How many of the tests have an outcome so far."""
    path = folder / OUTCOMES_FILE
    if path.is_file():
        events = [
            json.loads(line) for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line[-1:] == "\n"
        ]
        done = {event["function"] for event in events if event["event"] == "outcome"}
        say(f"  {len(done)} of {len(request['required'])} tests")
