"""The parent: prepares a workload, starts its candidates, checks their answers, and lets them take turns."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from benchmarks import weights
from benchmarks.peers import candidates, output_file
from benchmarks.peers.onnx import MODEL, REASON
from benchmarks.protocol import ROOT, Worker, WorkerError
from benchmarks.workloads import Workload

PAUSE_SECONDS = 0.06  # thread pools spin after work; two of them on the same cores give times ten times too long
BOUND = 1e-3  # of the largest output; above float32 rounding in 150 layers, far below another model's answer
LOSS_BOUND = 1e-2  # steps of training drift apart


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds, seconds a turn, threads, and when a workload has had enough time."""

    rounds: int = 9
    turn_seconds: float = 0.15
    workload_seconds: float = 60.0
    threads: int = 2
    load_seconds: float = 600.0
    only: tuple[str, ...] = ()  # candidates; all if empty
    without: tuple[str, ...] = ()
    clock: str = "wall"  # or process_cpu: for machines with other work, on one thread


@dataclass
class Candidate:
    """What is known of one candidate: its samples by round, or why there are none."""

    name: str
    rounds: list[list[float]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def timed(self) -> bool:
        return bool(self.rounds)


def environment(threads: int) -> dict[str, str]:
    """The parent's, with the same number of threads for every library."""
    count = str(threads)
    names = ("OMP_NUM_THREADS", "MEDTORCH_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BENCH_THREADS")
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}  # imports are timed
    return {**kept, **dict.fromkeys(names, count)}


def work_folder(workload: Workload, out: Path) -> Path:
    """Where weights, input and ONNX file of a workload lie: another place where any of them would be another."""
    text = repr(workload) + Path(weights.__file__).read_text()
    return out / "work" / f"{workload.name.replace(' ', '-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def prepare(workload: Workload, folder: Path, plan: Plan, log: IO[bytes]) -> None:
    """Weights, input and ONNX file; kept for the next run."""
    if not (folder / weights.INPUT).exists():
        weights.write(workload, folder)
    if not workload.training and not (folder / MODEL).exists():
        command = [sys.executable, "-m", "benchmarks.peers.export", workload.name, str(folder)]
        done = subprocess.run(command, env=environment(plan.threads), cwd=ROOT, stdout=log, stderr=log, check=False)
        if done.returncode and not (folder / REASON).exists():
            (folder / REASON).write_text('{"absent": "no ONNX file: the export failed (see the log)"}')


def measure(
    workload: Workload,
    folder: Path,
    plan: Plan,
    places: Mapping[str, str] | None = None,
    quiet: Callable[[], Any] | None = None,
) -> dict[str, Candidate]:
    """Every candidate of a workload: loaded, compared, timed in turns.

    `places` names other candidates than the workload's own; `quiet` is called when all is loaded, before the rounds.
    """
    asked = {name: place for name, place in (places or candidates(workload)).items() if _asked(name, plan)}
    found = {name: Candidate(name) for name in asked}
    for name in set(asked) & set(plan.without):
        found[name].facts = {"absent": "left out of this run on purpose (--without)"}
    wanted = {name: place for name, place in asked.items() if name not in plan.without}
    with (folder / "log.txt").open("ab") as log, _workers(workload, folder, plan, wanted, log) as workers:
        with ThreadPoolExecutor(plan.threads) as pool:
            loaded = pool.map(lambda worker: _safe(worker, plan, do="load"), workers.values())
            for name, facts in zip(workers, loaded, strict=True):
                found[name].facts = facts
        ready = {n: w for n, w in workers.items() if "version" in found[n].facts}
        _compare(workload, folder, found, {n: wanted[n] for n in ready})
        if quiet is not None:
            quiet()
        _take_turns(ready, found, plan)
        for name, worker in ready.items():
            if "failed" not in found[name].facts:
                found[name].facts |= _safe(worker, plan, do="memory")
    return found


def _asked(name: str, plan: Plan) -> bool:
    return not plan.only or name in plan.only


@contextmanager
def _workers(
    workload: Workload, folder: Path, plan: Plan, places: Mapping[str, str], log: IO[bytes]
) -> Iterator[dict[str, Worker]]:
    """One process a candidate, gone at the end whatever happens."""
    workers: dict[str, Worker] = {}
    try:
        for name, place in places.items():
            workers[name] = Worker(place, workload.name, folder, environment(plan.threads), log)
        yield workers
    finally:
        for worker in workers.values():
            worker.end()


def _safe(worker: Worker, plan: Plan, **command: Any) -> dict[str, Any]:
    try:
        return worker.ask(plan.load_seconds, **command)
    except WorkerError as error:
        return {"failed": str(error)}


def _compare(workload: Workload, folder: Path, found: Mapping[str, Candidate], places: Mapping[str, str]) -> None:
    """How far each answer is from the reference's: PyTorch eager where it is there, else the first that answers."""
    reference = "PyTorch eager" if "PyTorch eager" in places else next(iter(places), None)
    if reference is None:
        return
    wanted = output_file(folder, places[reference])
    bound = LOSS_BOUND if workload.training else BOUND
    for name, place in places.items():
        gap = difference(output_file(folder, place), wanted)
        found[name].facts |= {"difference": gap, "compared_with": reference}
        if not gap <= bound:
            found[name].facts["failed"] = f"its answer is {gap:.2g} away from that of {reference} (at most {bound:g})"


def difference(found: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    """Largest difference over the largest number wanted; infinite where shapes or counts differ."""
    if [a.shape for a in found] != [b.shape for b in wanted]:
        return float("inf")
    gaps = [float(np.abs(a.astype(np.float64) - b).max() / np.abs(b).max()) for a, b in zip(found, wanted, strict=True)]
    return max(gaps)


def _take_turns(ready: Mapping[str, Worker], found: Mapping[str, Candidate], plan: Plan) -> None:
    """Rounds in which every candidate has one turn, in an order that moves on by one each round."""
    names = [name for name in ready if "failed" not in found[name].facts]
    started = time.perf_counter()
    for nr in range(plan.rounds):
        if nr >= 3 and time.perf_counter() - started > plan.workload_seconds:
            break
        at = nr % max(1, len(names))
        for name in names[at:] + names[:at]:
            time.sleep(PAUSE_SECONDS)
            answer = _safe(ready[name], plan, do="time", seconds=plan.turn_seconds, least=1, clock=plan.clock)
            if "failed" in answer:
                found[name].facts["failed"] = answer["failed"]
                found[name].rounds.clear()
            else:
                found[name].rounds.append(answer["samples"])
        names = [name for name in names if "failed" not in found[name].facts]
