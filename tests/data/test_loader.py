"""DataLoader: order, workers, errors, exact resumption."""

from __future__ import annotations

import copy
import json
import multiprocessing
import multiprocessing.synchronize
import os
import signal
import subprocess
import sys
import time

import pytest

import medtorch
from medtorch import data
from medtorch.data import DataLoader
from medtorch.errors import ArgumentError, DataError, UnsupportedError
from tests.data.samples import (
    Broken,
    BrokenOddly,
    Counting,
    Deadly,
    Large,
    Noisy,
    Slow,
    Squares,
    Unsendable,
    WhoAmI,
    as_list,
    refuse_to_start,
)

pytestmark = pytest.mark.requirement("REQ-F-DAT-010")
workers_marked = pytest.mark.requirement("REQ-F-DAT-012")
resuming = pytest.mark.requirement("REQ-F-DAT-013")


def labels(loader):
    return [batch[1].numpy().tolist() for batch in loader]


def noise(loader):
    return [(batch[0].numpy().tolist(), batch[1].numpy().tolist()) for batch in loader]


def test_batches_are_tensors_in_order():
    batches = list(DataLoader(Squares(5), batch_size=2))
    assert [tuple(images.shape) for images, _ in batches] == [(2, 2, 3), (2, 2, 3), (1, 2, 3)]
    assert batches[0][0].dtype is medtorch.float32
    assert batches[0][1].dtype is medtorch.int64
    assert labels(batches) == [[0, 1], [4, 9], [16]]


def test_drop_last_leaves_out_the_smaller_batch():
    loader = DataLoader(Squares(5), batch_size=2, drop_last=True)
    assert labels(loader) == [[0, 1], [4, 9]]
    assert len(loader) == 2
    assert len(DataLoader(Squares(5), batch_size=2)) == 3


def test_shuffling_takes_every_sample_once_in_another_order_each_epoch():
    loader = DataLoader(Squares(50), batch_size=7, shuffle=True, seed=3)
    first, second = [[n for batch in labels(loader) for n in batch] for _ in range(2)]
    assert sorted(first) == sorted(second) == [n * n for n in range(50)]
    assert first != second
    assert first != sorted(first)


def test_the_same_seed_gives_the_same_order_and_another_seed_another():
    def epoch(seed):
        return labels(DataLoader(Squares(20), batch_size=4, shuffle=True, seed=seed))

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)


def test_the_order_of_a_seed_is_the_same_on_every_machine():
    """Recorded once: raw Philox numbers and the order of 64-bit keys, neither of which depends on a library version."""
    loader = DataLoader(Squares(8), batch_size=8, shuffle=True, seed=0)
    assert [int(n**0.5) for n in labels(loader)[0]] == [2, 4, 6, 0, 7, 3, 1, 5]


def test_manual_seed_governs_a_loader_without_seed():
    def epoch():
        medtorch.manual_seed(7)
        return labels(DataLoader(Squares(20), batch_size=4, shuffle=True))

    assert epoch() == epoch()


def test_without_batches_samples_come_one_by_one():
    images, label = next(iter(DataLoader(Squares(3), batch_size=None)))
    assert tuple(images.shape) == (2, 3)
    assert label == 0


def test_an_iterable_data_set_is_cut_into_batches():
    batches = [batch.numpy().tolist() for batch in DataLoader(Counting(5), batch_size=2)]
    assert batches == [[0, 1], [2, 3], [4]]
    assert [int(value) for value in DataLoader(Counting(3), batch_size=None)] == [0, 1, 2]


def test_two_iterations_at_once_do_not_disturb_each_other():
    loader = DataLoader(Squares(9), batch_size=2, shuffle=True, seed=5)
    again = DataLoader(Squares(9), batch_size=2, shuffle=True, seed=5)
    both = [(a[1].numpy().tolist(), b[1].numpy().tolist()) for a, b in zip(loader, loader, strict=True)]
    assert [pair[0] for pair in both] == labels(again)
    assert [pair[1] for pair in both] == labels(again)


# ---------------------------------------------------------------- workers


@workers_marked
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_any_number_of_workers_gives_the_same_batches(workers, method):
    def two_epochs(**arguments):
        loader = DataLoader(Noisy(11), batch_size=2, shuffle=True, seed=9, **arguments)
        return noise(loader) + noise(loader)

    assert two_epochs(num_workers=workers, multiprocessing_context=method) == two_epochs()


@workers_marked
def test_random_samples_differ_from_place_to_place_and_from_epoch_to_epoch():
    loader = DataLoader(Noisy(4), batch_size=4, seed=1)
    (first,), (second,) = noise(loader), noise(loader)
    rows = [tuple(row) for row in first[1] + second[1]]
    assert len(set(rows)) == 8


@workers_marked
def test_batches_larger_than_a_pipe_arrive_whole():
    loader = DataLoader(Large(9), batch_size=3, num_workers=2, prefetch_factor=3)
    for number, batch in enumerate(loader):
        assert tuple(batch.shape) == (3, 1 << 20)
        assert batch.numpy()[:, 0].tolist() == [3.0 * number, 3.0 * number + 1, 3.0 * number + 2]
        assert batch.numpy()[:, -1].tolist() == batch.numpy()[:, 0].tolist()


@workers_marked
def test_the_work_is_shared_among_processes():
    seen = [tuple(entry) for batch in DataLoader(WhoAmI(6), num_workers=3, collate_fn=as_list) for entry in batch]
    assert [entry[0] for entry in seen] == [0, 1, 2, 0, 1, 2]
    assert {entry[1] for entry in seen} == {3}
    assert len({entry[2] for entry in seen}) == 3
    assert os.getpid() not in {entry[2] for entry in seen}
    assert data.get_worker_info() is None


@workers_marked
def test_persistent_workers_live_through_epochs_and_others_do_not():
    def processes(loader):
        return {tuple(entry)[2] for batch in loader for entry in batch}

    loader = DataLoader(WhoAmI(4), num_workers=2, collate_fn=as_list, persistent_workers=True)
    assert processes(loader) == processes(loader)
    loader.close()
    fresh = DataLoader(WhoAmI(4), num_workers=2, collate_fn=as_list)
    assert not processes(fresh) & processes(fresh)


@workers_marked
def test_an_epoch_that_was_left_early_does_not_leak_into_the_next():
    loader = DataLoader(Squares(12), batch_size=2, num_workers=2, persistent_workers=True)
    for batch in loader:
        assert batch[1].numpy().tolist() == [0, 1]
        break
    assert labels(loader) == [[0, 1], [4, 9], [16, 25], [36, 49], [64, 81], [100, 121]]
    loader.close()


@workers_marked
def test_leaving_early_ends_the_workers():
    iterator = iter(DataLoader(WhoAmI(40), num_workers=2, collate_fn=as_list))
    process = next(iterator)[0][2]
    iterator.close()
    assert process not in {child.pid for child in multiprocessing.active_children()}
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@workers_marked
@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_the_data_set_comes_back_as_it_is(workers):
    with pytest.raises(KeyError, match="no such patient: 5") as caught:
        list(DataLoader(Broken(8), batch_size=2, num_workers=workers))
    if workers:
        (note,) = caught.value.__notes__
        assert note.startswith("in DataLoader worker 0, batch 2, samples [4, 5]:\nTraceback")
        assert "in __getitem__" in note


@workers_marked
def test_an_error_that_cannot_travel_comes_back_as_a_data_error_with_its_traceback():
    with pytest.raises(
        DataError, match=r"^DataLoader: OddError: 1 and 2 \(in DataLoader worker 0, batch 0, samples \[0\]"
    ):
        list(DataLoader(BrokenOddly(2), num_workers=1))


@workers_marked
def test_a_batch_that_cannot_travel_is_an_error():
    with pytest.raises((DataError, AttributeError), match=r"lambda|pickle"):
        list(DataLoader(Unsendable(2), num_workers=1, collate_fn=as_list))


@workers_marked
def test_a_worker_that_dies_is_noticed():
    with pytest.raises(
        DataError,
        match=r"^DataLoader: worker 0 \(process \d+\) died with exit code -9 while loading batch 2, samples \[4, 5\]$",
    ):
        list(DataLoader(Deadly(8), batch_size=2, num_workers=2))


@workers_marked
def test_a_worker_that_hangs_is_noticed_after_the_timeout():
    started = time.monotonic()
    with pytest.raises(DataError, match=r"^DataLoader: worker 1 did not load batch 5 within 0.5 s$"):
        list(DataLoader(Slow(8), num_workers=2, timeout=0.5))
    assert time.monotonic() - started < 5


@workers_marked
def test_an_error_of_worker_init_fn_comes_back():
    with pytest.raises(DataError, match=r"^worker 0 finds no disk\nin DataLoader worker 0, batch 0"):
        list(DataLoader(Squares(4), num_workers=2, worker_init_fn=refuse_to_start))


@workers_marked
def test_workers_end_when_their_parent_is_killed():
    program = (
        "import os, signal, time\n"
        "from medtorch.data import DataLoader\n"
        "from tests.data.samples import WhoAmI, as_list\n"
        "it = iter(DataLoader(WhoAmI(9), num_workers=2, collate_fn=as_list))\n"
        "print(next(it)[0][2], next(it)[0][2], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    assert ended.returncode == -signal.SIGKILL
    processes = [int(word) for word in ended.stdout.split()]
    deadline = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{process}/cmdline") and _runs(process) for process in processes):  # noqa: PTH110
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.1)


def _runs(process):
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@workers_marked
def test_workers_need_no_shared_memory(monkeypatch):
    """Semaphores and shared blocks live under /dev/shm; a loader must make neither."""

    def refuse(*_, **__):
        raise OSError("no /dev/shm")

    monkeypatch.setattr(multiprocessing.synchronize.SemLock, "__init__", refuse)
    assert labels(DataLoader(Squares(4), batch_size=2, num_workers=2)) == [[0, 1], [4, 9]]


# ---------------------------------------------------------------- resuming


@resuming
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 1, 3, 6, 7, 11])
def test_a_run_that_was_cut_anywhere_goes_on_with_the_same_batches(workers, stop):
    def loader():
        return DataLoader(Noisy(11), batch_size=2, shuffle=True, seed=4, num_workers=workers)

    whole = loader()
    expected = noise(whole) + noise(whole) + noise(whole)
    cut, seen = loader(), []
    while len(seen) < stop:
        for batch in cut:
            seen.append((batch[0].numpy().tolist(), batch[1].numpy().tolist()))
            if len(seen) == stop:
                break
    state = json.loads(json.dumps(cut.state_dict()))
    resumed = loader()
    resumed.load_state_dict(state)
    rest = noise(resumed)
    while len(seen) + len(rest) < len(expected):
        rest += noise(resumed)
    assert seen + rest == expected


@resuming
@pytest.mark.parametrize("stop", [2, 5, 7])
def test_a_sampler_with_its_own_generator_resumes_too(stop):
    def loader():
        sampler = data.RandomSampler(Squares(10), generator=medtorch.Generator().manual_seed(8))
        return DataLoader(Squares(10), batch_size=2, sampler=sampler, seed=0)

    whole = loader()
    expected = labels(whole) + labels(whole) + labels(whole)
    cut, seen = loader(), []
    for batch in _take(cut, stop):
        seen.append(batch[1].numpy().tolist())
    resumed = loader()
    resumed.load_state_dict(copy.deepcopy(cut.state_dict()))
    rest = labels(resumed)
    while len(seen) + len(rest) < len(expected):
        rest += labels(resumed)
    assert seen + rest == expected


def _take(loader, count):
    taken = []
    while True:
        for batch in loader:
            taken.append(batch)
            if len(taken) == count:
                return taken


@resuming
def test_a_sampler_that_does_not_repeat_its_order_is_noticed():
    def loader():
        return DataLoader(Squares(30), batch_size=2, sampler=data.RandomSampler(Squares(30)), seed=0)

    cut = loader()
    _take(cut, 5)
    resumed = loader()
    resumed.load_state_dict(cut.state_dict())
    with pytest.raises(DataError, match="the sampler does not repeat the order of the interrupted epoch"):
        list(resumed)


@resuming
def test_a_state_of_something_else_is_refused():
    with pytest.raises(DataError, match=r"^DataLoader: not the state of a loader \(version 1\): \{'epoch': 1\}$"):
        DataLoader(Squares(3), seed=0).load_state_dict({"epoch": 1})
    with pytest.raises(DataError, match="must both have a generator"):
        DataLoader(Squares(3)).load_state_dict(DataLoader(Squares(3), seed=0).state_dict())


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"sampler": [0], "shuffle": True}, "sampler has its own order: no shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler goes without batch_size"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler goes without batch_size"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None makes no batches"),
        ({"num_workers": -1}, "num_workers must be 0 or more, not -1"),
        ({"timeout": -1, "num_workers": 1}, "timeout must be 0 or more seconds, not -1"),
        ({"timeout": 1}, "timeout needs num_workers of at least 1"),
        ({"prefetch_factor": 2}, "prefetch_factor needs num_workers of at least 1"),
        ({"prefetch_factor": 0, "num_workers": 1}, "prefetch_factor must be at least 1, not 0"),
        ({"persistent_workers": True}, "persistent_workers needs num_workers of at least 1"),
        ({"multiprocessing_context": "spawn"}, "multiprocessing_context needs num_workers of at least 1"),
        ({"seed": 1, "generator": medtorch.Generator()}, "give generator or seed, not both"),
    ],
)
def test_contradicting_arguments_are_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        DataLoader(Squares(3), **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"pin_memory": True}, "pin_memory: page-locked memory"), ({"in_order": False}, "batches always come in order")],
)
def test_what_is_not_offered_is_refused_by_name(arguments, message):
    with pytest.raises(UnsupportedError, match=f"^DataLoader: .*{message}"):
        DataLoader(Squares(3), **arguments)


def test_an_iterable_data_set_with_an_order_or_workers_is_refused():
    with pytest.raises(ArgumentError, match="an IterableDataset has its own order"):
        DataLoader(Counting(3), shuffle=True)
    with pytest.raises(UnsupportedError, match="workers on an IterableDataset: each would give every sample"):
        DataLoader(Counting(3), num_workers=2)
