"""In which order samples are taken.

Source    semantics of torch.utils.data.sampler; the random numbers are medtorch's own
Requires  REQ-F-DAT-010
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from medtorch.core.random import Generator
from medtorch.core.stream import Stream, stream_of
from medtorch.errors import ArgumentError

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """An order of sample numbers: anything that can be iterated again and again."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: a sampler must define __iter__")


class SequentialSampler(Sampler[int]):
    """From the first sample to the last."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A new random order each time: every sample once, or drawn with replacement."""

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if num_samples is not None and num_samples < 1:
            raise ArgumentError(f"RandomSampler: num_samples must be at least 1, not {num_samples}")
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """Samples in one pass."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        stream, total = stream_of(self.generator), len(self.data_source)
        if self.replacement:
            return iter(stream.integers(0, total, (self.num_samples,)).tolist())
        passes = [stream.permutation(total) for _ in range(math.ceil(self.num_samples / max(total, 1)))]
        order = np.concatenate(passes)[: self.num_samples] if passes else np.zeros(0, np.int64)
        return iter(order.tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given sample numbers in a new random order each time."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        return (self.indices[place] for place in stream_of(self.generator).permutation(len(self.indices)).tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Sample numbers drawn with probabilities in proportion to weights.

    Math      with replacement: inverse of the cumulative weights; without: the largest log(u) / weight first
    Source    Efraimidis & Spirakis 2006, Inf. Process. Lett. 97(5), 181-185 (without replacement)
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        self.weights = np.asarray(weights, np.float64)
        possible = int((self.weights > 0).sum())
        if self.weights.ndim != 1 or not np.isfinite(self.weights).all() or (self.weights < 0).any() or not possible:
            raise ArgumentError("WeightedRandomSampler: weights must be finite, not negative, and not all zero")
        if num_samples < 1 or (not replacement and num_samples > possible):
            raise ArgumentError(f"WeightedRandomSampler: {num_samples} samples of {possible} with a weight above 0")
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        return iter(self._draw(stream_of(self.generator)).tolist())

    def _draw(self, stream: Stream) -> Any:
        if self.replacement:
            ends = np.cumsum(self.weights)
            places = np.searchsorted(ends, stream.uniform((self.num_samples,)) * ends[-1], side="right")
            return np.minimum(places, np.flatnonzero(self.weights)[-1])
        keys = np.full(len(self.weights), -np.inf)
        inside = self.weights > 0
        keys[inside] = np.log(1.0 - stream.uniform(self.weights.shape)[inside]) / self.weights[inside]
        return np.argsort(-keys, kind="stable")[: self.num_samples]

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups the sample numbers of another sampler; the last group may be smaller unless `drop_last`."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ArgumentError(f"BatchSampler: batch_size must be a whole number of at least 1, not {batch_size!r}")
        if not isinstance(drop_last, bool):
            raise ArgumentError(f"BatchSampler: drop_last must be True or False, not {drop_last!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        total = len(self.sampler)  # type: ignore[arg-type]
        return total // self.batch_size if self.drop_last else -(-total // self.batch_size)


class DistributedSampler(Sampler[int]):
    """The share of one of several processes: every `num_replicas`-th sample from `rank` on.

    Without `drop_last` the order is filled up from its beginning so that all shares are equally long. `set_epoch` gives
    the next order.

    Source    semantics of torch.utils.data.distributed.DistributedSampler
    """

    def __init__(
        self, dataset: Sized, num_replicas: int, rank: int, shuffle: bool = True, seed: int = 0, drop_last: bool = False
    ) -> None:
        if not 0 <= rank < num_replicas:
            raise ArgumentError(f"DistributedSampler: rank {rank} among {num_replicas} processes")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order: the same epoch and seed give the same one in every process."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        total = len(self.dataset)
        order = Stream(self.seed + self.epoch).permutation(total) if self.shuffle else np.arange(total)
        wanted = len(self) * self.num_replicas
        return iter(np.resize(order, wanted)[self.rank :: self.num_replicas].tolist() if total else [])

    def __len__(self) -> int:
        total = len(self.dataset)
        return total // self.num_replicas if self.drop_last else -(-total // self.num_replicas)
