"""Whose memory a leaf's gradient is: its own, copied only where somebody else may read it; and ops in place.

Oracle    the rules of torch.autograd: .grad may be changed in place, and accumulates in place
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import medtorch
import medtorch.nn.functional as F
from medtorch.errors import ModifiedError

pytestmark = pytest.mark.requirement("REQ-F-AUT-001", "REQ-F-AUT-003")


def leaves(*shapes):
    return [medtorch.randn(*shape).requires_grad_() for shape in shapes]


def are_apart(tensors):
    return not any(np.shares_memory(a.numpy(), b.numpy()) for a, b in itertools.combinations(tensors, 2))


def test_leaves_that_get_the_same_gradient_get_memory_of_their_own():
    a, b = leaves((40, 50), (40, 50))
    dy = medtorch.ones(40, 50)
    (a + b).backward(dy)
    assert are_apart([a.grad, b.grad, dy])
    a.grad.zero_()
    assert b.grad.sum().item() == dy.sum().item() == 2000


@pytest.mark.parametrize("through", [lambda x: x.reshape(2000), lambda x: x.t(), lambda x: x])
def test_a_gradient_that_is_a_view_of_another_is_copied(through):
    (a,) = leaves((40, 50))
    dy = medtorch.ones(*through(a).shape)
    (through(a) + 0).backward(dy)
    a.grad.zero_()
    assert dy.sum().item() == 2000


def test_a_gradient_that_a_hook_keeps_is_not_the_leafs():
    a, b = leaves((40, 50), (50, 3))
    kept = []
    b.register_hook(lambda grad: kept.append(grad))
    a.matmul(b).sum().backward()
    before = kept[0].clone()
    b.grad.zero_()
    assert kept[0].equal(before)


def test_a_gradient_that_nobody_else_reads_is_not_copied():
    x, (weight,) = medtorch.randn(6, 5), leaves((5, 4))
    x.matmul(weight).sum().backward()
    first = weight.grad
    x.matmul(weight).sum().backward()
    assert weight.grad is first  # and accumulates in place
    np.testing.assert_allclose(first.numpy(), 2 * x.numpy().sum(0)[:, None].repeat(4, 1), rtol=1e-5)


def test_a_gradient_that_is_recorded_accumulates_as_a_new_one():
    (a,) = leaves((5,))
    (a**3).sum().backward(create_graph=True)
    first = a.grad
    (a**3).sum().backward(create_graph=True)
    assert a.grad is not first
    assert first.requires_grad


def test_a_gradient_that_is_spread_over_one_number_accumulates_as_a_new_one():
    (a,) = leaves((5,))
    a.grad = medtorch.ones(1).expand(5)
    a.sum().backward()
    assert a.grad.tolist() == [2.0] * 5


def test_relu_in_place_writes_over_its_input_and_keeps_the_gradient_right():
    (a,) = leaves((4, 50, 7, 9))
    y = a * 2
    z = F.relu(y, inplace=True)
    assert z is y
    assert (y.detach().numpy() == np.maximum(a.detach().numpy() * 2, 0)).all()
    z.sum().backward()
    np.testing.assert_array_equal(a.grad.numpy(), np.where(a.detach().numpy() > 0, np.float32(2), np.float32(0)))


def test_a_result_that_relu_kept_and_that_is_changed_is_found_out():
    (a,) = leaves((4, 5))
    y = F.relu(a * 2, inplace=True)
    y += 1
    with pytest.raises(ModifiedError, match=r"^ReluBackward0: a tensor saved for backward was changed in place"):
        y.sum().backward()


def test_a_sum_in_place_with_what_overlaps_it_is_right():
    x = medtorch.arange(5000.0)
    expected = x.numpy().copy()
    expected[1:] += x.numpy()[:-1].copy()
    x[1:] += x[:-1]
    np.testing.assert_array_equal(x.numpy(), expected)
    square = medtorch.randn(60, 60)
    expected = square.numpy() + square.numpy().T
    square.add_(square.t())
    np.testing.assert_array_equal(square.numpy(), expected)


def test_a_sum_in_place_with_itself_and_with_a_scaled_tensor_is_right():
    x, y = medtorch.randn(3000), medtorch.randn(3000)
    expected = x.numpy() + x.numpy() * np.float32(2)
    assert (x.add_(x, alpha=2).numpy() == expected).all()
    expected = x.numpy() + y.numpy() * np.float32(0.5)
    assert (x.add_(y, alpha=0.5).numpy() == expected).all()
