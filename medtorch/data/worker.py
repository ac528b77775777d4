"""Worker processes that load batches: pipes only, no shared memory, no semaphores.

A worker's main thread loads; a second thread takes tasks, so that the loader never waits for a busy worker, and ends
the process when its parent is gone.

Requires  REQ-F-DAT-012
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from medtorch.core.random import manual_seed
from medtorch.data.fetch import Task, fetch
from medtorch.errors import DataError

_PARENT_CHECK_S = 2.0
_GRACE_S = 0.5


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this process is."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


@dataclass(frozen=True)
class Job:
    """What a worker needs to know before its first task."""

    dataset: Any
    collate: Callable[[Any], Any]
    init: Callable[[int], None] | None
    seed: int


_this_worker: list[WorkerInfo] = []


def get_worker_info() -> WorkerInfo | None:
    """Which worker this process is, None in the main process."""
    return _this_worker[0] if _this_worker else None


def run_worker(pipe: Connection, job: Job, number: int, total: int) -> None:
    """The whole life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process answers Ctrl-C, and ends its workers
    tasks: queue.SimpleQueue[tuple[int, Task] | None] = queue.SimpleQueue()
    threading.Thread(target=_take_tasks, args=(pipe, tasks, os.getppid()), daemon=True).start()
    _this_worker[:] = [WorkerInfo(number, total, job.seed + number, job.dataset)]
    random.seed(job.seed + number)
    np.random.seed((job.seed + number) % (1 << 32))  # noqa: NPY002 (for data sets that draw from the global generator)
    manual_seed((job.seed + number) % (1 << 63))
    start_failure = _started(job, number)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while (entry := tasks.get()) is not None:
            key, task = entry
            send(pipe, key, start_failure or _loaded(task, job))


def _take_tasks(pipe: Connection, tasks: queue.SimpleQueue[tuple[int, Task] | None], parent: int) -> None:
    try:
        while True:
            while not pipe.poll(_PARENT_CHECK_S):
                if os.getppid() != parent:
                    os._exit(1)
            entry = pickle.loads(pipe.recv_bytes())  # noqa: S301 (from the process that started this one)
            tasks.put(entry)
            if entry is None:
                return
    except (EOFError, OSError):
        os._exit(1)


@dataclass(frozen=True)
class Loaded:
    """A batch."""

    batch: Any


@dataclass(frozen=True)
class Failed:
    """An error in a worker: the error itself where it can travel, and in any case its text."""

    error: BaseException | None
    summary: str
    trace: str


def _started(job: Job, number: int) -> Failed | None:
    try:
        if job.init is not None:
            job.init(number)
    except Exception as error:  # noqa: BLE001 (whatever the caller's function raises is brought to the main process)
        return _failure(error)
    return None


def _loaded(task: Task, job: Job) -> Loaded | Failed:
    try:
        return Loaded(fetch(task, job.dataset, job.collate))
    except Exception as error:  # noqa: BLE001 (whatever the data set raises is brought to the main process)
        return _failure(error)


def _failure(error: Exception) -> Failed:
    trace, summary = traceback.format_exc(), f"{type(error).__name__}: {error}"
    try:
        travelled = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes: can the error travel at all?)
    except Exception:  # noqa: BLE001 (an error class of anybody may refuse to be pickled in any way)
        return Failed(None, summary, trace)
    same = type(travelled) is type(error) and str(travelled) == str(error)
    return Failed(error if same else None, summary, trace)


def send(pipe: Connection, key: int, answer: Loaded | Failed) -> None:
    """Write an answer: its structure pickled, its arrays as they lie in memory."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        body = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    except Exception as error:  # noqa: BLE001 (a batch that cannot travel is an error of the data set's author)
        buffers, body = [], pickle.dumps(_failure(error), protocol=5)
    raw = [buffer.raw() for buffer in buffers]
    pipe.send_bytes(pickle.dumps((key, [len(part) for part in raw])))
    pipe.send_bytes(body)
    for part in raw:
        pipe.send_bytes(part)


def receive(pipe: Connection) -> tuple[int, Loaded | Failed]:
    """Read what `send` wrote."""
    key, sizes = pickle.loads(pipe.recv_bytes())  # noqa: S301 (from a process that this one started)
    body = pipe.recv_bytes()
    buffers = [bytearray(size) for size in sizes]
    for buffer in buffers:
        if buffer:
            pipe.recv_bytes_into(buffer)
        else:
            pipe.recv_bytes()
    return key, pickle.loads(body, buffers=buffers)  # noqa: S301


class WorkerPool:
    """Processes that load batches; tasks go round in turn."""

    def __init__(self, job: Job, workers: int, context: Any, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        self._sent = 0
        try:
            for number in range(workers):
                self._start(job, number, workers, context)
        except BaseException:
            self.stop()
            raise

    def _start(self, job: Job, number: int, workers: int, context: Any) -> None:
        ours, theirs = context.Pipe(duplex=True)
        self._pipes.append(ours)
        process = context.Process(target=run_worker, args=(theirs, job, number, workers), daemon=True)
        process.start()
        self._processes.append(process)
        theirs.close()

    def submit(self, task: Task) -> int:
        """Hand a task to the next worker in turn; the key asks for its answer."""
        key = self._sent
        self._sent += 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # a dead worker is reported by `result`
            self._pipes[key % len(self._pipes)].send_bytes(pickle.dumps((key, task)))
        return key

    def result(self, key: int, task: Task) -> Any:
        """Wait for the answer to a task; answers to abandoned tasks are thrown away.

        Raises    what the data set raised in the worker, with its traceback as a note; DataError if the worker died or
                  did not answer in time
        """
        worker = key % len(self._pipes)
        deadline = time.monotonic() + self.timeout_s if self.timeout_s else None
        while True:
            found, answer = self._next_answer(worker, task, deadline)
            if found == key:
                break
        if isinstance(answer, Loaded):
            return answer.batch
        where = f"in DataLoader worker {worker}, batch {task.batch}, samples {task.indices}"
        if answer.error is None:
            raise DataError(f"DataLoader: {answer.summary} ({where})\n{answer.trace}")
        answer.error.add_note(f"{where}:\n{answer.trace}")
        raise answer.error

    def _next_answer(self, worker: int, task: Task, deadline: float | None) -> tuple[int, Loaded | Failed]:
        pipe, process = self._pipes[worker], self._processes[worker]
        left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
        ready = wait([pipe, process.sentinel], left)
        if not ready:
            raise DataError(f"DataLoader: worker {worker} did not load batch {task.batch} within {self.timeout_s:g} s")
        try:
            if pipe in ready or pipe.poll(0):
                return receive(pipe)
        except (EOFError, OSError):
            pass  # it died while writing: said below
        process.join()
        raise DataError(
            f"DataLoader: worker {worker} (process {process.pid}) died with exit code {process.exitcode} "
            f"while loading batch {task.batch}, samples {task.indices}"
        )

    def stop(self) -> None:
        """End the workers: those that wait, at once; those that still load, after a moment, by force."""
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                pipe.send_bytes(pickle.dumps(None))
        deadline = time.monotonic() + _GRACE_S
        for process in self._processes:
            process.join(max(deadline - time.monotonic(), 0.0))
            if process.is_alive():
                process.terminate()
                process.join()
        for pipe in self._pipes:
            pipe.close()
        self._pipes, self._processes = [], []
