"""The verdict is the worst of what was found; not verified is never passed."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from validation.errors import EXIT_CODES
from validation.states import State, Verdict, verdict, worst

pytestmark = pytest.mark.requirement("REQ-F-VAL-007")


def test_the_order_from_best_to_worst_is_fixed():
    order = ["PASSED", "NOT_APPLICABLE", "NOT_VERIFIED", "INCONCLUSIVE", "NO_EVIDENCE", "NOT_RUN", "ERROR", "FAILED"]
    assert [str(state) for state in State] == order


def test_the_worst_of_nothing_is_not_verified():
    assert worst([]) is State.NOT_VERIFIED


def test_one_failure_outweighs_everything():
    assert worst([State.PASSED, State.FAILED, State.NOT_RUN]) is State.FAILED


def test_pass_needs_something_passed_nothing_open_and_no_broken_rule():
    good = {State.PASSED, State.NOT_APPLICABLE}
    for size in (1, 2, 3):
        for states in combinations_with_replacement(State, size):
            found = verdict(states, rule_errors=0, blocking=0)
            assert (found is Verdict.PASS) == (set(states) <= good and State.PASSED in states)
            assert (found is Verdict.FAIL) == bool(set(states) & {State.FAILED, State.ERROR})


def test_nothing_at_all_is_incomplete():
    assert verdict([], rule_errors=0, blocking=0) is Verdict.INCOMPLETE


def test_a_broken_rule_takes_the_pass_away_and_a_protecting_one_fails():
    assert verdict([State.PASSED], rule_errors=1, blocking=0) is Verdict.INCOMPLETE
    assert verdict([State.PASSED], rule_errors=1, blocking=1) is Verdict.FAIL


def test_the_exit_codes_are_those_of_the_design():
    assert EXIT_CODES == {"PASS": 0, "FAIL": 1, "INCOMPLETE": 2}
