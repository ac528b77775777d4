"""A linear layer on many leading dims, and of one output."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.ops import linear as linear_ops
from medtorch.core.ops.linear import linear
from medtorch.errors import ShapeError

pytestmark = pytest.mark.requirement("REQ-F-OPS-112")


def test_every_leading_place_is_a_sample_of_its_own(rng: np.random.Generator) -> None:
    x, w, b = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(6, 5)), rng.normal(size=6)
    found = linear(*(medtorch.from_numpy(a) for a in (x, w, b))).numpy()
    for at in np.ndindex(2, 3, 4):
        np.testing.assert_allclose(found[at], w @ x[at] + b, rtol=1e-12)


def test_a_weight_of_one_dim_gives_one_number_a_sample(rng: np.random.Generator) -> None:
    x, w = rng.normal(size=(3, 5)), rng.normal(size=5)
    np.testing.assert_allclose(linear(medtorch.from_numpy(x), medtorch.from_numpy(w)).numpy(), x @ w, rtol=1e-12)


def test_gradients_of_weight_and_bias_add_up_over_all_samples(rng: np.random.Generator) -> None:
    x, dy = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 3, 4))
    w = medtorch.from_numpy(rng.normal(size=(4, 5))).requires_grad_()
    b = medtorch.zeros(4, dtype=medtorch.float64, requires_grad=True)
    linear(medtorch.from_numpy(x), w, b).backward(medtorch.from_numpy(dy))
    np.testing.assert_allclose(w.grad.numpy(), dy.reshape(6, 4).T @ x.reshape(6, 5), rtol=1e-12)
    np.testing.assert_allclose(b.grad.numpy(), dy.sum((0, 1)), rtol=1e-12)


LAYERS = [((16, 32), 64), ((4, 7, 32), 10), ((2, 3, 5, 129), 33), ((1, 200), 5), ((300, 64), 64)]


def layer(shape, outputs, rng, dtype=np.float32):
    sizes = (shape, (outputs, shape[-1]), (outputs,))
    return [medtorch.from_numpy(rng.normal(size=size).astype(dtype)).requires_grad_() for size in sizes]


@pytest.mark.parametrize(("shape", "outputs"), LAYERS)
def test_one_op_has_the_bits_of_a_product_and_a_sum(shape, outputs, rng):
    given = layer(shape, outputs, rng)
    x, weight, bias = given
    found, steps = linear(x, weight, bias), x.matmul(weight.t()) + bias
    assert found.grad_fn.name() == "LinearBackward0"
    assert found.detach().numpy().tobytes() == steps.detach().numpy().tobytes()
    dy = medtorch.from_numpy(rng.normal(size=found.shape).astype(np.float32))
    for a, b in zip(*(medtorch.autograd.grad(y, given, dy) for y in (found, steps)), strict=True):
        assert a.numpy().tobytes() == b.numpy().tobytes()


@pytest.mark.parametrize(("shape", "outputs"), LAYERS[:2])
def test_recorded_and_unrecorded_gradients_of_a_layer_have_the_same_bits(shape, outputs, rng):
    given = layer(shape, outputs, rng)
    plain = medtorch.autograd.grad(linear(*given).sum(), given)
    followed = medtorch.autograd.grad(linear(*given).sum(), given, create_graph=True)
    for a, b in zip(plain, followed, strict=True):
        assert a.numpy().tobytes() == b.detach().numpy().tobytes()


def test_gradients_of_a_layer_follow_a_small_step_in_first_and_second_order(rng):
    given = layer((2, 3, 4), 5, rng, np.float64)
    assert medtorch.autograd.gradcheck(linear, given)
    assert medtorch.autograd.gradgradcheck(linear, given)


def test_only_gradients_that_are_wanted_are_computed(rng):
    x, weight, bias = layer((6, 4), 3, rng)
    linear(x.detach(), weight.detach(), bias).sum().backward()
    np.testing.assert_array_equal(bias.grad.numpy(), np.full(3, 6, np.float32))
    linear(x, weight.detach()).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.tile(weight.detach().numpy().sum(0), (6, 1)), rtol=1e-5)
    assert weight.grad is None


def test_forward_mode_and_a_bias_of_one_number_go_by_the_steps(rng):
    x, weight, _ = layer((6, 4), 3, rng, np.float64)
    assert linear(x, weight, medtorch.ones(1, dtype=medtorch.float64)).grad_fn.name() != "LinearBackward0"
    ones = (medtorch.ones(6, 4, dtype=medtorch.float64),)
    _, slope = medtorch.func.jvp(lambda v: linear(v, weight.detach()), (x.detach(),), ones)
    np.testing.assert_allclose(slope.numpy(), np.tile(weight.detach().numpy().sum(1), (6, 1)), rtol=1e-12)


def test_sizes_that_do_not_fit_the_op_are_refused_by_name():
    with pytest.raises(ShapeError, match=r"^linear: sizes do not fit\n  x       \(2, 3\)"):
        linear_ops.Linear()(medtorch.ones(2, 3), medtorch.ones(4, 2), None)
