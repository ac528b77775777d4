"""`verify`: is this folder the report that was written, and does its verdict follow from its raw outcomes?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from validation.canonical import canonical_json, digest, file_sha256
from validation.errors import IntegrityError
from validation.evaluate import evaluate, measurements
from validation.merge import SHARDS, check_devices, merged_run
from validation.recorder import OUTCOMES_FILE, PLAN_FILE
from validation.report import DIGESTS_FILE, FILES, REPORT_FILE, VIEWS, read_run
from validation.request import tool
from validation.signing.sign import signature_names
from validation.trace import fingerprint


def verify(folder: Path, expected_digest: str | None = None) -> dict[str, Any]:
    """The report of the folder, after every check but that of its signatures (validation/signing).

    Raises    IntegrityError naming each file that is missing, added or changed, or saying what does not follow
    Requires  REQ-S-VAL-001
    """
    _files(folder, expected_digest)
    try:
        report = json.loads((folder / REPORT_FILE).read_bytes())
        _consistent(folder, report)
    except (ValueError, KeyError, TypeError, OSError, AttributeError) as error:
        raise IntegrityError("I01", f"{REPORT_FILE}, plan or outcomes cannot be understood: {error!r}") from error
    return dict(report)


def _files(folder: Path, expected_digest: str | None) -> None:
    if not (folder / DIGESTS_FILE).is_file():
        raise IntegrityError("I01", f"{folder} holds no {DIGESTS_FILE}: it is no validation report")
    if expected_digest is not None and file_sha256(folder / DIGESTS_FILE) != expected_digest:
        raise IntegrityError("I03", f"{DIGESTS_FILE} is not the one with the digest {expected_digest}")
    try:
        recorded = json.loads((folder / DIGESTS_FILE).read_bytes())
    except ValueError as error:
        raise IntegrityError("I01", f"{DIGESTS_FILE} is no JSON: {error}") from error
    if not isinstance(recorded, dict) or set(recorded) != set(FILES):
        raise IntegrityError("I01", f"{DIGESTS_FILE} must name exactly {', '.join(FILES)}")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    problems = [f"{name} is missing" for name in sorted(set(FILES) - present)]
    allowed = {*FILES, DIGESTS_FILE, *signature_names()}
    problems += [f"{name} was added" for name in sorted(present - allowed) if not name.startswith(f"{SHARDS}/")]
    intact = sorted(present & set(FILES))
    problems += [f"{name} was changed" for name in intact if file_sha256(folder / name) != recorded[name]]
    if problems:
        raise IntegrityError("I02", "; ".join(problems))


def _consistent(folder: Path, report: dict[str, Any]) -> None:
    core = report["core"]
    if report["core_sha256"] != digest(core):
        raise IntegrityError("I04", f"{REPORT_FILE}: core_sha256 is not the digest of its core")
    plan, plan_sha256, events = read_run(folder)
    if core["plan_sha256"] != plan_sha256 or core["trace_sha256"] != plan["trace_sha256"]:
        raise IntegrityError("I05", f"{REPORT_FILE} belongs to another plan")
    if (core["content"] or {}).get("sha256") != plan["request"]["content_sha256"]:
        raise IntegrityError("I05", f"{REPORT_FILE} names another content of the image than its plan")
    for key in ("signoff_roles", "change_envelope", "test_files"):
        if core[key] != plan["request"][key]:
            raise IntegrityError("I05", f"{REPORT_FILE} has another {key} than its plan")
    if core["tool"] != plan["request"]["tool"] or core["bundle"]["sha256"] != plan["request"]["bundle_sha256"]:
        raise IntegrityError("I05", f"{REPORT_FILE} names another tool or bundle than its plan")
    again = evaluate(plan, plan_sha256, events, core["given_findings"])
    if again != core["evaluation"]:
        differing = ", ".join(key for key in again if again[key] != core["evaluation"].get(key)) or "entries added"
        raise IntegrityError("I06", f"{REPORT_FILE}: its result does not follow from the raw outcomes ({differing})")
    if measurements(plan, events) != report["volatile"]["measurements"]:
        raise IntegrityError("I06", f"{REPORT_FILE}: its measurements are not those of the raw outcomes")
    _reviewed(plan, core["given_findings"])
    _shards(folder, core)
    if core["tool"] == tool():
        _rendered(folder, report)


def _shards(folder: Path, core: dict[str, Any]) -> None:
    """The parts of a merged report are those it names, whole, and the whole follows from them."""
    parts = [folder / SHARDS / f"{number}" for number in range(len(core["shards"]))]
    present = sorted(path.name for path in (folder / SHARDS).iterdir()) if (folder / SHARDS).exists() else []
    if present != sorted(part.name for part in parts):
        raise IntegrityError("I02", f"{SHARDS} must hold {len(parts)} parts, it holds {', '.join(present) or 'none'}")
    if not parts:
        return
    for number, (part, named) in enumerate(zip(parts, core["shards"], strict=True)):
        report = verify(part, named["digests_sha256"])
        check_devices(report["core"], number)
        if named["core_sha256"] != report["core_sha256"]:
            raise IntegrityError("I22", f"part {number} is not the one that was merged")
    plan, events = merged_run(parts)
    written = b"".join(canonical_json(event) for event in events)
    if (folder / PLAN_FILE).read_bytes() != plan or (folder / OUTCOMES_FILE).read_bytes() != written:
        raise IntegrityError("I22", "the merged outcomes do not follow from those of the parts")


def _reviewed(plan: dict[str, Any], findings: list[dict[str, Any]]) -> None:
    """Each requirement is the one its history says was looked at, unless the report itself says that it is not."""
    admitted = {entry["where"] for entry in findings if entry["rule"] in ("R11", "R17")}
    for entry in plan["request"]["requirements"]:
        if entry["id"] in admitted:
            continue
        now = fingerprint({**entry, "requires": {"capabilities": entry["capabilities"]}})
        if now != entry["fingerprint"] or now != entry["history"][-1]["fingerprint"]:
            raise IntegrityError("I08", f"{entry['id']} was changed without a review")


def _rendered(folder: Path, report: dict[str, Any]) -> None:
    """Only the very tool that wrote the report can be expected to write it again byte for byte."""
    for name, render in VIEWS.items():
        if (folder / name).read_bytes() != render(report):
            raise IntegrityError("I07", f"{name} does not show what {REPORT_FILE} says")
