#!/usr/bin/env python3
"""A second opinion on a validation report, by this one file and the standard library; no code of the tool is used.

    python verify_standalone.py REPORT_FOLDER [--trust trust.json] [--digest HEX]

Written from the description of the report's format (docs/validation.md), not from the tool: it reads the plan that was
fixed before the first test and the raw facts of each test, works out every state and the verdict anew, and compares.
Exit codes: 0 PASS, 1 FAIL, 2 INCOMPLETE, 3 the folder contradicts itself or its signatures, 4 wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import datetime
import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

MEMBERS = [
    "report.json",
    "report.html",
    "junit.xml",
    "sbom.cdx.json",
    "vex.openvex.json",
    "plan.json",
    "outcomes.jsonl",
]
MEMBERS += ["pytest.txt"]
RANKED = ["PASSED", "NOT_APPLICABLE", "NOT_VERIFIED", "INCONCLUSIVE", "NO_EVIDENCE", "NOT_RUN", "ERROR", "FAILED"]
FATAL_RULES = {"R18", "R20", "S04", "S09", "S11", "S15", "S18", "V05"}
WAITING_RULES = {"S07", "V04", "V06"}
NEEDED_SETTINGS = {
    "xfail_strict": True,
    "empty_parameter_set_mark": "fail_at_collect",
    "enable_assertion_pass_hook": True,
}
MEANINGS = {
    "executor": "ran these tests and wrote this report",
    "author": "wrote the requirements and tests that this report rests on",
    "reviewer": "reviewed this report and what it rests on",
    "approver": "approves this report for its stated use",
}
DSSE_TYPE = "application/vnd.in-toto+json"
TOLERANCE = datetime.timedelta(minutes=5)


class RefusedError(Exception):
    """The evidence is not what it claims to be; the code says in which way."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code} {text}")


# ---- files -----------------------------------------------------------------------------------------------------------


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest_of(data: object) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_files(folder: Path, wanted: str | None) -> None:
    listing = folder / "digests.json"
    if not listing.is_file():
        raise RefusedError("I01", "there is no digests.json")
    if wanted is not None and sha256_of(listing) != wanted:
        raise RefusedError("I03", "digests.json is another one")
    recorded = json.loads(listing.read_bytes())
    if sorted(recorded) != sorted(MEMBERS):
        raise RefusedError("I01", "digests.json names other files than a report has")
    allowed = {*MEMBERS, "digests.json", *(f"signatures/{role}.dsse.json" for role in MEANINGS)}
    # The parts of a merged report are checked one by one (check_shards).
    there = {entry.relative_to(folder).as_posix() for entry in folder.rglob("*") if not entry.is_dir()}
    wrong = sorted(name for name in there - allowed if not name.startswith("shards/"))
    wrong += [name for name in MEMBERS if name not in there]
    wrong += [name for name in MEMBERS if name in there and sha256_of(folder / name) != recorded[name]]
    if wrong:
        raise RefusedError("I02", "missing, added or changed: " + ", ".join(wrong))


# ---- states ----------------------------------------------------------------------------------------------------------


def case_state(facts: dict[str, Any]) -> tuple[str, str | None]:
    """State of one executed test case, and the rule that it breaks."""
    seen = {}
    for phase in facts["phases"]:
        seen[phase["attempt"], phase["when"]] = phase["outcome"]
    if any(attempt > 1 for attempt, _ in seen) or "rerun" in seen.values():
        return "FAILED", "R20"
    if facts["xfail"] is not None:
        return "FAILED", "R22"
    if seen.get((1, "call")) == "failed":
        return "FAILED", None
    if "failed" in seen.values():
        return "ERROR", None
    judged = {paired_state(item) for item in facts["evidence"] if item["kind"] == "paired"}
    if "FAILED" in judged:
        return "FAILED", "R10"
    if "INCONCLUSIVE" in judged:
        return "INCONCLUSIVE", None
    if "skipped" in seen.values():
        return skipped_state(facts)
    if not all(seen.get((1, when)) == "passed" for when in ("setup", "call", "teardown")):
        return "NOT_RUN", "R19"
    if facts["assertions"] < 1:
        return "NO_EVIDENCE", "R08"
    return "PASSED", None


def skipped_state(facts: dict[str, Any]) -> tuple[str, str | None]:
    skip = facts["skip"] or {}
    if skip.get("capability") is not None:
        return ("FAILED", "R07") if skip.get("present") else ("NOT_VERIFIED", None)
    if any(need["present"] for need in facts["needs"]):
        return "FAILED", "R07"
    return "NOT_VERIFIED", "R06"


def paired_state(item: dict[str, Any]) -> str:
    """What pairs of samples show, by the order statistics that bound the median of their ratios."""
    ratios = sorted(pair[0] / pair[1] for pair in item["pairs"])
    size = len(ratios)
    if sum(share > item["max_wall_over_cpu"] for share in item["wall_over_cpu"]) > size * 0.1:
        return "INCONCLUSIVE"
    half = (1 - item["confidence"]) / 2
    below = [sum(math.comb(size, k) for k in range(rank)) / 2**size for rank in range(1, size // 2 + 1)]
    rank = sum(share <= half for share in below)
    low, high = (ratios[rank - 1], ratios[size - rank]) if rank else (-math.inf, math.inf)
    limit = item["threshold"]
    if item["operator"] in ("<", "<=", "=="):
        return "PASSED" if high <= limit else "FAILED" if low > limit else "INCONCLUSIVE"
    return "PASSED" if low >= limit else "FAILED" if high < limit else "INCONCLUSIVE"


def function_state(function: str, plan: dict[str, Any], outcomes: dict[str, Any]) -> tuple[str, str | None]:
    """State of a test function: that of its worst case, the first such in the order of collection."""
    cases = [item["node"] for item in plan["collected"] if item["function"] == function]
    if not cases:
        return uncollected_state(function, plan)
    states = [case_state(outcomes[case]) if case in outcomes else ("NOT_RUN", "R19") for case in cases]
    return max(states, key=lambda state: RANKED.index(state[0]))


def uncollected_state(function: str, plan: dict[str, Any]) -> tuple[str, str | None]:
    file = function.partition("::")[0]
    for problem in plan["not_collected"]:
        place = problem["path"].rstrip("/")
        if place in ("", ".", file) or file.startswith(place + "/"):
            return ("ERROR", "R03") if problem["outcome"] == "failed" else ("NOT_VERIFIED", "R06")
    return "NOT_RUN", "R03"


def requirement_state(entry: dict[str, Any], functions: dict[str, tuple[str, str | None]]) -> str:
    if entry["exclusion"] is not None:
        return "NOT_APPLICABLE" if entry["exclusion"]["approved"] else "NOT_VERIFIED"
    if entry["unverified"] is not None or not entry["tests"]:
        return "NOT_VERIFIED"
    return max((functions[test][0] for test in entry["tests"]), key=RANKED.index)


# ---- verdict ---------------------------------------------------------------------------------------------------------


def rules_of_the_run(plan: dict[str, Any], plan_sha256: str, events: list[dict[str, Any]]) -> list[str]:
    """Rules about the run as a whole that are broken."""
    starts = [event["plan_sha256"] for event in events if event["event"] == "start"]
    ends = [event for event in events if event["event"] == "end"]
    nodes = [event["node"] for event in events if event["event"] == "outcome"]
    if starts != [plan_sha256]:
        broken = ["R18"]
    elif len(ends) != 1:
        broken = ["R19"]
    elif (ends[0]["plan_sha256"], ends[0]["trace_sha256"]) != (plan_sha256, plan["trace_sha256"]):
        broken = ["R18"]
    elif len(nodes) > len(set(nodes)):
        broken = ["R20"]
    else:
        broken = []
    broken += ["R05" for name, value in NEEDED_SETTINGS.items() if plan["settings"].get(name) != value]
    carried: dict[str, set[str]] = {}
    for item in plan["collected"]:
        carried[item["function"]] = set(item["requirements"])
    for entry in plan["request"]["requirements"]:
        broken += ["R04" for test in entry["tests"] if test in carried and entry["id"] not in carried[test]]
    return broken


def work_out(
    plan: dict[str, Any], plan_sha256: str, events: list[dict[str, Any]], findings: list[dict[str, Any]]
) -> tuple[str, dict[str, str]]:
    """The verdict, and the state of each requirement."""
    outcomes = {event["node"]: event for event in events if event["event"] == "outcome"}
    functions = {name: function_state(name, plan, outcomes) for name in plan["request"]["required"]}
    states = {entry["id"]: requirement_state(entry, functions) for entry in plan["request"]["requirements"]}
    errors = [finding["rule"] for finding in findings if finding["severity"] == "error"]
    errors += rules_of_the_run(plan, plan_sha256, events)
    errors += [rule for _, rule in functions.values() if rule]
    waiting = [finding["rule"] for finding in findings if finding["rule"] in WAITING_RULES]
    if set(errors) & FATAL_RULES or {"FAILED", "ERROR"} & set(states.values()):
        return "FAIL", states
    clean = not errors and not waiting and set(states.values()) <= {"PASSED", "NOT_APPLICABLE"}
    return ("PASS" if clean and "PASSED" in states.values() else "INCOMPLETE"), states


def check_requirements(plan: dict[str, Any], findings: list[dict[str, Any]]) -> None:
    admitted = {finding["where"] for finding in findings if finding["rule"] in ("R11", "R17")}
    for entry in plan["request"]["requirements"]:
        reviewed = {
            "text": entry["text"],
            "acceptance": entry["acceptance"],
            "requires": {"capabilities": entry["capabilities"]},
        }
        known = {entry["fingerprint"], entry["history"][-1]["fingerprint"]}
        if entry["id"] not in admitted and known != {"sha256:" + digest_of(reviewed)}:
            raise RefusedError("I08", f"{entry['id']} was changed without a review")


def check_result(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    plan_bytes = (folder / "plan.json").read_bytes()
    plan, plan_sha256 = json.loads(plan_bytes), hashlib.sha256(plan_bytes).hexdigest()
    events = [json.loads(line) for line in (folder / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()]
    core = report["core"]
    if digest_of(core) != report["core_sha256"]:
        raise RefusedError("I04", "core_sha256 is wrong")
    request = plan["request"]
    content = (core["content"] or {}).get("sha256")
    if any(core[key] != request[key] for key in ("change_envelope", "test_files")):
        raise RefusedError("I05", "report and plan name different tests or envelopes")
    if content != request["content_sha256"]:
        raise RefusedError("I05", "report and plan name different images")
    same = (core["plan_sha256"], core["trace_sha256"], core["tool"], core["bundle"]["sha256"], core["signoff_roles"])
    if same != (plan_sha256, plan["trace_sha256"], request["tool"], request["bundle_sha256"], request["signoff_roles"]):
        raise RefusedError("I05", "report and plan do not belong together")
    check_requirements(plan, core["given_findings"])
    verdict, states = work_out(plan, plan_sha256, events, core["given_findings"])
    said = core["evaluation"]
    if said["verdict"] != verdict:
        raise RefusedError("I06", f"the report says {said['verdict']}, its raw outcomes give {verdict}")
    told = {entry["id"]: entry["state"] for entry in said["requirements"]}
    if told != states or len(said["requirements"]) != len(states):
        raise RefusedError("I06", "states of requirements do not follow from the raw outcomes")
    return report


def check_shards(folder: Path, report: dict[str, Any]) -> None:
    """Each part of a merged report holds by itself, and every outcome of the whole is one of theirs, the right one."""
    named = report["core"]["shards"]
    parts = [folder / "shards" / str(number) for number in range(len(named))]
    there = sorted(entry.name for entry in (folder / "shards").iterdir()) if (folder / "shards").exists() else []
    if there != sorted(part.name for part in parts):
        raise RefusedError("I02", "shards/ holds other parts than the report names")
    seen: list[dict[str, dict[str, Any]]] = []
    for part, name in zip(parts, named, strict=True):
        check_files(part, name["digests_sha256"])
        core = check_result(part)["core"]
        absent = {found["capability"] for found in core["capabilities"] if not found["present"]}
        for entry in core["evaluation"]["requirements"]:
            if entry["state"] == "PASSED" and absent & {"gpu", "multi_gpu"} & set(entry["capabilities"]):
                raise RefusedError("I23", f"{entry['id']} passed on a machine without the device")
        lines = (part / "outcomes.jsonl").read_text(encoding="utf-8").splitlines()
        seen.append({event["node"]: event for event in map(json.loads, lines) if event["event"] == "outcome"})
        plan, whole = (json.loads((place / "plan.json").read_bytes()) for place in (part, folder))
        if any(plan[key] != whole[key] for key in ("request", "collected")):
            raise RefusedError("I22", f"part {part.name} followed another plan")
    lines = (folder / "outcomes.jsonl").read_text(encoding="utf-8").splitlines() if parts else []
    merged = [event for event in map(json.loads, lines) if event["event"] == "outcome"]
    if parts and {event["node"] for event in merged} != {node for part in seen for node in part}:
        raise RefusedError("I22", "outcomes of the parts are missing from the whole")
    for event in merged:
        number = event.pop("shard")
        if seen[number].get(event["node"]) != event:
            raise RefusedError("I22", f"{event['node']}: no part has this outcome")
        states = {case_state(part[event["node"]])[0] for part in seen if event["node"] in part}
        ran = states - {"NOT_VERIFIED", "NOT_RUN"}
        if len(ran) > 1 or (ran and case_state(event)[0] not in ran):
            raise RefusedError("I22", f"{event['node']}: the parts contradict each other")


# ---- signatures: Ed25519 as in RFC 8032, verification only -----------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def decode_point(data: bytes) -> tuple[int, int, int, int]:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P == P - u and u:
        x = x * ROOT % P
    if y >= P or v * x * x % P != u or (x == 0 and sign):
        raise ValueError("not a point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def add_points(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    e, f = (a[1] - a[0]) * (b[1] - b[0]), (a[1] + a[0]) * (b[1] + b[0])
    g, h = 2 * a[3] * b[3] * D, 2 * a[2] * b[2]
    i, j, k, m = f - e, h - g, h + g, f + e
    return i * j % P, k * m % P, j * k % P, i * m % P


def multiply(scalar: int, point: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add_points(total, point)
        point, scalar = add_points(point, point), scalar >> 1
    return total


BASE_Y = 4 * pow(5, -1, P) % P
BASE = decode_point(BASE_Y.to_bytes(32, "little"))


def is_signed(public: bytes, signature: bytes, text: bytes) -> bool:
    """Whether the 64-byte signature over the text was made by the owner of the 32-byte public key."""
    scalar = int.from_bytes(signature[32:], "little")
    if len(public) != 32 or len(signature) != 64 or scalar >= ORDER:
        return False
    try:
        owner, commitment = decode_point(public), decode_point(signature[:32])
    except ValueError:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % ORDER
    left, right = multiply(scalar, BASE), add_points(commitment, multiply(challenge, owner))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def moment_of(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise RefusedError("I15", f"{text} has no time zone")
    return moment


def check_signature(
    folder: Path, role: str, report: dict[str, Any], keys: dict[str, dict[str, Any]]
) -> tuple[str, str]:
    """Check one role's signature; returns whose it is and with which key."""
    name = f"signatures/{role}.dsse.json"
    if not (folder / name).is_file():
        raise RefusedError("I10", f"{name} is missing")
    try:
        envelope = json.loads((folder / name).read_bytes())
        payload = base64.b64decode(envelope["payload"], validate=True)
        (entry,) = envelope["signatures"]
        signature, key_id, kind = base64.b64decode(entry["sig"], validate=True), entry["keyid"], envelope["payloadType"]
        said = json.loads(payload)
        signoff = said["predicate"]["signoff"]
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError("I11", f"{name} cannot be read: {error!r}") from error
    key = keys.get(key_id)
    if key is None or role not in key["roles"] or signoff.get("name") != key["name"]:
        raise RefusedError("I13", f"{name}: its key is not trusted for this role and name")
    public = base64.b64decode(key["public_key"], validate=True)
    authenticated = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    if (
        kind != DSSE_TYPE
        or hashlib.sha256(public).hexdigest() != key_id
        or not is_signed(public, signature, authenticated)
    ):
        raise RefusedError("I12", f"{name}: the signature is wrong")
    if said != expected_statement(folder, report, signoff, role):
        raise RefusedError("I14", f"{name} was made for another report or role")
    made, signed = moment_of(report["volatile"]["made_at"]), moment_of(signoff["signed_at"])
    now = datetime.datetime.now(datetime.UTC)
    if signed < made - TOLERANCE or max(signed, made) > now + TOLERANCE:
        raise RefusedError("I15", f"{name}: the times contradict each other")
    if key["not_after"] is not None and signed > moment_of(key["not_after"]):
        raise RefusedError("I13", f"{name}: its key had ended")
    return key["name"], key_id


def expected_statement(folder: Path, report: dict[str, Any], signoff: dict[str, Any], role: str) -> dict[str, Any]:
    core = report["core"]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "digests.json", "digest": {"sha256": sha256_of(folder / "digests.json")}},
            {"name": "bundle.json", "digest": {"sha256": core["bundle"]["sha256"]}},
        ],
        "predicateType": "urn:medtorch:validation-report:1",
        "predicate": {
            "service": core["service"]["name"],
            "verdict": core["evaluation"]["verdict"],
            "made_at": report["volatile"]["made_at"],
            "core_sha256": report["core_sha256"],
            "tool": core["tool"],
            "content_sha256": (core["content"] or {}).get("sha256"),
            "required_roles": core["signoff_roles"],
            "signoff": {
                "role": role,
                "name": signoff["name"],
                "meaning": MEANINGS[role],
                "signed_at": signoff["signed_at"],
            },
        },
    }


def check_signatures(folder: Path, report: dict[str, Any], trust: dict[str, Any]) -> list[str]:
    roles = report["core"]["signoff_roles"]
    if not roles:
        raise RefusedError("I10", "nobody was asked to sign")
    keys = {key["key_id"]: key for key in trust["keys"]}
    signers = [check_signature(folder, role, report, keys) for role in roles]
    if len({name for name, _ in signers}) < len(roles) or len({key for _, key in signers}) < len(roles):
        raise RefusedError("I16", "one person or key signed in two roles")
    since = trust["superseded"].get(report["core"]["service"]["name"])
    if since is not None and moment_of(report["volatile"]["made_at"]) < moment_of(since):
        raise RefusedError("I17", f"reports of this service made before {since} are superseded")
    return [f"{role}: {name}" for role, (name, _) in zip(roles, signers, strict=True)]


# ---- the command -----------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--trust", type=Path, help="keys that count; without it signatures are not checked")
    parser.add_argument("--digest", help="sha256 that digests.json must have")
    try:
        options = parser.parse_args()
    except SystemExit as stop:
        return 0 if stop.code == 0 else 4
    try:
        check_files(options.report, options.digest)
        report = check_result(options.report)
        check_shards(options.report, report)
        signers = None
        if options.trust is not None:
            signers = check_signatures(options.report, report, json.loads(options.trust.read_bytes()))
    except RefusedError as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return 3
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        print(f"refused: I01 the report cannot be understood: {error!r}", file=sys.stderr)
        return 3
    verdict = report["core"]["evaluation"]["verdict"]
    print(f"{verdict}: {report['core']['service']['name']}, {report['volatile']['made_at']}; worked out again, equal")
    print("signatures not checked (--trust)" if signers is None else "signed by " + "; ".join(signers))
    return {"PASS": 0, "FAIL": 1, "INCOMPLETE": 2}[verdict]


if __name__ == "__main__":
    sys.exit(main())
