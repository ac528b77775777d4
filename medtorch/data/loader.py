"""Batches of a data set: in an order that the seed fixes, the same for any number of workers, resumable at any batch.

Requires  REQ-F-DAT-010, REQ-F-DAT-011, REQ-F-DAT-012
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from medtorch.core.random import Generator
from medtorch.core.stream import stream_of
from medtorch.data.collate import default_collate, default_convert
from medtorch.data.dataset import IterableDataset, length_of
from medtorch.data.fetch import Task, fetch
from medtorch.data.loader_state import LoaderState, Order, own_generator
from medtorch.data.sampler import BatchSampler, RandomSampler, SequentialSampler
from medtorch.data.worker import Job, WorkerPool
from medtorch.errors import ArgumentError, DataError, UnsupportedError

_PREFETCH = 2


class DataLoader:
    """Batches of a data set.

    Arguments as torch's. `seed` (not in torch) is short for a generator of its own. Each epoch draws one number from
    the generator (the default one if none is given); order and random samples follow from it alone, so the same batches
    come with 0, 1 or 8 workers. Code that draws from a global generator inside a worker is not pinned: draw from the
    `rng` that `Dataset.sample` gets. `state_dict` counts the batches that were handed out in the newest iteration.

    Raises    ArgumentError for arguments that contradict each other; UnsupportedError for pinned memory, and for
              workers on an IterableDataset
    Source    semantics of torch.utils.data.DataLoader
    Requires  REQ-F-DAT-010, REQ-F-DAT-011, REQ-F-DAT-012
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
        seed: int | None = None,
    ) -> None:
        _check_workers(
            num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context, worker_init_fn
        )
        _check_order(batch_size, shuffle, sampler, batch_sampler, drop_last, generator, seed)
        if pin_memory or pin_memory_device:
            raise UnsupportedError("DataLoader: pin_memory: page-locked memory is not offered")
        if not in_order:
            raise UnsupportedError("DataLoader: in_order=False: batches always come in order")
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = (prefetch_factor or _PREFETCH) if num_workers else None
        self.persistent_workers = persistent_workers
        self.generator = Generator().manual_seed(seed) if seed is not None else generator
        self._order = Generator()
        if isinstance(dataset, IterableDataset):
            self._check_iterable(shuffle, sampler, batch_sampler)
        self.sampler = sampler if sampler is not None else self._default_sampler(bool(shuffle))
        self.batch_sampler = batch_sampler if batch_sampler is not None else self._default_batches()
        default = default_convert if self.batch_sampler is None else default_collate
        self.collate_fn = collate_fn if collate_fn is not None else default
        self._state = LoaderState()
        self._resumed = False
        self._pool: WorkerPool | None = None
        self._turn = 0

    def _check_iterable(self, shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
        if shuffle or sampler is not None or batch_sampler is not None:
            raise ArgumentError(
                "DataLoader: an IterableDataset has its own order: no shuffle, sampler or batch_sampler"
            )
        if self.num_workers:
            raise UnsupportedError("DataLoader: workers on an IterableDataset: each would give every sample")

    def _default_sampler(self, shuffle: bool) -> Iterable[Any]:
        if isinstance(self.dataset, IterableDataset):
            return self.dataset
        return RandomSampler(self.dataset, generator=self._order) if shuffle else SequentialSampler(self.dataset)

    def _default_batches(self) -> Iterable[list[Any]] | None:
        return None if self.batch_size is None else BatchSampler(self.sampler, self.batch_size, self.drop_last)

    def __len__(self) -> int:
        return length_of(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        self._turn += 1
        if not self._resumed:
            self._state = self._state.next_epoch(int(stream_of(self.generator).bits(1)[0]))
        self._resumed = False
        return self._epoch(self._turn, Order(self._state, self._order, self.sampler, self.batch_sampler))

    def _epoch(self, turn: int, order: Order) -> Iterator[Any]:
        tasks = order.tasks()
        for batch, task in self._through_workers(tasks, order) if self.num_workers else self._here(tasks):
            state = order.delivered(task)
            if turn == self._turn:
                self._state = state
            elif self.persistent_workers:
                raise DataError("DataLoader: a newer iteration has taken over the persistent workers")
            yield batch
        if turn == self._turn:
            self._state = order.finished()

    def _here(self, tasks: Iterator[Task]) -> Iterator[tuple[Any, Task]]:
        if isinstance(self.dataset, IterableDataset):
            for task in tasks:
                yield self.collate_fn(task.indices), task
            return
        for task in tasks:
            yield fetch(task, self.dataset, self.collate_fn), task

    def _through_workers(self, tasks: Iterator[Task], order: Order) -> Iterator[tuple[Any, Task]]:
        pool = self._pool or self._started(order.worker_seed)
        self._pool = pool if self.persistent_workers else None
        whole = False
        try:
            waiting: deque[tuple[int, Task]] = deque()
            ahead = self.num_workers * (self.prefetch_factor or _PREFETCH)
            for task in itertools.chain(tasks, itertools.repeat(None)):
                if task is not None:
                    waiting.append((pool.submit(task), task))
                if not waiting:
                    break
                if task is None or len(waiting) == ahead:
                    key, oldest = waiting.popleft()
                    yield pool.result(key, oldest), oldest
            whole = True
        except GeneratorExit:
            whole = True
            raise
        finally:
            if not (self.persistent_workers and whole):
                self._pool = None
                pool.stop()

    def _started(self, seed: int) -> WorkerPool:
        job = Job(self.dataset, self.collate_fn, self.worker_init_fn, seed)
        context = self.multiprocessing_context
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        return WorkerPool(job, self.num_workers, context, self.timeout)

    def close(self) -> None:
        """End persistent workers; the next iteration starts new ones."""
        if self._pool is not None:
            self._pool.stop()
            self._pool = None

    def __del__(self) -> None:
        if getattr(self, "_pool", None) is not None:
            self.close()

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, as plain data: epoch, its seed, batches handed out, the generator's state."""
        return self._state.describe(self.generator)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken: the next iteration gives the batches that were not handed out yet.

        Raises    DataError if the state is not one of a loader; later, if the sampler does not repeat its order
        """
        self._state = LoaderState.parse(state, self.generator, own_generator(self.sampler, self.batch_sampler))
        self._resumed = self._state.running
        self._turn += 1


def _check_workers(
    num_workers: int, timeout: float, prefetch: int | None, persistent: bool, context: Any, init: Any
) -> None:
    if num_workers < 0:
        raise ArgumentError(f"DataLoader: num_workers must be 0 or more, not {num_workers}")
    if timeout < 0:
        raise ArgumentError(f"DataLoader: timeout must be 0 or more seconds, not {timeout}")
    if prefetch is not None and prefetch < 1:
        raise ArgumentError(f"DataLoader: prefetch_factor must be at least 1, not {prefetch}")
    given = {
        "timeout": bool(timeout),
        "prefetch_factor": prefetch is not None,
        "persistent_workers": persistent,
        "multiprocessing_context": context is not None,
    }
    for name, meant in given.items():
        if meant and not num_workers:
            raise ArgumentError(f"DataLoader: {name} needs num_workers of at least 1")


def _check_order(
    batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool, generator: Any, seed: Any
) -> None:
    if generator is not None and seed is not None:
        raise ArgumentError("DataLoader: give generator or seed, not both")
    if sampler is not None and shuffle:
        raise ArgumentError("DataLoader: sampler has its own order: no shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError("DataLoader: batch_sampler goes without batch_size, shuffle, sampler and drop_last")
    if batch_size is None and drop_last:
        raise ArgumentError("DataLoader: batch_size=None makes no batches: no drop_last")
