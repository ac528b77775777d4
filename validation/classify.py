"""From the raw facts about one test to its state. A pure function: `verify` runs it again on the stored facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from validation.paired import Outcome, judge
from validation.states import State


@dataclass(frozen=True)
class Judgement:
    """The state of one test, the reason in words, and the rule that is broken, if any."""

    state: State
    reason: str = ""
    rule: str = ""


def classify(raw: Mapping[str, Any]) -> Judgement:
    """The state of one executed test.

    `raw` is a line of outcomes.jsonl: phases, xfail, skip, needs, assertions, failure.
    Requires  REQ-F-VAL-006
    """
    phases: Sequence[Mapping[str, Any]] = raw["phases"]
    outcomes = {(phase["attempt"], phase["when"]): phase["outcome"] for phase in phases}
    attempts = max((phase["attempt"] for phase in phases), default=0)
    if attempts > 1 or any(phase["outcome"] == "rerun" for phase in phases):
        return Judgement(State.FAILED, f"flaky: {attempts} attempts were made; only a first attempt counts", "R20")
    if raw["xfail"] is not None:
        return Judgement(
            State.FAILED, f"marked as an expected failure ({raw['xfail']}): the requirement is not met", "R22"
        )
    if outcomes.get((1, "call")) == "failed":
        return Judgement(State.FAILED, "the test failed")
    if "failed" in outcomes.values():
        return Judgement(State.ERROR, "the test's setup or teardown failed")
    measured = [judge(item) for item in raw["evidence"] if item["kind"] == "paired"]
    if failed := [one for one in measured if one.outcome is Outcome.FAILED]:
        return Judgement(State.FAILED, f"its samples do not meet the requirement: {failed[0].reason}", "R10")
    if unsure := [one for one in measured if one.outcome is Outcome.INCONCLUSIVE]:
        return Judgement(State.INCONCLUSIVE, unsure[0].reason)
    if "skipped" in outcomes.values():
        return _skipped(raw)
    if [outcomes.get((1, when)) for when in ("setup", "call", "teardown")] != ["passed"] * 3:
        return Judgement(State.NOT_RUN, "the test did not run to its end", "R19")
    if raw["assertions"] == 0:
        return Judgement(State.NO_EVIDENCE, "the test ended without a single executed assertion", "R08")
    return Judgement(State.PASSED)


def _skipped(raw: Mapping[str, Any]) -> Judgement:
    skip = raw["skip"] or {}
    capability = skip.get("capability")
    if capability is None:
        present = [need["capability"] for need in raw["needs"] if need["present"]]
        if present:
            return Judgement(State.FAILED, f"skipped although the probe found {', '.join(present)}", "R07")
        return Judgement(State.NOT_VERIFIED, f"skipped without a capability: {skip.get('reason', '')}", "R06")
    if skip.get("present"):
        return Judgement(State.FAILED, f"skipped although the probe found {capability}", "R07")
    return Judgement(State.NOT_VERIFIED, f"{capability}: {skip.get('reason', '')}")
