"""Cross-entropy with classes in one op: the bits of its steps, a gradient that can be differentiated again."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import class_entropy
from medtorch.core.ops.loss import cross_entropy, nll_loss
from medtorch.core.ops.softmax import log_softmax
from medtorch.errors import DimError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-OPS-108")

SHAPES = [(5, 7), (2, 3, 4, 5), (1, 1), (3, 2, 6)]


def given(shape, rng, dtype=np.float32):
    scores = medtorch.from_numpy(rng.normal(size=shape).astype(dtype)).requires_grad_()
    target = rng.integers(0, shape[1], (shape[0], *shape[2:]))
    target.flat[0] = -100
    target.flat[-1] = 0
    return scores, medtorch.from_numpy(target)


@pytest.mark.parametrize("how", ["mean", "sum"])
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradient_are_the_bits_of_the_steps(shape, how, rng):
    scores, target = given(shape, rng)
    found = cross_entropy(scores, target, reduction=how)
    steps = nll_loss(log_softmax(scores, 1), target, reduction=how)
    assert found.grad_fn.name() == "ClassEntropyBackward0"
    assert found.detach().numpy().tobytes() == steps.detach().numpy().tobytes()
    (a,), (b,) = (medtorch.autograd.grad(x * 0.7, [scores]) for x in (found, steps))
    assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_gradients_follow_a_small_step_in_first_and_second_order(how, rng):
    scores, target = given((3, 4, 2), rng, np.float64)
    assert medtorch.autograd.gradcheck(lambda x: cross_entropy(x, target, reduction=how), [scores])
    assert medtorch.autograd.gradgradcheck(lambda x: cross_entropy(x, target, reduction=how), [scores])


def test_recorded_and_unrecorded_gradients_agree(rng):
    scores, target = given((5, 7), rng)
    plain = medtorch.autograd.grad(cross_entropy(scores, target), [scores])[0]
    followed = medtorch.autograd.grad(cross_entropy(scores, target), [scores], create_graph=True)[0]
    assert followed.requires_grad
    assert plain.numpy().tobytes() == followed.detach().numpy().tobytes()


def test_the_mean_over_nothing_is_nan_and_its_sum_zero():
    scores, target = medtorch.ones(2, 3), medtorch.full((2,), 1)
    assert np.isnan(cross_entropy(scores, target, ignore_index=1).item())
    assert cross_entropy(scores, target, ignore_index=1, reduction="sum").item() == 0


def test_other_forms_go_by_their_steps(rng):
    scores, target = given((5, 7), rng)
    weighted = cross_entropy(scores, target, weight=medtorch.ones(7))
    smoothed = cross_entropy(scores, target, label_smoothing=0.1)
    for loss in (weighted, smoothed, cross_entropy(scores, target, reduction="none")):
        assert loss.grad_fn.name() != "ClassEntropyBackward0"
    _, slope = medtorch.func.jvp(lambda x: cross_entropy(x, target), (scores.detach(),), (medtorch.ones(5, 7),))
    np.testing.assert_allclose(slope.numpy(), 0, atol=1e-6)  # all scores alike: the loss stays


def test_what_does_not_fit_is_refused_by_name():
    with pytest.raises(DimError, match=r"^nll_loss: target 3 is not one of 3 classes"):
        cross_entropy(medtorch.ones(2, 3), medtorch.tensor([0, 3]))
    with pytest.raises(ShapeError, match=r"^class_entropy_grad: dy must be a single number\n  dy  "):
        class_entropy.ClassEntropyGrad(-100, True)(medtorch.ones(2), medtorch.ones(2, 3), medtorch.tensor([0, 1]))
