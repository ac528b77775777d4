"""The adaptive softmax is a softmax: its probabilities add up to one, head and clusters together."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-NN-007")


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def by_hand(layer, x):
    """All log-probabilities of one sample from the layer's weights."""
    w = {name: value.numpy() for name, value in layer.state_dict().items()}
    head = log_softmax(w["head.weight"] @ x + w.get("head.bias", 0))
    first = layer.shortlist_size
    clusters = [
        head[first + nr] + log_softmax(w[f"tail.{nr}.1.weight"] @ (w[f"tail.{nr}.0.weight"] @ x))
        for nr in range(layer.n_clusters)
    ]
    return np.concatenate([head[:first], *clusters])


@pytest.fixture
def layer():
    medtorch.manual_seed(0)
    return nn.AdaptiveLogSoftmaxWithLoss(16, 12, [3, 7], div_value=2.0, head_bias=True).double()


@pytest.fixture
def x(rng):
    return rng.normal(size=(9, 16)) * 3


def test_probabilities_are_those_of_head_and_clusters_and_add_up_to_one(layer, x):
    found = layer.log_prob(medtorch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, [by_hand(layer, row) for row in x], rtol=1e-10)
    np.testing.assert_allclose(np.exp(found).sum(1), 1, rtol=1e-12)


def test_each_target_gets_its_own_log_probability_and_the_loss_is_minus_their_mean(layer, x):
    target = np.array([0, 2, 3, 6, 7, 11, 1, 5, 8])
    expected = [by_hand(layer, row)[y] for row, y in zip(x, target, strict=True)]
    output, loss = layer(medtorch.tensor(x), medtorch.tensor(target))
    np.testing.assert_allclose(output.detach().numpy(), expected, rtol=1e-10)
    assert loss.item() == pytest.approx(-np.mean(expected), rel=1e-12)
    alone = layer(medtorch.tensor(x[4]), medtorch.tensor(7))
    assert alone.output.item() == pytest.approx(expected[4], rel=1e-12)


def test_the_likeliest_class_is_predicted(layer, x):
    every = [int(np.argmax(by_hand(layer, row))) for row in x]
    found = layer.predict(medtorch.tensor(x)).tolist()
    # a class in a cluster is found where the head points at a cluster, as in torch
    head = layer.head(medtorch.tensor(x)).argmax(1).tolist()
    assert found == [y if h >= 3 else h for y, h in zip(every, head, strict=True)]
    assert any(h >= 3 for h in head)
    assert any(h < 3 for h in head)


def test_gradients_reach_the_clusters_of_the_targets_only(layer, x):
    layer(medtorch.tensor(x[:2]), medtorch.tensor([0, 4])).loss.backward()
    assert layer.tail[0][1].weight.grad.abs().sum().item() > 0
    assert layer.tail[1][1].weight.grad is None
    before = layer.head.weight.tolist()
    layer.reset_parameters()
    assert layer.head.weight.tolist() != before


@pytest.mark.parametrize("cutoffs", [[], [3, 3], [5, 2], [0, 3], [12], [2.5]])
def test_impossible_cutoffs_are_refused(cutoffs):
    with pytest.raises(ArgumentError, match="cutoffs should be a sequence of"):
        nn.AdaptiveLogSoftmaxWithLoss(16, 12, cutoffs)


@pytest.mark.parametrize(
    ("shape", "target", "error", "text"),
    [
        ((2, 16), [0, 12], ArgumentError, r"should be in \[0, 11\], but values in range \[0, 12\]"),
        ((3, 16), [0, 1], ShapeError, "the same size in the batch dimension"),
        ((16,), [0, 1], ShapeError, "1D target tensor expects 2D input"),
        ((2, 16), 0, ShapeError, "0D target tensor expects 1D input"),
        ((2, 16), [[0], [1]], ShapeError, "multi-target not supported"),
    ],
)
def test_targets_that_do_not_fit_are_refused(layer, shape, target, error, text):
    with pytest.raises(error, match=text):
        layer(medtorch.ones(*shape).double(), medtorch.tensor(target))


def test_torch_gives_the_same(layer, x, needs_torch):
    theirs = needs_torch.nn.AdaptiveLogSoftmaxWithLoss(16, 12, [3, 7], div_value=2.0, head_bias=True).double()
    theirs.load_state_dict({k: needs_torch.tensor(v.numpy()) for k, v in layer.state_dict().items()})
    target = [0, 2, 3, 6, 7, 11, 1, 5, 8]
    ours = layer(medtorch.tensor(x), medtorch.tensor(target))
    expected = theirs(needs_torch.tensor(x), needs_torch.tensor(target))
    np.testing.assert_allclose(ours.output.detach().numpy(), expected.output.detach().numpy(), rtol=1e-10)
    assert layer.predict(medtorch.tensor(x)).tolist() == theirs.predict(needs_torch.tensor(x)).tolist()
    assert repr(layer) == repr(theirs)
