"""Where a loader stands, as plain data, and the order of an epoch that follows from it.

Requires  REQ-F-DAT-013
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from medtorch.core.random import Generator
from medtorch.data.dataset import IterableDataset
from medtorch.data.fetch import Task
from medtorch.errors import DataError

_VERSION = 1
_NO_ORDER = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class LoaderState:
    """A place in an epoch. `order` is a running digest of the sample numbers handed out so far."""

    epoch: int = 0
    running: bool = False
    epoch_seed: int = 0
    batches: int = 0
    samples: int = 0
    order: str = _NO_ORDER
    sampler_stream: tuple[int, int] | None = None

    def next_epoch(self, epoch_seed: int) -> LoaderState:
        """The beginning of a new epoch."""
        return LoaderState(self.epoch + 1, True, epoch_seed)

    def after(self, task: Task, *, numbered: bool) -> LoaderState:
        """One batch further; only numbered samples have an order that can be compared."""
        entry = f"{self.order} {task.indices!r}" if numbered else self.order
        digest = hashlib.sha256(entry.encode()).hexdigest()
        return replace(self, batches=self.batches + 1, samples=self.samples + task.samples, order=digest)

    def describe(self, generator: Generator | None) -> dict[str, Any]:
        """Plain data for a checkpoint."""
        stream = None if generator is None else [generator.stream.seed, generator.stream.taken]
        sampler = None if self.sampler_stream is None else list(self.sampler_stream)
        return {
            "version": _VERSION, "epoch": self.epoch, "running": self.running, "epoch_seed": self.epoch_seed,
            "batches": self.batches, "samples": self.samples, "order": self.order, "sampler_stream": sampler,
            "generator": stream,
        }  # fmt: skip

    @classmethod
    def parse(cls, state: Mapping[str, Any], generator: Generator | None, own: Generator | None) -> LoaderState:
        """Take `describe`'s data back; put the loader's generator and the sampler's own one where they stood."""
        expected = set(cls().describe(None))
        if not isinstance(state, Mapping) or set(state) != expected or state["version"] != _VERSION:
            raise DataError(f"DataLoader: not the state of a loader (version {_VERSION}): {state!r}")
        if (state["generator"] is None) != (generator is None):
            raise DataError("DataLoader: the state and the loader must both have a generator (or seed), or both none")
        if generator is not None:
            generator.stream.seed, generator.stream.taken = (int(part) for part in state["generator"])
        sampler = state["sampler_stream"]
        if own is not None and sampler is not None:
            own.stream.seed, own.stream.taken = (int(part) for part in sampler)
        return cls(
            epoch=int(state["epoch"]),
            running=bool(state["running"]),
            epoch_seed=int(state["epoch_seed"]),
            batches=int(state["batches"]),
            samples=int(state["samples"]),
            order=str(state["order"]),
            sampler_stream=None if sampler is None else (int(sampler[0]), int(sampler[1])),
        )


class Order:
    """The batches of one epoch from where its state stands; earlier ones are gone through and compared, not loaded."""

    def __init__(
        self, state: LoaderState, order: Generator, sampler: Iterable[Any], batch_sampler: Iterable[list[Any]] | None
    ) -> None:
        self._order, self._sampler, self._batch_sampler = order, sampler, batch_sampler
        self._own = own_generator(sampler, batch_sampler)
        self._own = None if self._own is order else self._own
        self._numbered = not isinstance(sampler, IterableDataset)
        self._wanted = state
        self._state = LoaderState(state.epoch, True, state.epoch_seed)

    @property
    def worker_seed(self) -> int:
        """What the global generators of workers start from."""
        return self._wanted.epoch_seed >> 2

    def tasks(self) -> Iterator[Task]:
        """The tasks that are left."""
        self._order.manual_seed(self._wanted.epoch_seed)
        self._state = replace(self._state, sampler_stream=_standing(self._own))
        samples = 0
        for number, indices in enumerate(self._sampler if self._batch_sampler is None else self._batch_sampler):
            task = Task(number, self._wanted.epoch_seed, samples, indices, self._batch_sampler is not None)
            samples += task.samples
            if number < self._wanted.batches:
                self.delivered(task)
                continue
            if number == self._wanted.batches:
                self._compare()
            yield task

    def delivered(self, task: Task) -> LoaderState:
        """The state after handing out the batch of a task."""
        self._state = self._state.after(task, numbered=self._numbered)
        return self._state

    def finished(self) -> LoaderState:
        """The state between this epoch and the next."""
        return LoaderState(self._wanted.epoch, sampler_stream=_standing(self._own))

    def _compare(self) -> None:
        if self._wanted.batches and self._state.order != self._wanted.order:
            raise DataError(
                "DataLoader: the sampler does not repeat the order of the interrupted epoch: give it a generator"
            )


def own_generator(sampler: Any, batch_sampler: Any) -> Generator | None:
    """The generator of the sampler, or of the sampler inside the batch sampler."""
    for candidate in (sampler, batch_sampler, getattr(batch_sampler, "sampler", None)):
        found = getattr(candidate, "generator", None)
        if isinstance(found, Generator):
            return found
    return None


def _standing(generator: Generator | None) -> tuple[int, int] | None:
    return None if generator is None else (generator.stream.seed, generator.stream.taken)
