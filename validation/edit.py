"""Changes to the trace file made by commands: add requirements, record a review, link the tests that were collected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from validation.agreement import source_digests
from validation.atomic import write_file
from validation.collect import Collected
from validation.errors import RecordError, UsageError
from validation.schemas import schema_findings
from validation.strict_yaml import dump_yaml, load_yaml
from validation.trace import TRACE_FILE, fingerprint, load_trace_data

KEYS = (
    "id", "title", "type", "text", "rationale", "source", "intended_use", "safety_relevant", "risks", "requires",
    "acceptance", "status", "unverified", "tests", "fingerprint", "history",
)  # fmt: skip
MADE_HERE = ("status", "tests", "fingerprint", "history")


def add(root: Path, fragment: Path, *, by: str, date: str) -> tuple[list[str], list[str]]:
    """Add the requirements of a YAML list to the trace, or take over changes of those that are there already.

    Returns the ids added and the ids changed. What is new or changed is a draft, and its history says who wrote it.
    Raises    RecordError if the list or the resulting trace does not follow the schema
    """
    data = load_trace_data(root)
    known = {entry["id"]: entry for entry in data["requirements"]}
    drafts = load_yaml(fragment)
    if not isinstance(drafts, list) or not all(isinstance(draft, dict) and "id" in draft for draft in drafts):
        raise RecordError(f"{fragment.name}: must be a list of requirements, each with an id")
    added: list[str] = []
    changed: list[str] = []
    for draft in drafts:
        if made_here := [key for key in MADE_HERE if key in draft]:
            raise RecordError(f"{fragment.name}: {draft['id']}: {', '.join(made_here)} cannot be given here")
        old = known.get(draft["id"])
        if old is not None and all(old.get(key) == draft.get(key) for key in KEYS if key not in MADE_HERE):
            continue
        (added if old is None else changed).append(draft["id"])
        known[draft["id"]] = _drafted(draft, old, by=by, date=date)
    data["requirements"] = sorted(known.values(), key=lambda entry: str(entry["id"]))
    _write(root, data)
    return added, changed


def review(root: Path, identifier: str, *, by: str, date: str, reason: str) -> str:
    """Record that the present text, acceptance and needs of a requirement were looked at. Returns the new fingerprint.

    Raises    UsageError if there is no such requirement, or nothing was changed
    """
    data = load_trace_data(root)
    for entry in data["requirements"]:
        if entry["id"] == identifier:
            now = fingerprint(entry)
            if now == entry["fingerprint"]:
                raise UsageError(f"{identifier} has not been changed since its last review")
            entry["fingerprint"] = now
            entry["history"].append({"date": date, "by": by, "change": reason, "fingerprint": now})
            _write(root, data)
            return now
    raise UsageError(f"there is no requirement {identifier}")


def link(root: Path, collected: Collected) -> list[str]:
    """Write into the trace which tests carry which marker, and the digests of the test sources.

    Returns   one line for each test gained or lost by a requirement
    Raises    RecordError if a test names a requirement that is not there, or a file could not be collected
    """
    data = load_trace_data(root)
    known = {entry["id"]: entry for entry in data["requirements"] if entry["status"] != "withdrawn"}
    named = {identifier for ids in collected.functions.values() for identifier in ids}
    problems = [f"tests name {identifier}, which is not in the trace" for identifier in sorted(named - known.keys())]
    problems += [f"{path} could not be collected: {problem}" for path, problem in collected.problems.items()]
    if problems:
        raise RecordError("nothing was linked: " + "; ".join(problems))
    lines = []
    for identifier, entry in known.items():
        before = {test["node"] for test in entry["tests"]}
        after = {function for function, ids in collected.functions.items() if identifier in ids}
        entry["tests"] = [{"node": node} for node in sorted(after)]
        lines += [f"+ {identifier} {node}" for node in sorted(after - before)]
        lines += [f"- {identifier} {node}" for node in sorted(before - after)]
    data["test_files"] = source_digests(root)
    _write(root, data)
    return lines


def _drafted(draft: Mapping[str, Any], old: Mapping[str, Any] | None, *, by: str, date: str) -> dict[str, Any]:
    now = fingerprint(draft)
    change = "created" if old is None else "changed"
    history = [*(old["history"] if old else []), {"date": date, "by": by, "change": change, "fingerprint": now}]
    made = {"status": "draft", "tests": old["tests"] if old else [], "fingerprint": now, "history": history}
    full = {**draft, **made}
    unknown = {key: full[key] for key in full if key not in KEYS}
    return {**{key: full[key] for key in KEYS if key in full}, **unknown}


def _write(root: Path, data: Mapping[str, Any]) -> None:
    if found := schema_findings("R01", TRACE_FILE, data, "requirements_trace"):
        raise RecordError("nothing was written: " + "; ".join(str(finding) for finding in found[:10]))
    path = root / TRACE_FILE
    write_file(path, (_leading_comment(path) + dump_yaml(data)).encode())


def _leading_comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return "".join(lines[:end])
