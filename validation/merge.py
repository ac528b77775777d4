"""`merge`: one report of several runs of the same plan on machines that can do different things.

A GPU is absent where images are built, so a service that claims one is validated twice: at the build, and on a machine
with a GPU, in the same image. Each run keeps its own complete report in the folder `shards/NAME` of the merged one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from validation.atomic import new_directory, write_file
from validation.canonical import canonical_json, digest, file_sha256, readable_json, sha256
from validation.classify import classify
from validation.errors import IntegrityError, UsageError
from validation.evaluate import evaluate, measurements
from validation.limitations import limitations
from validation.recorder import OUTCOMES_FILE, PLAN_FILE
from validation.report import DIGESTS_FILE, FILES, OUTPUT_FILE, REPORT_FILE, VIEWS, read_run
from validation.states import State

SHARDS = "shards"
# What must be one and the same in all parts. The environment is what may differ: that is why there are parts.
SAME = ("tool", "service", "bundle", "content", "trace_sha256", "signoff_roles")
DEVICES = {"gpu": 1, "multi_gpu": 2}
NEVER_RUN = (State.NOT_VERIFIED, State.NOT_RUN)


def merge(folders: Sequence[Path], reports: Sequence[Mapping[str, Any]], out: Path) -> dict[str, Any]:
    """Write the merged report of runs that were verified one by one. Returns it.

    Raises    UsageError for fewer than two runs, or runs of different things; IntegrityError if they contradict each
              other, one broke off, or one claims results of a device that its machine did not have
    Requires  REQ-F-VAL-019
    """
    _comparable(reports)
    with new_directory(out, marker=DIGESTS_FILE) as made:
        for number, folder in enumerate(folders):
            shutil.copytree(folder, made / SHARDS / f"{number}")
        plan, events = merged_run([made / SHARDS / f"{number}" for number in range(len(folders))])
        write_file(made / PLAN_FILE, plan)
        write_file(made / OUTCOMES_FILE, b"".join(canonical_json(event) for event in events))
        write_file(made / OUTPUT_FILE, b"merged: each part's own output lies in shards/\n")
        data = readable_json(_report(made, reports, [file_sha256(folder / DIGESTS_FILE) for folder in folders]))
        write_file(made / REPORT_FILE, data)
        report: dict[str, Any] = json.loads(data)
        for name, render in VIEWS.items():
            write_file(made / name, render(report))
        write_file(made / DIGESTS_FILE, readable_json({name: file_sha256(made / name) for name in FILES}))
    return report


def merged_run(folders: Sequence[Path]) -> tuple[bytes, list[dict[str, Any]]]:
    """Plan and events of the whole from those of its parts: a pure function of them, which `verify` calls again."""
    runs = [read_run(folder) for folder in folders]
    plan = (folders[0] / PLAN_FILE).read_bytes()
    for other, (parsed, _, _) in zip(folders[1:], runs[1:], strict=True):
        if parsed["request"] != runs[0][0]["request"] or parsed["collected"] != runs[0][0]["collected"]:
            raise IntegrityError("I22", f"{other.name} followed another plan")
    outcomes = [{event["node"]: event for event in events if event["event"] == "outcome"} for _, _, events in runs]
    chosen = [_chosen(entry["node"], outcomes) for entry in runs[0][0]["collected"]]
    plan_sha256, trace_sha256 = sha256(plan), runs[0][0]["trace_sha256"]
    start = {"event": "start", "plan_sha256": plan_sha256}
    end = {"event": "end", "exit_status": 0, "plan_sha256": plan_sha256, "trace_sha256": trace_sha256}
    return plan, [start, *(event for event in chosen if event is not None), end]


def _chosen(node: str, outcomes: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
    """The outcome that counts: that of the part which could run the test; parts that could must agree."""
    found = [(number, part[node], classify(part[node]).state) for number, part in enumerate(outcomes) if node in part]
    ran = [entry for entry in found if entry[2] not in NEVER_RUN]
    states = {state for _, _, state in ran}
    if len(states) > 1:
        told = ", ".join(f"{state} in part {number}" for number, _, state in ran)
        raise IntegrityError("I22", f"{node} is {told}")
    if not found:
        return None
    number, event, _ = (ran or found)[0]
    return {**event, "shard": number}


def _comparable(reports: Sequence[Mapping[str, Any]]) -> None:
    if len(reports) < 2:
        raise UsageError("merge takes two or more reports")
    cores = [report["core"] for report in reports]
    for name in SAME:
        if any(core[name] != cores[0][name] for core in cores):
            raise UsageError(f"these runs are not about the same: they differ in {name.replace('_', ' ')}")
    for number, core in enumerate(cores):
        broken = {entry["rule"] for entry in core["evaluation"]["findings"]} & {"R18", "R19", "R20"}
        if broken:
            rules = ", ".join(sorted(broken))
            raise IntegrityError("I22", f"part {number} did not run to its end as planned ({rules})")
        check_devices(core, number)


def check_devices(core: Mapping[str, Any], number: int) -> None:
    """A part may hold results that need a device only if its probes found the device, and say which one.

    Raises    IntegrityError
    """
    absent = {found["capability"] for found in core["capabilities"] if not found["present"]}
    for entry in core["evaluation"]["requirements"]:
        missing = sorted(absent & set(entry["capabilities"]) & set(DEVICES))
        if entry["state"] == "PASSED" and missing:
            raise IntegrityError("I23", f"part {number} passed {entry['id']} on a machine without {', '.join(missing)}")


def _report(made: Path, reports: Sequence[Mapping[str, Any]], digests: Sequence[str]) -> dict[str, Any]:
    plan, plan_sha256, events = read_run(made)
    first = reports[0]["core"]
    given = _union([report["core"]["given_findings"] for report in reports])
    core = {
        **{key: value for key, value in first.items() if key not in ("environment", "capabilities", "limitations")},
        "plan_sha256": plan_sha256,
        "given_findings": given,
        "evaluation": evaluate(plan, plan_sha256, events, given),
        "environment": first["environment"],
        "capabilities": _capabilities([report["core"]["capabilities"] for report in reports]),
        "shards": [
            {
                "digests_sha256": sha,
                "core_sha256": report["core_sha256"],
                "verdict": report["core"]["evaluation"]["verdict"],
                "cpu": report["core"]["environment"]["cpu"]["model"],
                "found": [found for found in report["core"]["capabilities"] if found["present"]],
            }
            for sha, report in zip(digests, reports, strict=True)
        ],
    }
    core["limitations"] = limitations(core)
    volatile = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "duration_s": sum(report["volatile"]["duration_s"] for report in reports),
        "measurements": measurements(plan, events),
    }
    return {"schema": "medtorch.report/1", "core": core, "core_sha256": digest(core), "volatile": volatile}


def _union(lists: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Every finding of every part, once."""
    texts = [json.dumps(entry, sort_keys=True) for one in lists for entry in one]
    return [json.loads(text) for text in dict.fromkeys(texts)]


def _capabilities(lists: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What any of the machines could do."""
    best: dict[str, dict[str, Any]] = {}
    for found in (entry for one in lists for entry in one):
        known = best.get(found["capability"])
        if known is None or (found["present"] and not known["present"]):
            best[found["capability"]] = dict(found)
    return [best[name] for name in sorted(best)]
