"""From plan and raw outcomes to states and verdict, where the records of a run contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from tests.validation.facts import outcome, phases
from tests.validation.test_pages import FUNCTION, plan
from validation.evaluate import evaluate

pytestmark = pytest.mark.requirement("REQ-F-VAL-007")

NODE = "tests/test_a.py::test_a[0]"
START = {"event": "start", "plan_sha256": "p"}
END = {"event": "end", "plan_sha256": "p", "trace_sha256": "t", "exit_status": 0}
COLLECTED = [{"node": NODE, "function": FUNCTION, "requirements": ["REQ-F-SER-001"]}]


def result(*events: dict[str, Any], findings: tuple[dict[str, Any], ...] = (), **changes: Any) -> dict[str, Any]:
    return evaluate(plan(**{"collected": COLLECTED, **changes}), "p", events, findings)


def rules(evaluation: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in evaluation["findings"]]


def test_a_whole_record_of_passed_tests_is_a_pass():
    assert result(START, outcome(node=NODE), END)["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("events", "verdict", "rule"),
    [
        ([outcome(node=NODE), END], "FAIL", "R18"),
        ([{**START, "plan_sha256": "other"}, outcome(node=NODE), END], "FAIL", "R18"),
        ([START, START, outcome(node=NODE), END], "FAIL", "R18"),
        ([START, outcome(node=NODE), {**END, "plan_sha256": "other"}], "FAIL", "R18"),
        ([START, outcome(node=NODE), {**END, "trace_sha256": "other"}], "FAIL", "R18"),
        ([START, outcome(node=NODE)], "INCOMPLETE", "R19"),
        ([START, END], "INCOMPLETE", "R19"),
        (
            [START, outcome(node=NODE, phases=phases("passed", "failed", "passed")), outcome(node=NODE), END],
            "FAIL",
            "R20",
        ),
        ([], "FAIL", "R18"),
    ],
)
def test_a_record_with_a_gap_is_never_a_pass(events, verdict, rule):
    evaluation = result(*events)
    assert evaluation["verdict"] == verdict
    assert rule in rules(evaluation)


@pytest.mark.parametrize(
    ("rule", "severity", "verdict"),
    [
        ("S04", "error", "FAIL"),
        ("S11", "error", "FAIL"),
        ("S15", "error", "FAIL"),
        ("S18", "error", "FAIL"),
        ("V05", "error", "FAIL"),
        ("R17", "error", "INCOMPLETE"),
        ("S02", "error", "INCOMPLETE"),
        ("S07", "warning", "INCOMPLETE"),
        ("V06", "warning", "INCOMPLETE"),
        ("V04", "warning", "INCOMPLETE"),
        ("R24", "warning", "PASS"),
    ],
)
def test_what_was_found_before_the_run_weighs_in(rule, severity, verdict):
    found = {"rule": rule, "where": "somewhere", "message": "something", "severity": severity}
    assert result(START, outcome(node=NODE), END, findings=(found,))["verdict"] == verdict


@pytest.mark.parametrize("name", ["xfail_strict", "empty_parameter_set_mark", "enable_assertion_pass_hook"])
def test_a_weaker_setting_of_pytest_takes_the_pass_away(name):
    evaluation = result(START, outcome(node=NODE), END, settings={**plan()["settings"], name: False})
    assert (evaluation["verdict"], rules(evaluation)) == ("INCOMPLETE", ["R05"])


def test_an_outcome_of_a_test_that_was_not_collected_counts_for_nothing():
    evaluation = result(START, outcome(node="tests/test_b.py::test_b"), END)
    assert (evaluation["verdict"], evaluation["tests"][0]["state"]) == ("INCOMPLETE", "NOT_RUN")
