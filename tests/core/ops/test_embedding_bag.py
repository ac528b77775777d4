"""A bag is the sum, mean or maximum of its rows, padding left out."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DimError, DtypeError, ShapeError, UnsupportedError
from medtorch.nn import functional as F

pytestmark = pytest.mark.requirement("REQ-F-OPS-111")

NUMBERS, OFFSETS = [4, 1, 1, 0, 3, 3, 2], [0, 3, 3, 6]
BAGS = [[4, 1, 1], [], [0, 3, 3], [2]]
REDUCE = {"sum": lambda x: x.sum(0), "mean": lambda x: x.mean(0), "max": lambda x: x.max(0)}


def expected(table, bags, mode, padding=None):
    kept = [[number for number in bag if number != padding] for bag in bags]
    return np.array([REDUCE[mode](table[bag]) if bag else np.zeros(table.shape[1]) for bag in kept])


@pytest.fixture
def table(rng):
    return rng.normal(size=(5, 3))


@pytest.mark.parametrize("padding", [None, 1, -2])
@pytest.mark.parametrize("mode", REDUCE)
def test_bags_by_offsets_are_reduced_one_by_one(mode, padding, table):
    found = F.embedding_bag(
        medtorch.tensor(NUMBERS), medtorch.tensor(table), medtorch.tensor(OFFSETS), mode=mode, padding_idx=padding
    )
    np.testing.assert_allclose(found.numpy(), expected(table, BAGS, mode, None if padding is None else padding % 5))


@pytest.mark.parametrize("mode", REDUCE)
def test_rows_of_a_matrix_are_bags_of_one_size(mode, table):
    found = F.embedding_bag(medtorch.tensor([[0, 1], [4, 4]]), medtorch.tensor(table), mode=mode)
    np.testing.assert_allclose(found.numpy(), expected(table, [[0, 1], [4, 4]], mode))


def test_the_last_offset_may_close_the_last_bag(table):
    args = (medtorch.tensor(NUMBERS), medtorch.tensor(table))
    open_ended = F.embedding_bag(*args, medtorch.tensor(OFFSETS))
    closed = F.embedding_bag(*args, medtorch.tensor([*OFFSETS, 7]), include_last_offset=True)
    assert open_ended.tolist() == closed.tolist()


def test_weights_multiply_the_rows_of_a_sum(table):
    shares = np.arange(7.0) + 1
    found = F.embedding_bag(
        medtorch.tensor(NUMBERS), medtorch.tensor(table), medtorch.tensor(OFFSETS), mode="sum",
        per_sample_weights=medtorch.tensor(shares),
    )  # fmt: skip
    rows = table[NUMBERS] * shares[:, None]
    np.testing.assert_allclose(found.numpy(), [rows[:3].sum(0), np.zeros(3), rows[3:6].sum(0), rows[6]])


@pytest.mark.parametrize("mode", REDUCE)
def test_gradients_follow_a_small_step_and_padding_gets_none(mode, table, rng):
    weights = medtorch.tensor(rng.normal(size=(4, 3)))

    def loss(values):
        out = F.embedding_bag(medtorch.tensor(NUMBERS), values, medtorch.tensor(OFFSETS), mode=mode, padding_idx=3)
        return (out * weights).sum()

    leaf = medtorch.tensor(table).requires_grad_()
    loss(leaf).backward()
    for place in np.ndindex(table.shape):
        step = np.zeros_like(table)
        step[place] = 1e-6
        slope = (loss(medtorch.tensor(table + step)).item() - loss(medtorch.tensor(table - step)).item()) / 2e-6
        assert leaf.grad[place].item() == pytest.approx(slope if place[0] != 3 else 0.0, rel=1e-6, abs=1e-8)


def test_of_equal_rows_only_one_gets_the_gradient_of_a_maximum():
    leaf = medtorch.ones(2, 1).requires_grad_()
    F.embedding_bag(medtorch.tensor([[0, 1]]), leaf, mode="max").sum().backward()
    assert leaf.grad.flatten().tolist() == [1.0, 0.0]


def test_rows_that_are_looked_up_are_shortened_first():
    leaf = medtorch.tensor([[3.0, 4.0], [30.0, 40.0]])
    out = F.embedding_bag(medtorch.tensor([[0]]), leaf, max_norm=1.0, mode="sum")
    np.testing.assert_allclose(out.numpy(), [[0.6, 0.8]], rtol=1e-6)
    assert leaf[1].tolist() == [30.0, 40.0]


def test_no_bags_give_no_rows(table):
    empty = medtorch.zeros(0, dtype=medtorch.int64)
    assert F.embedding_bag(empty, medtorch.tensor(table), empty).shape == (0, 3)
    assert F.embedding_bag(empty, medtorch.tensor(table), medtorch.tensor([0]), mode="max").tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"mode": "min"}, ArgumentError, "mode has to be one of sum, mean or max; got 'min'"),
        ({"mode": "max", "scale_grad_by_freq": True}, ArgumentError, "max mode does not support scaling"),
        ({"sparse": True}, UnsupportedError, "sparse=True is not supported"),
        ({"offsets": None}, ArgumentError, "offsets has to be a 1D Tensor"),
        ({"offsets": medtorch.tensor([1, 2])}, ArgumentError, r"offsets\[0\] has to be 0"),
        ({"offsets": medtorch.tensor([0, 9])}, ArgumentError, "must rise and not exceed the length of input, 7"),
        ({"input": medtorch.tensor([[0]])}, ArgumentError, "if input is 2D, then offsets has to be None"),
        ({"input": medtorch.tensor(0)}, ShapeError, "input has to be 1D or 2D Tensor, has 0 dims"),
        ({"weight": medtorch.ones(3)}, ShapeError, "weight has to be a 2D Tensor, has 1 dims"),
        ({"input": medtorch.tensor([9] * 7)}, DimError, "9 is not one of 5 rows"),
        ({"per_sample_weights": medtorch.ones(2), "mode": "sum"}, ShapeError, "must have input's shape"),
        ({"per_sample_weights": medtorch.ones(7).double(), "mode": "sum"}, DtypeError, "must have weight's dtype"),
        (
            {"per_sample_weights": medtorch.ones(7)},
            UnsupportedError,
            r"only supported for mode='sum' \(got mode='mean'\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(change, error, text):
    good = {"input": medtorch.tensor(NUMBERS), "weight": medtorch.ones(5, 3), "offsets": medtorch.tensor(OFFSETS)}
    with pytest.raises(error, match=text):
        F.embedding_bag(**{**good, **change})


def test_the_layer_is_the_function_with_its_table_and_prints_as_torchs(table):
    layer = nn.EmbeddingBag(5, 3, mode="sum", padding_idx=-1, max_norm=2.0, include_last_offset=True)
    assert repr(layer) == "EmbeddingBag(5, 3, max_norm=2.0, mode='sum', padding_idx=4)"
    assert layer.weight[4].tolist() == [0.0, 0.0, 0.0]
    given = nn.EmbeddingBag.from_pretrained(medtorch.tensor(table), mode="max")
    assert not given.weight.requires_grad
    out = given(medtorch.tensor(NUMBERS), medtorch.tensor(OFFSETS))
    np.testing.assert_allclose(out.numpy(), expected(table, BAGS, "max"))
    with pytest.raises(ArgumentError, match="EmbeddingBag: padding_idx 5 must be within num_embeddings 5"):
        nn.EmbeddingBag(5, 3, padding_idx=5)
    with pytest.raises(UnsupportedError, match="EmbeddingBag: sparse gradients are not supported"):
        nn.EmbeddingBag(5, 3, sparse=True)


@pytest.mark.parametrize("mode", REDUCE)
def test_a_compiled_bag_leaves_out_the_padding_of_each_call(mode, table):
    layer = nn.EmbeddingBag.from_pretrained(medtorch.tensor(table.astype(np.float32)), mode=mode, padding_idx=3).eval()
    compiled = medtorch.compile(layer, medtorch.tensor([[1, 2, 3], [4, 0, 1]]))
    bags = [[3, 3, 1], [3, 3, 3], [0, 2, 3]]
    np.testing.assert_allclose(compiled(medtorch.tensor(bags)).numpy(), expected(table, bags, mode, 3), rtol=1e-6)
