"""Rules R03 to R06, R13, R24 and R25: trace and tests name each other, in both directions, and neither has moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from validation.canonical import file_sha256
from validation.collect import Collected
from validation.findings import Finding
from validation.trace import Trace

FALSIFIERS = "tests/falsifiers/"
SETTINGS = {"xfail_strict": True, "empty_parameter_set_mark": "fail_at_collect", "enable_assertion_pass_hook": True}


def agreement_findings(root: Path, trace: Trace, collected: Collected) -> list[Finding]:
    """Where the trace and the collected tests disagree.

    Requires  REQ-F-VAL-003
    """
    return [
        *_trace_to_tests(trace, collected),
        *_tests_to_trace(trace, collected),
        *_not_collected(collected),
        *_settings(collected),
        *_sources(root, trace),
    ]


def _trace_to_tests(trace: Trace, collected: Collected) -> Iterator[Finding]:
    for requirement in trace.live():
        for node in requirement.tests:
            if node not in collected.functions:
                yield Finding("R03", requirement.id, f"its test {node} does not exist")
            elif requirement.id not in collected.functions[node]:
                yield Finding("R04", requirement.id, f"the test {node} does not carry its marker")


def _tests_to_trace(trace: Trace, collected: Collected) -> Iterator[Finding]:
    requirements = trace.by_id()
    for function, ids in collected.functions.items():
        for identifier in sorted(ids):
            requirement = requirements.get(identifier)
            if requirement is None:
                yield Finding("R04", function, f"there is no requirement {identifier}")
            elif requirement.withdrawn:
                yield Finding("R04", function, f"the requirement {identifier} has been withdrawn")
            elif function not in requirement.tests:
                yield Finding("R04", function, f"the trace does not list it under {identifier}")
    unproved = [entry.id for entry in trace.live() if entry.safety_relevant and not any(map(is_falsifier, entry.tests))]
    if unproved:
        yield Finding("R13", "falsifiers", f"{len(unproved)} safety relevant requirements have none", "warning")
    untraced = sum(not ids for ids in collected.functions.values())
    if untraced:
        yield Finding("R24", "tests", f"{untraced} tests show no requirement", "warning")


def _not_collected(collected: Collected) -> Iterator[Finding]:
    for path, problem in collected.problems.items():
        yield Finding("R06", path, f"could not be collected: {problem}")


def _settings(collected: Collected) -> Iterator[Finding]:
    for name, needed in SETTINGS.items():
        if collected.settings.get(name) != needed:
            yield Finding("R05", "pytest settings", f"{name} is {collected.settings.get(name)!r}, must be {needed!r}")


def is_falsifier(node: str) -> bool:
    """Whether a test shows that another can fail: it seeds a defect and holds only if that is noticed."""
    return node.startswith(FALSIFIERS)


def source_digests(root: Path) -> dict[str, str]:
    """Digest of every Python file under tests/."""
    files = sorted((root / "tests").rglob("*.py"))
    return {path.relative_to(root).as_posix(): file_sha256(path) for path in files}


def _sources(root: Path, trace: Trace) -> Iterator[Finding]:
    now = source_digests(root)
    for path in sorted(now.keys() | trace.test_files.keys()):
        if path not in now:
            yield Finding("R25", path, "was removed since the trace was linked")
        elif path not in trace.test_files:
            yield Finding("R25", path, "is new since the trace was linked: `python -m validation link`")
        elif now[path] != trace.test_files[path]:
            yield Finding(
                "R25", path, "was edited since the trace was linked: look at it, then `python -m validation link`"
            )
