"""From the plan and the raw outcomes to states and the verdict: the one place where a report's result is made.

A pure function of what was written down. `run` calls it once; `verify` calls it again and compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from validation.agreement import SETTINGS
from validation.classify import Judgement, classify
from validation.findings import Finding
from validation.states import State, verdict, worst

# Rules whose breach makes a report FAIL. Every other error, and the open reviews, keep it from saying PASS.
BLOCKING = frozenset({"R18", "R20", "S04", "S09", "S11", "S15", "S18", "V05"})
OPEN_REVIEWS = frozenset({"S07", "V04", "V06"})
_SEVERITY = list(State)


def evaluate(
    plan: Mapping[str, Any],
    plan_sha256: str,
    events: Sequence[Mapping[str, Any]],
    findings: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """States of all tests and requirements, what broke which rule, and the verdict.

    `findings` are those made before the run, about records, trace, bundle and environment.
    Requires  REQ-F-VAL-007
    """
    outcomes = {event["node"]: event for event in events if event["event"] == "outcome"}
    tests = {function: _test(function, plan, outcomes) for function in plan["request"]["required"]}
    requirements = [_requirement(entry, tests) for entry in plan["request"]["requirements"]]
    own = [*_integrity(plan, plan_sha256, events), *_settings(plan), *_markers(plan), *_broken(tests)]
    every = [*findings, *(finding.as_data() for finding in own)]
    blocking = sum(entry["rule"] in BLOCKING and entry["severity"] == "error" for entry in every)
    holding = sum(entry["severity"] == "error" or entry["rule"] in OPEN_REVIEWS for entry in every)
    states = [State(entry["state"]) for entry in requirements]
    return {
        "verdict": str(verdict(states, rule_errors=holding, blocking=blocking)),
        "counts": {str(state): states.count(state) for state in State},
        "test_counts": {str(state): sum(test["state"] == state for test in tests.values()) for state in State},
        "requirements": requirements,
        "tests": list(tests.values()),
        "findings": every,
        "executed": len(outcomes),
        "assertions": sum(event["assertions"] for event in outcomes.values()),
    }


def measurements(plan: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the required tests measured, with all samples; it differs from run to run and is no part of the core."""
    required = set(plan["request"]["required"])
    seen = [event for event in events if event["event"] == "outcome" and event["function"] in required]
    return [
        {"function": event["function"], **item}
        for event in seen
        for item in event["evidence"]
        if item["kind"] in ("measure", "paired")
    ]


def _test(function: str, plan: Mapping[str, Any], outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    nodes = [entry["node"] for entry in plan["collected"] if entry["function"] == function]
    judged = {node: classify(outcomes[node]) if node in outcomes else _missing() for node in nodes}
    if not nodes:
        judged = {function: _not_collected(function, plan)}
    first = max(judged.values(), key=lambda judgement: _SEVERITY.index(judgement.state))
    seen = [outcomes[node] for node in nodes if node in outcomes]
    return {
        "function": function,
        "state": str(first.state),
        "reason": first.reason,
        "rule": first.rule,
        "cases": len(nodes),
        "assertions": sum(event["assertions"] for event in seen),
        "not_passed": [
            _shown(node, judged[node], outcomes) for node in judged if judged[node].state is not State.PASSED
        ],
    }


def _missing() -> Judgement:
    return Judgement(State.NOT_RUN, "collected, but there is no outcome: the run broke off or left it out", "R19")


def _not_collected(function: str, plan: Mapping[str, Any]) -> Judgement:
    path = function.split("::", 1)[0]
    for bad in plan["not_collected"]:
        if path == bad["path"] or path.startswith(bad["path"].rstrip("/") + "/") or bad["path"] in ("", "."):
            text = bad["text"].strip().splitlines()[-1:] or [""]
            if bad["outcome"] == "failed":
                return Judgement(State.ERROR, f"its file could not be collected: {text[0]}", "R03")
            return Judgement(State.NOT_VERIFIED, f"its file left itself out: {text[0]}", "R06")
    return Judgement(State.NOT_RUN, "listed in the trace, but no such test was collected", "R03")


def _shown(node: str, judgement: Judgement, outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    text = outcomes[node]["failure"] if node in outcomes else ""
    return {"node": node, "state": str(judgement.state), "reason": judgement.reason, "failure": text}


def _requirement(entry: Mapping[str, Any], tests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    state, reason = _requirement_state(entry, tests)
    return {**entry, "state": str(state), "reason": reason}


def _requirement_state(entry: Mapping[str, Any], tests: Mapping[str, Mapping[str, Any]]) -> tuple[State, str]:
    exclusion = entry["exclusion"]
    if exclusion is not None:
        if exclusion["approved"]:
            return State.NOT_APPLICABLE, f"{exclusion['reason']} Approved by {exclusion['approved_by']}."
        return State.NOT_VERIFIED, f"said not to apply, which nobody has approved yet: {exclusion['reason']}"
    if entry["unverified"] is not None:
        return State.NOT_VERIFIED, entry["unverified"]
    if not entry["tests"]:
        return State.NOT_VERIFIED, "no test shows it"
    state = worst(State(tests[node]["state"]) for node in entry["tests"])
    reasons = sorted({tests[node]["reason"] for node in entry["tests"] if tests[node]["state"] == state})
    return state, "; ".join(reason for reason in reasons[:3] if reason)


def _integrity(plan: Mapping[str, Any], plan_sha256: str, events: Sequence[Mapping[str, Any]]) -> list[Finding]:
    starts = [event for event in events if event["event"] == "start"]
    ends = [event for event in events if event["event"] == "end"]
    if [event["plan_sha256"] for event in starts] != [plan_sha256]:
        return [Finding("R18", "plan", "the plan was not fixed before the first test, or was changed since")]
    if len(ends) != 1:
        return [Finding("R19", "test run", "broke off before its end")]
    if ends[0]["plan_sha256"] != plan_sha256 or ends[0]["trace_sha256"] != plan["trace_sha256"]:
        return [Finding("R18", "plan", "plan or trace were changed while the tests were running")]
    nodes = [event["node"] for event in events if event["event"] == "outcome"]
    if len(nodes) != len(set(nodes)):
        return [Finding("R20", "test run", "a test has more than one outcome")]
    return []


def _settings(plan: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding("R05", "pytest settings", f"{name} was {plan['settings'].get(name)!r}, must be {needed!r}")
        for name, needed in SETTINGS.items()
        if plan["settings"].get(name) != needed
    ]


def _markers(plan: Mapping[str, Any]) -> list[Finding]:
    carried = {entry["function"]: set(entry["requirements"]) for entry in plan["collected"]}
    return [
        Finding("R04", entry["id"], f"the test {node} does not carry its marker")
        for entry in plan["request"]["requirements"]
        for node in entry["tests"]
        if node in carried and entry["id"] not in carried[node]
    ]


def _broken(tests: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    return [Finding(test["rule"], function, test["reason"]) for function, test in tests.items() if test["rule"]]
