"""What parent and workers say to each other: one JSON object a line, a command and then its answer.

{"do": "load"}                           ->  {"version", "about", "load_seconds"}, {"multiply_adds"} where they are
                                             known, and the outputs in a file; or
                                             {"absent": reason} where the candidate is not installed,
                                             {"failed": reason} where it is and cannot do it
{"do": "time", "seconds": s, "least": n, "clock": c} ->  {"samples": [seconds, ...]}  after a warm-up
{"do": "memory"}                         ->  {"peak_bytes": highest resident set so far}
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parent.parent


class WorkerError(RuntimeError):
    """A worker died or did not answer."""


class Worker:
    """A process of its own for one candidate and one workload."""

    def __init__(self, peer: str, workload: str, folder: Path, env: Mapping[str, str], log: IO[bytes]) -> None:
        self.peer = peer
        command = [sys.executable, "-m", "benchmarks.worker", peer, workload, str(folder)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=dict(env), cwd=ROOT, text=True
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101  what PIPE gives
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def ask(self, timeout: float, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its answer.

        Raises    WorkerError if the process ended, or said nothing in `timeout` seconds
        """
        self.tell(**command)
        return self.answer(timeout)

    def tell(self, **command: Any) -> None:
        assert self._process.stdin is not None  # noqa: S101  what PIPE gives
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise WorkerError(f"{self.peer}: the worker has ended") from error

    def answer(self, timeout: float) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty as error:
            raise WorkerError(f"{self.peer}: no answer in {timeout:g} s") from error
        if not line:
            raise WorkerError(f"{self.peer}: the worker ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """Let the process end, and see that it does."""
        assert self._process.stdin is not None  # noqa: S101  what PIPE gives
        try:
            self._process.stdin.close()
            self._process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
