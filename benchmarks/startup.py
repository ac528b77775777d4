"""What it costs to begin: importing, the first prediction of a cold process, and the size of what is installed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from benchmarks.numbers import ratios, summary
from benchmarks.protocol import ROOT, Worker, WorkerError
from benchmarks.rounds import PAUSE_SECONDS, Plan, environment
from benchmarks.workloads import Workload

IMPORTS = {"python": "pass", "numpy": "import numpy", "medtorch": "import medtorch", "PyTorch": "import torch"}
COLD = {
    "medtorch eager": "benchmarks.peers.ours:eager",
    "medtorch compiled": "benchmarks.peers.ours:compiled",
    "PyTorch eager": "benchmarks.peers.pytorch:eager",
    "ONNX Runtime": "benchmarks.peers.onnx:onnx_runtime",
    "OpenVINO": "benchmarks.peers.onnx:openvino",
}


def imports(rounds: int, threads: int) -> dict[str, Any]:
    """Seconds of a process that imports one package and ends, in turns; what is absent is left out by name."""
    samples: dict[str, list[float]] = {}
    absent = {}
    for name, text in IMPORTS.items():
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=ROOT,
            env=environment(threads),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            absent[name] = done.stderr.strip().splitlines()[-1]
        else:
            samples[name] = []
    for _ in range(rounds):
        for name, found in samples.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", IMPORTS[name]], cwd=ROOT, env=environment(threads), check=True)
            found.append(time.perf_counter() - started)
    over = [m - n for m, n in zip(samples["medtorch"], samples["numpy"], strict=True)]
    return {
        "samples": samples,
        "absent": absent,
        "medtorch_over_numpy": over,
        "medtorch_over_numpy_median": summary(over).median,
    }


def cold(workload: Workload, folder: Path, plan: Plan, rounds: int, log: IO[bytes]) -> dict[str, Any]:
    """Seconds from the start of a process to its first answer, in turns."""
    samples: dict[str, list[float]] = {name: [] for name in COLD}
    absent: dict[str, str] = {}
    for _ in range(rounds):
        for name, place in COLD.items():
            if name in absent:
                continue
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            worker = Worker(place, workload.name, folder, environment(plan.threads), log)
            try:
                answer = worker.ask(plan.load_seconds, do="load")
            except WorkerError as error:
                answer = {"failed": str(error)}
            seconds = time.perf_counter() - started
            worker.end()
            if "version" in answer:
                samples[name].append(seconds)
            else:
                absent[name] = str(answer.get("absent", answer.get("failed")))
    kept = {name: found for name, found in samples.items() if name not in absent}
    best = min((n for n in kept if not n.startswith("medtorch")), key=lambda n: summary(kept[n]).median, default=None)
    compared = {} if best is None else {
        name: summary(ratios([[s] for s in kept[best]], [[s] for s in kept[name]])).median
        for name in kept
        if name.startswith("medtorch")
    }  # fmt: skip
    return {"workload": workload.name, "samples": kept, "absent": absent, "best_peer": best, "times_quicker": compared}


def wheel(folder: Path, log: IO[bytes]) -> dict[str, Any]:
    """Bytes of a wheel built from this checkout."""
    command = [
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--wheel-dir", str(folder), str(ROOT),
    ]  # fmt: skip
    for old in folder.glob("medtorch-*.whl"):
        old.unlink()
    done = subprocess.run(command, stdout=log, stderr=log, check=False)
    found = sorted(folder.glob("medtorch-*.whl"))
    if done.returncode or not found:
        return {"absent": "the wheel could not be built here (see the log)"}
    native = not found[0].name.endswith("none-any.whl")
    return {"file": found[0].name, "bytes": found[0].stat().st_size, "native": native}
