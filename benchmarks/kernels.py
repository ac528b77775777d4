"""Single kernels as a fraction of the measured roof. `python -m benchmarks.kernels` is the process that runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from benchmarks import roof as roofs
from benchmarks.numbers import summary
from benchmarks.protocol import ROOT
from benchmarks.rounds import PAUSE_SECONDS, environment

TURN_SECONDS = 0.03


def measure(folder: Path, threads: int, rounds: int, log: IO[bytes], limit: int | None = None) -> dict[str, Any]:
    """The roof and every kernel in turn, round after round; {"absent": reason} without a compiler for the probe."""
    folder.mkdir(parents=True, exist_ok=True)
    program = roofs.build(folder)
    if program is None:
        return {"absent": "the roof was not measured: no C++ compiler"}
    command = [sys.executable, "-m", "benchmarks.kernels", str(program), str(rounds), str(limit or 0)]
    done = subprocess.run(
        command, env=environment(threads), cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run(program: Path, threads: int, rounds: int, limit: int) -> dict[str, Any]:
    """Samples of every row and of the roof, each kernel's share of the roof of its own round."""
    from benchmarks.kernel_rows import rows  # noqa: PLC0415  the parent only asks

    made = list(rows())[: limit or None]
    for row in made:
        row.once()
    roof_samples: list[dict[str, Any]] = []
    shares: dict[str, list[float]] = {row.name: [] for row in made}
    times: dict[str, list[float]] = {row.name: [] for row in made}
    for _ in range(rounds):
        time.sleep(PAUSE_SECONDS)
        roof = roofs.probe(program, threads)
        roof_samples.append({"flops": roof.flops, "bytes": dict(roof.bytes)})
        for row in made:
            seconds = _typical(row.once)
            times[row.name].append(seconds)
            shares[row.name].append(roof.seconds(row.flops, row.bytes) / seconds)
    return {
        "roof": roof_samples,
        "rows": [
            {"name": row.name, "flops": row.flops, "bytes": row.bytes, "seconds": times[row.name],
             "share": shares[row.name], "share_median": summary(shares[row.name]).median}
            for row in made
        ],
    }  # fmt: skip


def _typical(once: Any) -> float:
    """The median of calls in one turn, after one that warms up."""
    once()
    samples: list[float] = []
    end = time.perf_counter() + TURN_SECONDS
    while len(samples) < 3 or time.perf_counter() < end:
        started = time.perf_counter()
        once()
        samples.append(time.perf_counter() - started)
    return summary(samples).median


def main(arguments: list[str]) -> None:
    import medtorch  # noqa: PLC0415

    program, rounds, limit = arguments
    with medtorch.no_grad():
        found = run(Path(program), int(os.environ["BENCH_THREADS"]), int(rounds), int(limit))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
