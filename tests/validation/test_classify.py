"""Every way in which a test can end has its state, and only one of them is PASSED."""

from __future__ import annotations

import pytest

from tests.validation.facts import outcome, phases
from validation.classify import classify
from validation.states import State

pytestmark = pytest.mark.requirement("REQ-F-VAL-006")

GPU_FOUND = {"capability": "gpu", "present": True, "detail": "one device"}
SKIPPED = phases("skipped", "", "passed")[:1] + phases("", "", "passed")[2:]


def test_all_three_phases_passed_at_the_first_attempt_with_an_assertion_is_passed():
    assert classify(outcome()).state is State.PASSED


@pytest.mark.parametrize(
    ("facts", "state", "rule", "reason"),
    [
        (outcome(assertions=0), State.NO_EVIDENCE, "R08", "without a single executed assertion"),
        (outcome(phases=phases("passed", "failed", "passed")), State.FAILED, "", "the test failed"),
        (outcome(phases=phases("failed", "", "passed")), State.ERROR, "", "setup or teardown failed"),
        (outcome(phases=phases("passed", "passed", "failed")), State.ERROR, "", "setup or teardown failed"),
        (outcome(phases=phases("passed", "failed", "failed")), State.FAILED, "", "the test failed"),
        (outcome(phases=phases("passed", "passed")), State.NOT_RUN, "R19", "did not run to its end"),
        (outcome(phases=phases("passed")), State.NOT_RUN, "R19", "did not run to its end"),
        (outcome(phases=[]), State.NOT_RUN, "R19", "did not run to its end"),
        (outcome(xfail="met: known"), State.FAILED, "R22", "expected failure"),
        (outcome(xfail="not met: known"), State.FAILED, "R22", "expected failure"),
        (
            outcome(phases=phases("passed", "failed", "passed") + phases("passed", "passed", "passed", attempt=2)),
            State.FAILED,
            "R20",
            "flaky: 2 attempts",
        ),
        (outcome(phases=phases("passed", "rerun", "passed")), State.FAILED, "R20", "flaky: 1 attempts"),
        (
            outcome(phases=SKIPPED, skip={"capability": "gpu", "present": False, "reason": "no driver"}),
            State.NOT_VERIFIED,
            "",
            "gpu: no driver",
        ),
        (
            outcome(phases=SKIPPED, skip={"capability": None, "reason": "not today"}),
            State.NOT_VERIFIED,
            "R06",
            "skipped without a capability: not today",
        ),
        (
            outcome(phases=SKIPPED, skip={"capability": None, "reason": "not today"}, needs=[GPU_FOUND]),
            State.FAILED,
            "R07",
            "skipped although the probe found gpu",
        ),
        (
            outcome(phases=SKIPPED, skip={"capability": "gpu", "present": True, "reason": "?"}),
            State.FAILED,
            "R07",
            "skipped although the probe found gpu",
        ),
        (
            outcome(phases=phases("passed", "skipped", "passed"), skip={"capability": None, "reason": "half way"}),
            State.NOT_VERIFIED,
            "R06",
            "half way",
        ),
    ],
)
def test_anything_else_has_its_own_state(facts, state, rule, reason):
    judgement = classify(facts)
    assert (judgement.state, judgement.rule) == (state, rule)
    assert reason in judgement.reason
