"""Candidates of known speed, each a process of its own, come out in that order; who has no figure has a reason."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import goals, report, weights
from benchmarks.__main__ import _told, main
from benchmarks.peers import INFERENCE as CANDIDATES
from benchmarks.peers import TRAINING
from benchmarks.protocol import Worker, WorkerError
from benchmarks.rounds import Plan, difference, environment, measure, prepare, work_folder
from benchmarks.workloads import INFERENCE, named
from benchmarks.workloads import TRAINING as STEPS

pytestmark = pytest.mark.requirement("REQ-P-SPD-020")

TINY = named("tiny unet")
PLAN = Plan(rounds=3, turn_seconds=0.005, workload_seconds=20, load_seconds=60)
FAKES = "tests.benchmarks.fakes"


@pytest.fixture
def folder(tmp_path):
    weights.write(TINY, tmp_path)
    return tmp_path


def timed(folder, *names, plan=PLAN):
    return measure(TINY, folder, plan, {name: f"{FAKES}:{name}" for name in names})


def median(candidate):
    return statistics.median(statistics.median(one) for one in candidate.rounds)


def test_candidates_take_turns_and_the_slow_one_is_slower(folder):
    found = timed(folder, "quick", "slow")
    assert [len(found[name].rounds) for name in ("quick", "slow")] == [3, 3]
    assert 0.002 <= median(found["quick"]) < 0.02 <= median(found["slow"])
    assert found["slow"].facts["version"] == "fake 1"
    assert found["slow"].facts["peak_bytes"] > 1_000_000


def test_who_is_absent_or_fails_is_told_with_the_reason_and_the_rest_is_measured(folder):
    found = timed(folder, "quick", "missing", "broken", "dies")
    assert found["quick"].timed
    assert found["missing"].facts == {"absent": "the fake is not installed"}
    assert found["broken"].facts == {"failed": "ValueError: cannot do this model"}
    assert "the worker ended with status 3" in found["dies"].facts["failed"]
    assert not any(found[name].timed for name in ("missing", "broken", "dies"))


def test_another_answer_than_the_references_is_not_timed(folder):
    found = timed(folder, "quick", "wrong")
    assert found["wrong"].facts["failed"] == "its answer is 0.01 away from that of quick (at most 0.001)"
    assert found["wrong"].rounds == []
    assert found["quick"].timed


def test_what_a_library_prints_does_not_disturb_the_protocol(folder):
    assert timed(folder, "noisy")["noisy"].timed


def test_a_worker_that_says_nothing_is_not_waited_for_for_ever(folder):
    with (folder / "log.txt").open("ab") as log:
        worker = Worker(f"{FAKES}:slow", TINY.name, folder, environment(1), log)
        try:
            assert "version" in worker.ask(60, do="load")
            with pytest.raises(WorkerError, match=r"fakes:slow: no answer in 0.2 s$"):
                worker.ask(0.2, do="time", seconds=1.0, least=1)
        finally:
            worker.end()


def test_differences_are_measured_in_the_largest_number():
    assert difference([np.array([1.0, 4.0])], [np.array([1.0, 5.0])]) == pytest.approx(0.2)
    assert difference([np.zeros(2)], [np.zeros((1, 2))]) == float("inf")
    assert difference([], [np.zeros(2)]) == float("inf")


@pytest.mark.needs("package:matplotlib")
def test_every_candidate_of_the_product_is_measured_or_says_why_not(tmp_path):
    arguments = ["--quick", "--out", str(tmp_path), "--threads", "1", "--part", "inference", "--workload", "unet"]
    assert main([*arguments, "--candidate", "medtorch compiled", "--candidate", "medtorch eager"]) == 0
    result = json.loads((tmp_path / "benchmarks.json").read_text())
    (cell,) = result["inference"]
    assert all(goals.rounds(cell, name) for name in ("medtorch compiled", "medtorch eager"))
    assert "## Goals" in (tmp_path / "benchmarks.md").read_text()


def test_a_training_step_is_measured(tmp_path):
    workload = named("tiny train")
    weights.write(workload, tmp_path)
    found = measure(workload, tmp_path, PLAN, {"medtorch": TRAINING["medtorch"]})
    assert found["medtorch"].timed, found["medtorch"].facts


def test_the_answers_of_the_peers_that_are_installed_are_ours(folder, needs_torch):
    with (folder / "log.txt").open("ab") as log:
        prepare(TINY, folder, PLAN, log)
    places = {n: p for n, p in CANDIDATES.items() if n not in ("torch.compile", "medtorch compiled fast")}
    found = measure(TINY, folder, Plan(rounds=1, turn_seconds=0.001, threads=1), places)
    assert found["PyTorch eager"].timed, found["PyTorch eager"].facts
    for name, candidate in found.items():
        assert candidate.timed or "absent" in candidate.facts, (name, candidate.facts)


def test_a_folder_is_kept_for_its_workload_alone(tmp_path):
    folders = {work_folder(w, tmp_path) for w in (*INFERENCE, *STEPS)}
    assert len(folders) == len((*INFERENCE, *STEPS))
    with pytest.raises(LookupError, match=r"^no workload 'vgg'; there are: resnet18 x1, "):
        named("vgg")


def test_tables_name_who_is_absent(folder):
    found = timed(folder, "quick", "missing")
    cell = {"name": "w", "candidates": _told(found)}
    assert list(report._reasons([cell])) == ["- missing: the fake is not installed (w)", ""]


def test_who_is_left_out_on_purpose_is_told(folder):
    found = timed(folder, "quick", "slow", plan=replace(PLAN, without=("slow",)))
    assert found["slow"].facts == {"absent": "left out of this run on purpose (--without)"}
    assert found["quick"].timed
