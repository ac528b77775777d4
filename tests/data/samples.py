"""Data sets that worker processes can import."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import namedtuple

import numpy as np

from medtorch.data import Dataset, IterableDataset, get_worker_info
from medtorch.errors import DataError

Pair = namedtuple("Pair", ["image", "label"])


class Squares(Dataset):
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return np.full((2, 3), index, np.float32), index * index


class Noisy(Squares):
    """Each sample draws from the generator that it is handed."""

    def sample(self, index, rng):
        return index, rng.random(4)


class Large(Squares):
    """Samples of 4 MB: far more than a pipe holds."""

    def __getitem__(self, index):
        return np.full((1 << 20,), index, np.float32)


class Slow(Squares):
    def __getitem__(self, index):
        time.sleep(30 if index == 5 else 0)
        return index


class Broken(Squares):
    def __getitem__(self, index):
        if index == 5:
            raise KeyError("no such patient: 5")
        return index


class OddError(Exception):
    """An error that cannot be rebuilt from its arguments."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class BrokenOddly(Squares):
    def __getitem__(self, index):
        raise OddError(1, 2)


class Deadly(Squares):
    def __getitem__(self, index):
        if index == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return index


class WhoAmI(Squares):
    def __getitem__(self, index):
        info = get_worker_info()
        return (info.id, info.num_workers, os.getpid()) if info else (-1, 0, os.getpid())


class Unsendable(Squares):
    def __getitem__(self, index):
        return lambda: index


class Counting(IterableDataset):
    def __init__(self, length):
        self.length = length

    def __iter__(self):
        return iter(np.arange(self.length, dtype=np.int64))


def as_list(batch):
    return list(batch)


def set_seed_of_worker(number):
    random.seed(number * 1000)


def refuse_to_start(number):
    raise DataError(f"worker {number} finds no disk")
