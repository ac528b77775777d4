"""CTC is the sum over all alignments, each written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.nn import functional as F

pytestmark = pytest.mark.requirement("REQ-F-OPS-108")


def collapsed(path, blank):
    """Repeats taken out, then blanks."""
    return [label for label, _ in itertools.groupby(path) if label != blank]


def by_enumeration(log_probs, labels, blank):
    """Minus the log of the added probabilities of every path that collapses to `labels`."""
    steps, classes = log_probs.shape
    total = sum(
        math.exp(sum(log_probs[t, label] for t, label in enumerate(path)))
        for path in itertools.product(range(classes), repeat=steps)
        if collapsed(path, blank) == list(labels)
    )
    return -math.log(total) if total else math.inf


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


TARGETS = [[1, 2, 1], [2, 2], [1], []]
INPUTS = [5, 4, 3, 5]


@pytest.fixture
def scores(rng):
    return log_softmax(rng.normal(size=(5, 4, 3)))


def padded(targets, width=4):
    return np.array([target + [0] * (width - len(target)) for target in targets])


@pytest.mark.parametrize("concatenated", [False, True])
def test_each_loss_is_that_of_all_its_alignments(concatenated, scores):
    targets = np.array(list(itertools.chain(*TARGETS))) if concatenated else padded(TARGETS)
    lengths = [len(target) for target in TARGETS]
    found = F.ctc_loss(medtorch.tensor(scores), medtorch.tensor(targets), INPUTS, lengths, reduction="none")
    expected = [by_enumeration(scores[:t, nr], y, 0) for nr, (t, y) in enumerate(zip(INPUTS, TARGETS, strict=True))]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_another_class_can_be_the_blank(scores):
    targets = [[0, 1], [1, 0, 1], [0], [1]]
    found = F.ctc_loss(
        medtorch.tensor(scores), medtorch.tensor(padded(targets)), medtorch.tensor([5] * 4),
        medtorch.tensor([len(t) for t in targets]), blank=2, reduction="none",
    )  # fmt: skip
    np.testing.assert_allclose(
        found.numpy(), [by_enumeration(scores[:, nr], y, 2) for nr, y in enumerate(targets)], rtol=1e-12
    )


def test_the_mean_is_of_losses_by_target_length_and_one_sample_needs_no_batch(scores):
    x, targets, lengths = medtorch.tensor(scores), medtorch.tensor(padded(TARGETS)), [len(t) for t in TARGETS]
    each = F.ctc_loss(x, targets, INPUTS, lengths, reduction="none").numpy()
    assert F.ctc_loss(x, targets, INPUTS, lengths).item() == pytest.approx((each / [3, 2, 1, 1]).mean(), rel=1e-12)
    assert F.ctc_loss(x, targets, INPUTS, lengths, reduction="sum").item() == pytest.approx(each.sum(), rel=1e-12)
    alone = F.ctc_loss(x[:, 0], targets[0, :3], (5,), (3,), reduction="none")
    assert alone.shape == ()
    assert alone.item() == pytest.approx(each[0], rel=1e-12)


def test_the_gradient_of_scores_follows_a_small_step(rng):
    raw = rng.normal(size=(5, 4, 3))

    def loss(x):
        lengths = [len(target) for target in TARGETS]
        return F.ctc_loss(x.log_softmax(2), medtorch.tensor(padded(TARGETS)), INPUTS, lengths)

    x = medtorch.tensor(raw).requires_grad_()
    loss(x).backward()
    for place in [(0, 0, 1), (2, 1, 2), (4, 0, 0), (4, 2, 0), (3, 3, 1)]:
        step = np.zeros_like(raw)
        step[place] = 1e-6
        slope = (loss(medtorch.tensor(raw + step)).item() - loss(medtorch.tensor(raw - step)).item()) / 2e-6
        assert x.grad[place].item() == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_more_labels_than_steps_cost_infinitely_much_or_nothing(zero_infinity):
    x = medtorch.zeros(2, 2, 3).requires_grad_()
    loss = F.ctc_loss(
        x.log_softmax(2), medtorch.tensor([[1, 2, 1], [1, 0, 0]]), [2, 2], [3, 1], reduction="none",
        zero_infinity=zero_infinity,
    )  # fmt: skip
    assert loss.tolist()[0] == (0.0 if zero_infinity else math.inf)
    loss.sum().backward()
    assert bool(x.grad[:, 0].isfinite().all().item()) is zero_infinity
    assert x.grad[:, 1].isfinite().all().item()


def test_long_sequences_neither_overflow_nor_underflow():
    x = medtorch.zeros(400, 1, 5).log_softmax(2)
    loss = F.ctc_loss(x, medtorch.tensor([[1, 2, 3, 4] * 10]), [400], [40], reduction="sum").item()
    # every path has the same probability: 5^-400 times their number
    assert 0 < loss < 400 * math.log(5)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"log_probs": medtorch.zeros(5)}, ShapeError, "log_probs must have 3 dims"),
        ({"log_probs": medtorch.zeros(5, 1, 3).half()}, DtypeError, "must be float32 or float64"),
        ({"log_probs": medtorch.zeros(0, 1, 3)}, ShapeError, "one step or more"),
        ({"targets": medtorch.ones(1, 2)}, DtypeError, "targets must be int64 or int32"),
        ({"targets": medtorch.tensor([[1, 3]])}, ArgumentError, "targets must lie between 0 and 2"),
        ({"targets": medtorch.tensor([1, 1, 1])}, ShapeError, "must be 2 labels in a row"),
        ({"targets": medtorch.tensor([[1]])}, ShapeError, r"targets must be \(1, 2 or more\)"),
        ({"input_lengths": [6]}, ArgumentError, "input_lengths must lie between 0 and 5"),
        ({"input_lengths": [5, 5]}, ShapeError, "input_lengths must be one a sample: 1, got 2"),
        ({"target_lengths": [-1]}, ArgumentError, "target_lengths must not be negative"),
        ({"blank": 3}, ArgumentError, "blank 3 is not one of 3 classes"),
        ({"reduction": "most"}, ArgumentError, "reduction must be none, mean or sum; got 'most'"),
    ],
)
def test_what_does_not_fit_is_refused(change, error, text):
    good = {
        "log_probs": medtorch.zeros(5, 1, 3),
        "targets": medtorch.tensor([[1, 2]]),
        "input_lengths": [5],
        "target_lengths": [2],
    }
    with pytest.raises(error, match=text):
        F.ctc_loss(**{**good, **change})


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_torch_gives_the_same_loss_and_gradient(reduction, rng, needs_torch):
    raw, labels, sizes = rng.normal(size=(30, 6, 7)), rng.integers(1, 7, size=(6, 9)), rng.integers(0, 10, size=6)
    found = []
    for library in (medtorch, needs_torch):
        x = library.tensor(log_softmax(raw)).requires_grad_()
        loss = library.nn.CTCLoss(reduction=reduction)(
            x, library.tensor(labels), library.tensor([30, 28, 25, 30, 29, 30]), library.tensor(sizes)
        )
        loss.sum().backward()
        found.append((loss.detach().numpy(), x.grad.numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-10)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-10)
