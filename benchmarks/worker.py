"""`python -m benchmarks.worker PEER WORKLOAD FOLDER`: one candidate of one workload, told by its parent what to do."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.peers import Absent, Job, Run, load, output_file
from benchmarks.workloads import named

WARM_UP_SECONDS = 0.03
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "process_cpu": time.process_time}


def main(arguments: list[str]) -> None:
    """Answer commands until the parent closes the pipe. Whatever a library prints goes to stderr."""
    peer, workload, folder = arguments
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = _Server(Job(named(workload), Path(folder), int(os.environ["BENCH_THREADS"])), peer)
    for line in sys.stdin:
        answers.write(json.dumps(server.answer(json.loads(line))) + "\n")
        answers.flush()


class _Server:
    def __init__(self, job: Job, peer: str) -> None:
        self.job, self.peer = job, peer
        self.run: Run | None = None

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        do = {"load": self._load, "time": self._time, "memory": _memory}[command.pop("do")]
        return do(**command)

    def _load(self) -> dict[str, Any]:
        started = time.perf_counter()
        try:
            self.run = load(self.peer)(self.job)
            outputs = self.run.outputs()
        except Absent as reason:
            return {"absent": str(reason)}
        except Exception as error:  # noqa: BLE001  whatever a peer raises is its answer; the parent shows it
            return {"failed": f"{type(error).__name__}: {error}"[:2000]}
        seconds = time.perf_counter() - started
        output_file(self.job.folder, self.peer, outputs)
        told = {"version": self.run.version, "about": self.run.about, "load_seconds": seconds}
        counted = self.run.multiply_adds
        return told if counted is None else {**told, "multiply_adds": dict(counted)}

    def _time(self, seconds: float, least: int, clock: str = "wall") -> dict[str, Any]:
        if self.run is None:
            raise RuntimeError("load comes before time")
        now = CLOCKS[clock]
        _until(WARM_UP_SECONDS, 1, self.run.once, now)
        return {"samples": _until(seconds, least, self.run.once, now)}


def _until(seconds: float, least: int, once: Callable[[], Any], now: Callable[[], float]) -> list[float]:
    """Call until `seconds` are over, at least `least` times; how long each call took."""
    samples: list[float] = []
    end = now() + seconds
    while len(samples) < least or now() < end:
        started = now()
        once()
        samples.append(now() - started)
    return samples


def _memory() -> dict[str, Any]:
    """What /proc says of this program's own memory; getrusage counts that of the parent before exec, too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return {"peak_bytes": int(line.split()[1]) * 1024}
    return {}


if __name__ == "__main__":
    main(sys.argv[1:])
