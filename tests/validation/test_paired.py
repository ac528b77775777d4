"""Performance in pairs: the interval is the exact one, the verdict follows from the samples, doubt is said as doubt."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest

from tests.validation.facts import outcome, phases
from tests.validation.project import Project, requirement, requirements
from validation import verify_standalone
from validation.classify import classify
from validation.paired import Outcome, judge, measure, median_interval
from validation.plots import plot
from validation.states import State

pytestmark = pytest.mark.requirement("REQ-F-VAL-018")


def pairs(ratios: list[float], **changes: Any) -> dict[str, Any]:
    made = {
        "kind": "paired",
        "name": "REQ-P-SPD-001",
        "metric": "ratio",
        "operator": "<=",
        "threshold": 1.5,
        "unit": "1",
        "clock": "process_cpu",
        "confidence": 0.95,
        "max_wall_over_cpu": 1.2,
        "pairs": [[ratio, 1.0] for ratio in ratios],
        "wall_over_cpu": [1.0] * len(ratios),
    }
    return {**made, **changes}


# Ranks of the exact 95 % interval for a median (Conover, table A3, and the binomial distribution).
@pytest.mark.parametrize(("count", "rank"), [(6, 1), (8, 1), (9, 2), (10, 2), (15, 4), (20, 6), (30, 10), (50, 18)])
def test_the_interval_runs_between_the_ranks_of_the_table(count, rank):
    values = [float(value) for value in range(1, count + 1)]
    middle, low, high = median_interval(values, 0.95)
    assert (low, high) == (float(rank), float(count + 1 - rank))
    assert middle == (count + 1) / 2


def test_five_samples_cannot_bound_a_median_with_95_percent():
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0], 0.95) == (3.0, -math.inf, math.inf)


def test_the_interval_holds_the_true_median_as_often_as_it_says():
    source = random.Random(5)
    held = 0
    for _ in range(1000):
        _, low, high = median_interval([source.lognormvariate(0.0, 1.0) for _ in range(30)], 0.95)
        held += low <= 1.0 <= high
    assert 940 <= held <= 980  # its true confidence at 30 is 95.7 %


@pytest.mark.parametrize(
    ("ratios", "operator", "expected"),
    [
        ([1.0] * 30, "<=", Outcome.VERIFIED),
        ([1.5] * 30, "<=", Outcome.VERIFIED),
        ([2.0] * 30, "<=", Outcome.FAILED),
        ([1.4, 1.6] * 15, "<=", Outcome.INCONCLUSIVE),
        ([2.0] * 30, ">=", Outcome.VERIFIED),
        ([1.0] * 30, ">=", Outcome.FAILED),
        ([1.0] * 5, "<=", Outcome.INCONCLUSIVE),
        ([1.0] * 29 + [150.0], "<=", Outcome.VERIFIED),
    ],
)
def test_the_verdict_follows_from_the_interval(ratios, operator, expected):
    item = pairs(ratios, operator=operator)
    assert judge(item).outcome is expected
    states = {Outcome.VERIFIED: "PASSED", Outcome.FAILED: "FAILED", Outcome.INCONCLUSIVE: "INCONCLUSIVE"}
    assert verify_standalone.paired_state(item) == states[expected]


@pytest.mark.parametrize("ratio", [1.0, 2.0])
def test_a_machine_busy_with_other_work_shows_nothing_either_way(ratio):
    item = pairs([ratio] * 30, wall_over_cpu=[1.0] * 26 + [3.0] * 4)
    assert judge(item).outcome is Outcome.INCONCLUSIVE
    assert judge(item).reason == "the machine was busy with other work in 4 of 30 pairs"
    assert verify_standalone.paired_state(item) == "INCONCLUSIVE"


def test_both_verifiers_agree_on_random_samples():
    source = random.Random(7)
    seen = set()
    for _ in range(500):
        ratios = [source.gauss(source.choice([1.2, 1.5, 1.8]), 0.2) for _ in range(source.randint(4, 60))]
        item = pairs(ratios, operator=source.choice(["<=", ">="]), confidence=source.choice([0.9, 0.95, 0.99]))
        item["wall_over_cpu"] = [source.choice([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.3]) for _ in ratios]
        state = verify_standalone.paired_state(item)
        assert state == {"verified": "PASSED", "failed": "FAILED", "inconclusive": "INCONCLUSIVE"}[judge(item).outcome]
        seen.add(state)
    assert len(seen) == 3


def test_samples_that_miss_the_threshold_fail_even_a_test_that_passed():
    judged = classify(outcome(evidence=[pairs([2.0] * 30)]))
    assert (judged.state, judged.rule) == (State.FAILED, "R10")


def test_an_inconclusive_measurement_is_a_state_of_its_own():
    judged = classify(outcome(phases=phases("passed", "skipped", "passed"), evidence=[pairs([1.4, 1.6] * 15)]))
    assert judged.state is State.INCONCLUSIVE


class Clock:
    """A process whose calls cost what they say; nothing else costs anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cpu = self.wall = 0.0
        monkeypatch.setattr("validation.paired.time.process_time", lambda: self.cpu)
        monkeypatch.setattr("validation.paired.time.perf_counter", lambda: self.wall)
        monkeypatch.setattr("validation.paired.CLOCKS", {"process_cpu": lambda: self.cpu, "wall": lambda: self.wall})

    def call(self, cpu: float, wall: float | None = None):
        def work() -> None:
            self.cpu += cpu
            self.wall += cpu if wall is None else wall

        return work


ACCEPTANCE = {"metric": "ratio", "operator": "<=", "threshold": 1.5, "unit": "1", "min_pairs": 10}


def test_samples_are_taken_in_turn_and_long_enough(monkeypatch):
    clock = Clock(monkeypatch)
    item = measure(clock.call(0.002), clock.call(0.001), ACCEPTANCE)
    assert item["pairs"] == [[pytest.approx(0.002), pytest.approx(0.001)]] * 10
    assert judge(item).outcome is Outcome.FAILED
    assert item["extended"] is False
    # 10 pairs of two samples of at least 200 ms each, and the warm-up.
    assert clock.cpu > 10 * 2 * 0.2


def test_it_is_extended_once_and_then_admits_that_it_cannot_tell(monkeypatch):
    clock = Clock(monkeypatch)
    costs = iter([0.3, 0.6] * 1000)
    work = clock.call(0.0)

    def candidate() -> None:
        clock.cpu += (cost := next(costs))
        clock.wall += cost
        work()

    item = measure(candidate, clock.call(0.3), ACCEPTANCE)
    assert item["extended"] is True
    assert len(item["pairs"]) == 40
    assert judge(item).outcome is Outcome.INCONCLUSIVE


def test_waiting_for_others_is_seen(monkeypatch):
    clock = Clock(monkeypatch)
    item = measure(clock.call(0.3, 0.9), clock.call(0.3), ACCEPTANCE)
    assert judge(item).outcome is Outcome.INCONCLUSIVE
    assert "busy with other work" in judge(item).reason


def test_the_picture_shows_samples_interval_and_threshold():
    drawn = plot(pairs([1.0, 1.1, 1.2] * 10))
    assert len(drawn["dots"]) == 30
    assert drawn["interval"][0] < drawn["interval"][1] < drawn["threshold"]
    assert plot({**pairs([]), "kind": "measure", "samples": []}) is None


# ---- in a run ------------------------------------------------------------------------------------------------

MEASURING = """\
import pytest


@pytest.mark.requirement("REQ-P-SPD-001")
def test_it_is_not_slower(evidence):
    evidence.paired("REQ-P-SPD-001", lambda: sum(range({candidate})), lambda: sum(range(20000)))
"""


@pytest.mark.parametrize(("candidate", "state"), [(4000, "PASSED"), (200000, "FAILED")])
def test_a_run_reports_all_samples_and_both_verifiers_accept_it(project: Project, candidate, state, capsys):
    terms = {"metric": "ratio", "operator": "<=", "threshold": 1.0, "unit": "1"}
    # Where these tests run, others may hold the processor: the guard is tested above, with a clock of its own.
    terms |= {"min_pairs": 6, "min_sample_ms": 1, "max_wall_over_cpu": 1000}
    project.write("tests/test_speed.py", MEASURING.format(candidate=candidate))
    speed = requirement(
        "REQ-P-SPD-001",
        "Performance/Speed",
        "fast execution times",
        acceptance=terms,
        tests=["tests/test_speed.py::test_it_is_not_slower"],
    )
    project.write_trace([*requirements()[:2], speed])
    project.service(
        "good",
        bundle={"path": "bundle", "sha256": None},
        requirements={"include": ["REQ-P-SPD-*"], "not_applicable": []},
    )
    _, report = project.run()
    (entry,) = report["core"]["evaluation"]["requirements"]
    assert entry["state"] == state
    (item,) = report["volatile"]["measurements"]
    assert len(item["pairs"]) in (6, 24)
    assert 'class="threshold"' in (project.out / "report.html").read_text()
    assert project.command("verify", str(project.out)) in (1, 2)
    samples = project.out / "outcomes.jsonl"
    events = [json.loads(line) for line in samples.read_text().splitlines()]
    assert verify_standalone.check_result(project.out)["core"] == report["core"]
    assert next(event for event in events if event["event"] == "outcome")["evidence"][0]["pairs"] == item["pairs"]
