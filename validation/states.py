"""The states of a test and of a requirement, from best to worst, and the verdict they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """What is known about a test or a requirement. Not verified is never passed."""

    PASSED = "PASSED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_VERIFIED = "NOT_VERIFIED"
    INCONCLUSIVE = "INCONCLUSIVE"
    NO_EVIDENCE = "NO_EVIDENCE"
    NOT_RUN = "NOT_RUN"
    ERROR = "ERROR"
    FAILED = "FAILED"


class Verdict(StrEnum):
    """What a report says in one word."""

    PASS = "PASS"  # noqa: S105  a verdict, not a password
    FAIL = "FAIL"
    INCOMPLETE = "INCOMPLETE"


_ORDER = list(State)
_FAILING = frozenset({State.FAILED, State.ERROR})


def worst(states: Iterable[State]) -> State:
    """The worst of the states; of none at all NOT_VERIFIED, because nothing was shown."""
    return max(states, key=_ORDER.index, default=State.NOT_VERIFIED)


def verdict(states: Iterable[State], *, rule_errors: int, blocking: int) -> Verdict:
    """FAIL if anything failed or a blocking rule is broken; PASS only if every state is PASSED or NOT_APPLICABLE.

    At least one requirement must have passed, and no rule may be broken.
    Requires  REQ-F-VAL-007
    """
    every = list(states)
    if blocking or any(state in _FAILING for state in every):
        return Verdict.FAIL
    good = all(state in (State.PASSED, State.NOT_APPLICABLE) for state in every)
    if good and State.PASSED in every and rule_errors == 0:
        return Verdict.PASS
    return Verdict.INCOMPLETE
