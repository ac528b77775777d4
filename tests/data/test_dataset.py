"""Data sets, samplers and collation."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import data
from medtorch.errors import ArgumentError, DataError, UnsupportedError
from tests.data.samples import Counting, Noisy, Pair, Squares

pytestmark = pytest.mark.requirement("REQ-F-DAT-009")
collating = pytest.mark.requirement("REQ-F-DAT-011")


def seeded(number):
    return medtorch.Generator().manual_seed(number)


def test_a_tensor_data_set_gives_rows_of_all_tensors():
    rows = data.TensorDataset(medtorch.arange(6).reshape(3, 2), medtorch.tensor([5, 6, 7]))
    assert len(rows) == 3
    assert [part.numpy().tolist() for part in rows[1]] == [[2, 3], 6]


def test_tensors_of_different_lengths_are_refused():
    with pytest.raises(DataError, match=r"^TensorDataset: the tensors must have the same length, not \[3, 2\]$"):
        data.TensorDataset(medtorch.zeros(3), medtorch.zeros(2))


def test_data_sets_are_joined_in_order():
    joined = Squares(2) + Squares(3)
    assert [joined[index][1] for index in range(len(joined))] == [0, 1, 0, 1, 4]
    assert joined[-1][1] == 4
    for outside in (5, -6):
        with pytest.raises(IndexError, match=f"no sample {outside} among 5"):
            joined[outside]


def test_joining_nothing_or_iterables_is_refused():
    with pytest.raises(DataError, match="needs at least one data set"):
        data.ConcatDataset([])
    with pytest.raises(UnsupportedError, match="iterable data sets have no numbers"):
        data.ConcatDataset([Counting(3)])


def test_random_samples_go_through_parts_and_joins():
    rng = np.random.default_rng(1)
    expected = np.random.default_rng(1).random(4)
    part = data.Subset(data.ConcatDataset([Squares(2), Noisy(3)]), [4, 0])
    index, values = part.sample(0, rng)
    assert index == 2
    assert np.array_equal(values, expected)


def test_augmented_samples_need_a_generator():
    augmented = data.Augmented(Squares(3), lambda sample, rng: sample[1] + rng.random())
    assert 4 < augmented.sample(2, np.random.default_rng(0)) < 5
    assert len(augmented) == 3
    with pytest.raises(DataError, match="samples are random: take them from a DataLoader"):
        augmented[0]


def test_a_random_split_shares_out_every_sample_once():
    parts = data.random_split(Squares(10), [7, 3], generator=seeded(2))
    assert [len(part) for part in parts] == [7, 3]
    assert sorted([*parts[0].indices, *parts[1].indices]) == list(range(10))
    again = data.random_split(Squares(10), [7, 3], generator=seeded(2))
    assert parts[0].indices == again[0].indices


def test_fractions_are_rounded_down_and_the_rest_goes_to_the_first_parts():
    assert [len(part) for part in data.random_split(Squares(11), [0.5, 0.3, 0.2], seeded(0))] == [6, 3, 2]


@pytest.mark.parametrize("lengths", [[5, 4], [0.5, 0.4], [-1, 11]])
def test_lengths_that_do_not_sum_up_are_refused(lengths):
    with pytest.raises(ArgumentError, match=r"^random_split: lengths .* do not sum to the 10 samples$"):
        data.random_split(Squares(10), lengths)


def test_a_data_set_without_items_says_so():
    with pytest.raises(UnsupportedError, match="must define __getitem__"):
        data.Dataset()[0]


# ---------------------------------------------------------------- samplers


def test_a_random_sampler_goes_round_again_for_more_samples_than_there_are():
    order = list(data.RandomSampler(range(4), num_samples=6, generator=seeded(0)))
    assert sorted(order[:4]) == [0, 1, 2, 3]
    assert len(order) == 6


def test_drawing_with_replacement_is_uniform():
    order = list(data.RandomSampler(range(4), replacement=True, num_samples=40000, generator=seeded(0)))
    counts = np.bincount(order, minlength=4)
    assert np.abs(counts - 10000).max() < 5 * np.sqrt(40000 * 0.25 * 0.75)  # five standard deviations


def test_weights_govern_how_often_a_sample_is_drawn():
    weights = [0.0, 1.0, 3.0]
    order = list(data.WeightedRandomSampler(weights, 40000, generator=seeded(1)))
    counts = np.bincount(order, minlength=3)
    assert counts[0] == 0
    assert abs(counts[2] - 30000) < 5 * np.sqrt(40000 * 0.25 * 0.75)


def test_without_replacement_each_sample_is_drawn_once_and_heavy_ones_first():
    firsts = []
    for seed in range(2000):
        order = list(data.WeightedRandomSampler([1.0, 3.0, 0.0], 2, replacement=False, generator=seeded(seed)))
        assert sorted(order) == [0, 1]
        firsts.append(order[0])
    assert abs(np.mean(firsts) - 0.75) < 5 * np.sqrt(0.25 * 0.75 / 2000)


@pytest.mark.parametrize(
    ("weights", "samples", "replacement"),
    [
        ([0.0, 0.0], 1, True),
        ([1.0, -1.0], 1, True),
        ([1.0, float("nan")], 1, True),
        ([1.0, 0.0], 2, False),
        ([1.0], 0, True),
    ],
)
def test_weights_that_cannot_be_drawn_from_are_refused(weights, samples, replacement):
    with pytest.raises(ArgumentError, match=r"^WeightedRandomSampler: "):
        data.WeightedRandomSampler(weights, samples, replacement)


def test_a_subset_sampler_gives_its_numbers_in_random_order():
    assert sorted(data.SubsetRandomSampler([5, 7, 9], seeded(0))) == [5, 7, 9]


@pytest.mark.parametrize("drop_last", [True, False])
def test_shares_of_processes_cover_the_data_and_are_equally_long(drop_last):
    shares = [list(data.DistributedSampler(range(10), 3, rank, seed=4, drop_last=drop_last)) for rank in range(3)]
    assert {len(share) for share in shares} == {3 if drop_last else 4}
    together = [n for share in shares for n in share]
    assert len(set(together)) == (9 if drop_last else 10)


def test_each_epoch_has_another_order_in_every_process():
    sampler = data.DistributedSampler(range(50), 2, 0)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    with pytest.raises(ArgumentError, match="rank 2 among 2 processes"):
        data.DistributedSampler(range(50), 2, 2)


# ---------------------------------------------------------------- collation


@collating
def test_a_batch_has_the_structure_of_its_samples():
    samples = [{"pair": Pair(np.full(2, n, np.float32), n), "name": str(n), "share": [n / 2, n > 0]} for n in range(3)]
    batch = data.default_collate(samples)
    assert batch["pair"].image.numpy().tolist() == [[0, 0], [1, 1], [2, 2]]
    assert batch["pair"].label.dtype is medtorch.int64
    assert batch["name"] == ["0", "1", "2"]
    assert batch["share"][0].dtype is medtorch.float64
    assert batch["share"][0].numpy().tolist() == [0.0, 0.5, 1.0]
    assert batch["share"][1].numpy().tolist() == [False, True, True]


@collating
def test_numpy_scalars_keep_their_dtype():
    assert data.default_collate([np.float32(1), np.float32(2)]).dtype is medtorch.float32
    assert data.default_collate([np.uint8(1), np.uint8(2)]).dtype is medtorch.uint8


@collating
def test_tensors_are_stacked():
    assert data.default_collate([medtorch.ones(2), medtorch.zeros(2)]).numpy().tolist() == [[1, 1], [0, 0]]


@collating
@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ([np.zeros((2, 2)), np.zeros((2, 3))], r"must have the same shape, not \(2, 2\), \(2, 3\)$"),
        ([[1, 2], [1]], r"must have the same length, not \[1, 2\]$"),
        ([{"a": 1}, {"b": 1}], "must have the same keys"),
        ([None, None], "cannot make a batch of NoneType: give a collate_fn"),
        ([np.array(["x"])], "cannot make a tensor of an array of <U1"),
    ],
)
def test_samples_that_do_not_fit_are_refused(batch, message):
    with pytest.raises(DataError, match="^default_collate: .*" + message):
        data.default_collate(batch)


@collating
def test_converting_turns_arrays_into_tensors_and_keeps_the_rest():
    converted = data.default_convert({"a": np.ones(2), "b": [np.zeros(1), "x"], "c": Pair(np.ones(1), 4)})
    assert converted["a"].numpy().tolist() == [1, 1]
    assert converted["b"][0].numpy().tolist() == [0]
    assert converted["b"][1] == "x"
    assert converted["c"].image.numpy().tolist() == [1]
    assert converted["c"].label == 4
