"""Data sets: things with a length and samples, whole, in part, joined, or augmented.

Source    semantics of torch.utils.data
Requires  REQ-F-DAT-009
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from medtorch.core.random import Generator
from medtorch.core.stream import stream_of
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DataError, UnsupportedError

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Samples by number. Subclasses write `__getitem__` and `__len__`.

    One whose samples are random (augmentation) writes `sample` instead of drawing from a global generator: the loader
    hands it a generator that depends on the seed, the epoch and the sample's place, never on the number of workers.
    """

    def __getitem__(self, index: int) -> T_co:
        raise UnsupportedError(f"{type(self).__name__}: a data set must define __getitem__")

    def sample(self, index: int, rng: np.random.Generator) -> T_co:
        """One sample, drawing anything random from `rng`."""
        return self[index]

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Samples in a row, without numbers. Subclasses write `__iter__`."""

    def __iter__(self) -> Iterator[T_co]:
        raise UnsupportedError(f"{type(self).__name__}: an iterable data set must define __iter__")


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Rows of tensors that have the same length.

    Raises    DataError if the lengths differ
    """

    def __init__(self, *tensors: Tensor) -> None:
        lengths = [int(tensor.shape[0]) for tensor in tensors]
        if len(set(lengths)) != 1:
            raise DataError(f"TensorDataset: the tensors must have the same length, not {lengths}")
        self.tensors = tensors

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class Subset(Dataset[T_co]):
    """Some samples of another data set, by their numbers there."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: int) -> T_co:
        return self.dataset[self.indices[index]]

    def sample(self, index: int, rng: np.random.Generator) -> T_co:
        return sample_of(self.dataset, self.indices[index], rng)  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[T_co]):
    """Several data sets, one after the other."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise DataError("ConcatDataset: needs at least one data set")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise UnsupportedError("ConcatDataset: iterable data sets have no numbers to join by")
        self.cumulative_sizes = list(itertools.accumulate(length_of(dataset) for dataset in self.datasets))

    def __getitem__(self, index: int) -> T_co:
        part, place = self._find(index)
        return self.datasets[part][place]

    def sample(self, index: int, rng: np.random.Generator) -> T_co:
        part, place = self._find(index)
        return sample_of(self.datasets[part], place, rng)  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def _find(self, index: int) -> tuple[int, int]:
        wanted = index + len(self) if index < 0 else index
        if not 0 <= wanted < len(self):
            raise IndexError(f"ConcatDataset: no sample {index} among {len(self)}")
        part = bisect.bisect_right(self.cumulative_sizes, wanted)
        return part, wanted - (self.cumulative_sizes[part - 1] if part else 0)


class Augmented(Dataset[Any]):
    """Samples of another data set, changed at random: `augment(sample, rng)` gives the changed sample.

    Raises    DataError for `dataset[i]`: random samples need a generator, from a DataLoader or by `sample(i, rng)`
    """

    def __init__(self, dataset: Any, augment: Callable[[Any, np.random.Generator], Any]) -> None:
        self.dataset, self.augment = dataset, augment

    def __getitem__(self, index: int) -> Any:
        raise DataError("Augmented: samples are random: take them from a DataLoader or by sample(index, rng)")

    def sample(self, index: int, rng: np.random.Generator) -> Any:
        return self.augment(sample_of(self.dataset, index, rng), rng)

    def __len__(self) -> int:
        return length_of(self.dataset)


def sample_of(dataset: Any, index: Any, rng: np.random.Generator) -> Any:
    """One sample of a Dataset, or of anything else that has numbered items."""
    return dataset.sample(index, rng) if isinstance(dataset, Dataset) else dataset[index]


def length_of(dataset: Any) -> int:
    """The number of samples; DataError if the data set cannot tell."""
    if not hasattr(dataset, "__len__"):
        raise DataError(f"{type(dataset).__name__}: the data set has no length")
    return len(dataset)


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[int | float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Split at random into parts of given lengths, or of given fractions that sum to 1.

    Raises    ArgumentError if the lengths do not sum to the data set's
    Source    semantics of torch.utils.data.random_split (left-over samples go to the first parts, one each)
    """
    total = length_of(dataset)
    counts = [int(length) for length in lengths]
    if math.isclose(sum(lengths), 1.0) and total != 1:
        if any(not 0 <= fraction <= 1 for fraction in lengths):
            raise ArgumentError(f"random_split: fractions must lie from 0 to 1, not {list(lengths)}")
        counts = [math.floor(total * fraction) for fraction in lengths]
        for extra in range(total - sum(counts)):
            counts[extra % len(counts)] += 1
    if sum(counts) != total or any(count < 0 for count in counts):
        raise ArgumentError(f"random_split: lengths {list(lengths)} do not sum to the {total} samples")
    order = stream_of(generator).permutation(total).tolist()
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for end, count in zip(ends, counts, strict=True)]
