"""The multi-label margin loss is its double sum, and the linear cross-entropy a linear layer's cross-entropy."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from medtorch.nn import functional as F

pytestmark = pytest.mark.requirement("REQ-F-OPS-108")

TARGETS = [[3, 0, -1, 1], [2, -1, -1, -1], [-1, 0, 1, 2], [0, 1, 2, 3]]


def looped(x, targets):
    labels = targets[: targets.index(-1) if -1 in targets else len(targets)]
    terms = [max(0.0, 1 - (x[y] - x[i])) for y in labels for i in range(len(x)) if i not in labels]
    return sum(terms) / len(x)


def test_each_loss_is_the_double_sum(rng):
    x = rng.normal(size=(4, 4))
    expected = [looped(row, targets) for row, targets in zip(x, TARGETS, strict=True)]
    args = (medtorch.tensor(x), medtorch.tensor(TARGETS))
    np.testing.assert_allclose(F.multilabel_margin_loss(*args, reduction="none").numpy(), expected, rtol=1e-12)
    assert nn.MultiLabelMarginLoss()(*args).item() == pytest.approx(np.mean(expected), rel=1e-12)
    alone = F.multilabel_margin_loss(args[0][0], args[1][0])
    assert alone.item() == pytest.approx(expected[0], rel=1e-12)


def test_the_gradient_follows_a_small_step(rng):
    raw = rng.normal(size=(4, 4))
    x = medtorch.tensor(raw).requires_grad_()
    F.multilabel_margin_loss(x, medtorch.tensor(TARGETS)).backward()
    for place in np.ndindex(raw.shape):
        step = np.zeros_like(raw)
        step[place] = 1e-6
        ends = [F.multilabel_margin_loss(medtorch.tensor(raw + s * step), medtorch.tensor(TARGETS)) for s in (1, -1)]
        assert x.grad[place].item() == pytest.approx((ends[0] - ends[1]).item() / 2e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("x", "target", "error", "text"),
    [
        (medtorch.ones(2, 3), medtorch.tensor([[0, 1]]), ShapeError, "inconsistent target size"),
        (medtorch.ones(3), medtorch.tensor([0, 3, -1]), ArgumentError, "labels must lie between -1 and 2"),
        (medtorch.ones(3), medtorch.ones(3), DtypeError, "target must be int64"),
        (medtorch.ones(1, 1, 3), medtorch.tensor([[[0, 0, 0]]]), ShapeError, "input must have 1 or 2 dims, has 3"),
    ],
)
def test_what_does_not_fit_is_refused(x, target, error, text):
    with pytest.raises(error, match=text):
        F.multilabel_margin_loss(x, target)


@pytest.mark.parametrize("out", [(), (2, 3)])
def test_a_linear_cross_entropy_is_that_of_the_linear_layers_scores(out, rng):
    layer = nn.LinearCrossEntropyLoss(4, 5, out_features=out, bias=True, label_smoothing=0.1).double()
    x, target = rng.normal(size=(3, 4)), rng.integers(0, 5, size=(3, *out))
    weight, bias = (p.detach().numpy() for p in (layer.linear.weight, layer.linear.bias))
    scores = (x @ weight.T + bias).reshape(3, 5, *out)
    logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    picked = np.take_along_axis(logs, target[:, None], 1)
    expected = -(0.9 * picked.mean() + 0.1 * logs.mean())
    assert layer(medtorch.tensor(x), medtorch.tensor(target)).item() == pytest.approx(expected, rel=1e-12)
    assert list(layer.state_dict()) == ["linear.weight", "linear.bias"]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (
            lambda: nn.LinearCrossEntropyLoss(3, 2, weight=medtorch.ones(3)),
            ShapeError,
            r"shape to be \(2,\), got \(3,\)",
        ),
        (lambda: nn.LinearCrossEntropyLoss(3, 2, label_smoothing=2.0), ArgumentError, r"in range \[0, 1\], got 2"),
        (lambda: nn.LinearCrossEntropyLoss(3, 2, options="chunks"), UnsupportedError, "options are not supported"),
        (
            lambda: nn.LinearCrossEntropyLoss(3, 2)(medtorch.ones(4, 5), medtorch.tensor([0] * 4)),
            ShapeError,
            r"last dimensions \(in_features\), got 5 and 3, respectively",
        ),
        (
            lambda: F.linear_cross_entropy(
                medtorch.ones(1, 3), medtorch.ones(2, 3), medtorch.ones(1, 2), ignore_index=0
            ),
            ArgumentError,
            "ignore_index cannot be specified when target contains probabilities",
        ),
        (
            lambda: F.linear_cross_entropy(
                medtorch.ones(1, 3), medtorch.ones(2, 3), medtorch.tensor([0]), linear_bias=medtorch.ones(3)
            ),
            ShapeError,
            r"expected linear_bias shape \(2,\), got \(3,\)",
        ),
    ],
)
def test_what_does_not_fit_a_linear_cross_entropy_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()
