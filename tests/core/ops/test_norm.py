"""Running moments, precision and edges of normalisation. Oracle: formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import norm
from medtorch.core.stepping import can_follow, count_one, follow
from medtorch.errors import ShapeError

pytestmark = pytest.mark.requirement("REQ-F-OPS-104")


def test_batch_norm_moves_its_running_moments_by_momentum_with_the_unbiased_variance(rng: np.random.Generator) -> None:
    x = rng.normal(3, 2, (4, 3, 5))
    mean, var = medtorch.zeros(3, dtype=medtorch.float64), medtorch.ones(3, dtype=medtorch.float64)
    norm.batch_norm(medtorch.from_numpy(x), mean, var, training=True, momentum=0.3)
    np.testing.assert_allclose(mean.numpy(), 0.3 * x.mean((0, 2)), rtol=1e-12)
    np.testing.assert_allclose(var.numpy(), 0.7 + 0.3 * x.var((0, 2), ddof=1), rtol=1e-12)


def test_batch_norm_in_evaluation_leaves_them_alone(rng: np.random.Generator) -> None:
    mean, var = medtorch.zeros(3), medtorch.ones(3)
    norm.batch_norm(medtorch.randn(4, 3), mean, var)
    assert mean.tolist() == [0, 0, 0]
    assert var.tolist() == [1, 1, 1]


def test_instance_norm_takes_the_mean_of_the_samples_moments(rng: np.random.Generator) -> None:
    x = rng.normal(3, 2, (4, 2, 5))
    mean, var = medtorch.zeros(2, dtype=medtorch.float64), medtorch.ones(2, dtype=medtorch.float64)
    norm.instance_norm(medtorch.from_numpy(x), mean, var, momentum=0.5)
    np.testing.assert_allclose(mean.numpy(), 0.5 * x.mean(2).mean(0), rtol=1e-12)
    np.testing.assert_allclose(var.numpy(), 0.5 + 0.5 * x.var(2, ddof=1).mean(0), rtol=1e-12)


def test_an_empty_batch_changes_nothing() -> None:
    mean, var = medtorch.zeros(3), medtorch.ones(3)
    out = norm.batch_norm(medtorch.zeros(0, 3, 4), mean, var, training=True)
    assert out.shape == (0, 3, 4)
    assert mean.tolist() == [0, 0, 0]
    assert var.tolist() == [1, 1, 1]
    assert norm.group_norm(medtorch.zeros(0, 4, 3), 2).shape == (0, 4, 3)
    assert norm.instance_norm(medtorch.zeros(0, 4, 3)).shape == (0, 4, 3)


def test_a_large_mean_does_not_swallow_a_small_variance(rng: np.random.Generator) -> None:
    x = (1000 + 0.01 * rng.normal(size=(8, 1, 64, 64))).astype(np.float32)
    out = norm.batch_norm(medtorch.from_numpy(x), None, None, training=True, eps=1e-12).numpy()
    wide = x.astype(np.float64)
    np.testing.assert_allclose(out, (wide - wide.mean()) / wide.std(), atol=5e-3)  # the mean is good to 2e-5 of 0.01


def test_float16_keeps_float32_running_moments(rng: np.random.Generator) -> None:
    x = medtorch.from_numpy(rng.normal(300, 1, (64, 1, 32)).astype(np.float16))
    mean, var = medtorch.zeros(1), medtorch.ones(1)
    out = norm.batch_norm(x, mean, var, medtorch.ones(1), medtorch.zeros(1), training=True, momentum=1.0)
    assert out.dtype is medtorch.float16
    assert abs(mean.item() - x.numpy().astype(np.float64).mean()) < 1e-3


def test_the_gradient_of_running_moments_in_evaluation_is_not_asked_for(rng: np.random.Generator) -> None:
    x = medtorch.from_numpy(rng.normal(size=(2, 3))).requires_grad_()
    var = rng.uniform(0.5, 2, 3)
    out = norm.batch_norm(x, medtorch.zeros(3, dtype=medtorch.float64), medtorch.from_numpy(var))
    (grad,) = medtorch.autograd.grad(out.sum(), x)
    np.testing.assert_allclose(grad.numpy(), np.broadcast_to(1 / np.sqrt(var + 1e-5), (2, 3)), rtol=1e-12)


def test_moments_of_standardize_have_gradients_of_their_own(rng: np.random.Generator) -> None:
    x = rng.normal(size=(3, 4))
    leaf = medtorch.from_numpy(x).requires_grad_()
    _, mean, var = norm.Standardize((1,), 1e-5)(leaf)
    (grad,) = medtorch.autograd.grad((2 * mean + 3 * var).sum(), leaf)
    np.testing.assert_allclose(grad.numpy(), 2 / 4 + 3 * 2 * (x - x.mean(1, keepdims=True)) / 4, rtol=1e-12)


def test_a_single_value_per_channel_is_refused_by_name() -> None:
    with pytest.raises(
        ShapeError, match=r"^batch_norm: needs more than 1 value per channel when training\n  input  \(1, 2, 1\)"
    ):
        norm.batch_norm(medtorch.ones(1, 2, 1), None, None, training=True)


def test_running_statistics_are_rounded_as_their_rule_written_with_tensors(rng):
    running, own = (medtorch.from_numpy(rng.normal(size=9).astype(np.float32)) for _ in range(2))
    found = norm.RunningMoment(0.1, 10 / 9)(running, own)
    expected = running * (1 - 0.1) + (own * (10 / 9)) * 0.1
    assert found.numpy().tobytes() == expected.numpy().tobytes()
    with pytest.raises(ShapeError, match=r"^running_moment: running and own differ in shape\n  running  \(9,\)"):
        norm.RunningMoment(0.1, 1.0)(running, own[:3])


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", [(2, 5, 4, 3), (3, 7), (1, 20, 6)])
def test_known_moments_without_a_gradient_are_one_op_with_the_bits_of_the_steps(shape, affine, rng):
    x, mean, var, weight, bias = (
        medtorch.from_numpy(rng.uniform(0.5, 2, size).astype(np.float32)) for size in (shape, *[shape[1]] * 4)
    )
    given = (mean, var, weight, bias) if affine else (mean, var)
    one = norm.batch_norm(x, *given)
    steps = norm.batch_norm(x.requires_grad_(), *given)
    assert steps.grad_fn is not None
    assert one.numpy().tobytes() == steps.detach().numpy().tobytes()


def test_running_statistics_follow_in_place_with_the_bits_of_the_steps(rng):
    own = medtorch.from_numpy(rng.normal(size=(1, 9, 1, 1)).astype(np.float32))
    start = rng.normal(size=9).astype(np.float32)
    running = medtorch.from_numpy(start.copy())
    before = running._version
    assert can_follow(running, own)
    follow(running, own, 0.1, 10 / 9)
    expected = norm.RunningMoment(0.1, 10 / 9)(medtorch.from_numpy(start), own.reshape(9))
    assert running.numpy().tobytes() == expected.numpy().tobytes()
    assert running._version == before + 1


def test_running_statistics_that_somebody_follows_are_left_to_the_ops(rng):
    own = medtorch.ones(1, 3, 1)
    assert not can_follow(medtorch.zeros(3, requires_grad=True), own)
    assert not can_follow(medtorch.zeros(3, dtype=medtorch.float64), own)
    assert not can_follow(medtorch.zeros(6)[:3], own)
    assert not can_follow(medtorch.zeros(3), medtorch.ones(2, 3, 1))


def test_a_whole_number_is_counted_in_place_and_a_part_of_others_is_not():
    number = medtorch.tensor(4)
    before = number._version
    assert count_one(number)
    assert (number.item(), number._version) == (5, before + 1)
    assert not count_one(medtorch.zeros(3, dtype=medtorch.int64)[0])
    assert not count_one(medtorch.tensor(1.0))


@pytest.mark.parametrize("affine", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize(
    ("shape", "last"), [((3, 5, 8), (8,)), ((2, 3, 4, 6), (4, 6)), ((0, 7), (7,)), ((1, 300), (300,))]
)
def test_layer_norm_without_a_gradient_is_one_op_with_the_bits_of_the_steps(shape, last, affine, rng):
    given = [medtorch.from_numpy(rng.normal(size=size).astype(np.float32)) for size in (shape, last, last)]
    x, weight, bias = given[0], *(t if wanted else None for t, wanted in zip(given[1:], affine, strict=True))
    one = norm.layer_norm(x, last, weight, bias)
    steps = norm.layer_norm(x.requires_grad_(), last, weight, bias)
    assert steps.grad_fn is not None
    assert one.numpy().tobytes() == steps.detach().numpy().tobytes()
