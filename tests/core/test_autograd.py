"""The tape and the backward pass."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import medtorch
from medtorch import autograd
from medtorch.errors import AutogradError, ModifiedError

pytestmark = pytest.mark.requirement("REQ-F-AUT-001")


def leaf(values, dtype=medtorch.float64):
    return medtorch.tensor(values, dtype=dtype, requires_grad=True)


def test_a_chain_of_ops_has_the_gradient_of_the_chain_rule():
    x = leaf([0.5, -1.0, 2.0])
    (x * 2 + 1).exp().sum().backward()
    assert np.allclose(x.grad.numpy(), 2 * np.exp(2 * np.array([0.5, -1.0, 2.0]) + 1), rtol=1e-14)


def test_a_value_used_twice_gets_both_gradients():
    x = leaf([3.0])
    y = x * x
    (y + y * x).backward()
    assert x.grad.item() == 2 * 3 + 3 * 9


def test_gradients_add_up_over_backward_passes():
    x = leaf([2.0])
    (x * 3).backward()
    (x * 4).backward()
    assert x.grad.item() == 7.0


def test_broadcast_inputs_get_summed_gradients():
    a, b = leaf(np.ones((2, 3))), leaf(np.ones((3,)))
    (a * b * 2).sum().backward()
    assert a.grad.shape == (2, 3)
    assert b.grad.tolist() == [4.0, 4.0, 4.0]


def test_third_derivative_of_a_power():
    x = leaf([2.0])
    first = autograd.grad(x**4, x, create_graph=True)[0]
    second = autograd.grad(first, x, create_graph=True)[0]
    third = autograd.grad(second, x)[0]
    assert (first.item(), second.item(), third.item()) == (32.0, 48.0, 48.0)


def test_grad_of_a_value_in_the_middle():
    x = leaf([2.0])
    middle = x * 3
    end = middle * middle
    assert autograd.grad(end, middle)[0].item() == 12.0


def test_an_unused_input_is_refused_or_none_or_zeros():
    x, y = leaf([1.0]), leaf([1.0])
    with pytest.raises(AutogradError, match=r"^grad: input 1 was not used for the outputs"):
        autograd.grad(x * 2, (x, y))
    assert autograd.grad(x * 2, (x, y), allow_unused=True)[1] is None
    assert autograd.grad(x * 2, (x, y), materialize_grads=True)[1].item() == 0.0


def test_a_second_pass_needs_retain_graph():
    x = leaf([2.0])
    y = (x * x).exp()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(AutogradError, match="pass retain_graph=True"):
        y.backward()


def test_backward_of_several_numbers_needs_a_gradient():
    x = leaf([1.0, 2.0])
    with pytest.raises(
        AutogradError, match=r"can be left out for a single number only\n  tensor  \(2,\)  float64  cpu"
    ):
        (x * 2).backward()
    with pytest.raises(AutogradError, match="gradient and tensor differ in shape"):
        (x * 2).backward(medtorch.ones(3, dtype=medtorch.float64))


def test_a_tensor_outside_the_graph_cannot_go_back():
    with pytest.raises(AutogradError, match="does not require grad and has no grad_fn"):
        medtorch.ones(1).backward()


def test_whole_numbers_cannot_require_gradients():
    with pytest.raises(
        medtorch.errors.DtypeError, match="only floating-point and complex tensors can require gradients"
    ):
        medtorch.ones(2, dtype=medtorch.int64, requires_grad=True)


def test_detach_stops_the_gradient():
    x = leaf([3.0])
    (x * x.detach()).backward()
    assert x.grad.item() == 3.0


def test_hooks_see_and_change_gradients_and_can_be_taken_back():
    x = leaf([1.0])
    middle = x * 2
    seen = []
    handle = middle.register_hook(lambda g: seen.append(g.item()))
    middle.register_hook(lambda g: g * 10)
    (middle * 3).backward(retain_graph=True)
    assert seen == [3.0]
    assert x.grad.item() == 60.0
    handle.remove()
    (middle * 3).backward()
    assert seen == [3.0]


def test_a_hook_on_a_leaf_changes_what_is_added():
    x = leaf([1.0])
    x.register_hook(lambda g: g * 0.5)
    (x * 4).backward()
    assert x.grad.item() == 2.0


def test_a_post_accumulate_hook_sees_the_leaf_with_its_gradient():
    x = leaf([1.0])
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 4).backward()
    assert seen == [4.0]


def test_retain_grad_keeps_the_gradient_of_a_computed_value():
    x = leaf([1.0])
    y = x * 2
    y.retain_grad()
    (y * 3).backward()
    assert y.grad.item() == 3.0


def test_backward_with_inputs_leaves_other_leaves_alone():
    x, y = leaf([1.0]), leaf([1.0])
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 1.0
    assert y.grad is None


def test_each_leaf_has_a_gradient_array_of_its_own():
    x, y = leaf([1.0]), leaf([1.0])
    (x + y).backward()
    x.grad.mul_(5)
    assert y.grad.item() == 1.0


def test_ten_thousand_ops_in_a_row_do_not_exhaust_the_stack():
    x = leaf([1.0])
    y = x
    for _ in range(10_000):
        y = y + 1e-3
    y.backward()
    assert x.grad.item() == 1.0


def test_a_graph_is_freed_with_its_output():
    x = leaf(np.ones(10))
    y = x.exp()
    node = weakref.ref(y.grad_fn)
    del y
    gc.disable()
    try:
        assert node() is None, "a cycle keeps the graph alive"
    finally:
        gc.enable()


def test_gradients_are_added_in_an_order_that_the_program_alone_decides():
    def run():
        x = medtorch.tensor([0.1], requires_grad=True)
        total = sum((x * (1.0 + k * 0.37)).exp() for k in range(20))
        total.backward()
        return x.grad.numpy().tobytes()

    assert len({run() for _ in range(5)}) == 1


@pytest.mark.requirement("REQ-F-AUT-002")
def test_nothing_is_recorded_under_no_grad():
    x = leaf([1.0])
    with medtorch.no_grad():
        assert not (x * 2).requires_grad
        with medtorch.enable_grad():
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad

    @medtorch.no_grad()
    def plain(v):
        return v * 2

    assert not plain(x).requires_grad
    medtorch.set_grad_enabled(False)
    try:
        assert not medtorch.is_grad_enabled()
    finally:
        medtorch.set_grad_enabled(True)


@pytest.mark.requirement("REQ-F-AUT-002")
def test_inference_tensors_never_take_part_in_a_backward_pass():
    x = leaf([1.0])
    with medtorch.inference_mode():
        y = x * 2
    assert y.is_inference()
    with pytest.raises(AutogradError, match="an inference tensor cannot be saved for backward"):
        x * y
    with pytest.raises(AutogradError, match="can be changed in place in inference mode only"):
        y.add_(1)
    assert (x * y.clone()).requires_grad


@pytest.mark.requirement("REQ-F-AUT-003")
class TestInPlace:
    def test_a_saved_value_that_was_changed_is_a_named_error(self):
        x = leaf([1.0, 2.0])
        y = x.exp()
        z = y * y
        y.add_(1)
        with pytest.raises(
            ModifiedError, match=r"^MulBackward0: a tensor saved for backward was changed in place: it is at version 1"
        ):
            z.sum().backward()

    def test_a_change_that_backward_does_not_need_is_fine(self):
        x = leaf([1.0, 2.0])
        y = x * 3
        z = y + 1
        y.mul_(100)
        z.sum().backward()
        assert x.grad.tolist() == [3.0, 3.0]

    def test_an_in_place_change_is_part_of_the_graph(self):
        x = leaf([2.0])
        y = x * 1
        y.mul_(x)
        y.add_(1)
        y.backward()
        assert x.grad.item() == 4.0

    def test_a_change_through_a_view_reaches_the_base_and_its_other_views(self):
        base = leaf(np.zeros(4)) * 1
        other = base.narrow(0, 0, 3)
        part = base.narrow(0, 1, 2)
        new = leaf([3.0, 4.0])
        part.mul_(2).add_(new)
        assert base.tolist() == [0.0, 3.0, 4.0, 0.0]
        assert other.tolist() == [0.0, 3.0, 4.0]
        (other * medtorch.tensor([1.0, 10.0, 100.0], dtype=medtorch.float64)).sum().backward()
        assert new.grad.tolist() == [10.0, 100.0]

    def test_a_change_of_the_base_reaches_its_views(self):
        x = leaf([1.0, 2.0, 3.0])
        base = x * 1
        view = base.narrow(0, 0, 2)
        base.mul_(5)
        view.sum().backward()
        assert x.grad.tolist() == [5.0, 5.0, 0.0]

    def test_a_view_of_a_view_through_a_transpose(self):
        x = leaf(np.arange(6.0).reshape(2, 3))
        base = x * 1
        base.t().select(0, 1).mul_(10)
        assert base.tolist() == [[0.0, 10.0, 2.0], [3.0, 40.0, 5.0]]
        base.sum().backward()
        assert x.grad.tolist() == [[1.0, 10.0, 1.0], [1.0, 10.0, 1.0]]

    def test_pieces_of_a_chunk_can_be_changed_too(self):
        x = leaf([1.0, 2.0, 3.0, 4.0])
        base = x * 1
        first, second = base.chunk(2)
        second.mul_(3)
        (first.sum() + base.sum()).backward()
        assert x.grad.tolist() == [2.0, 2.0, 3.0, 3.0]

    def test_a_tensor_without_gradient_takes_part_once_something_with_one_is_written_into_it(self):
        canvas = medtorch.zeros(3, dtype=medtorch.float64)
        x = leaf([5.0])
        canvas.narrow(0, 1, 1).copy_(x)
        assert canvas.requires_grad
        (canvas * 2).sum().backward()
        assert x.grad.item() == 2.0

    def test_overwritten_numbers_have_no_gradient(self):
        x = leaf([1.0, 2.0])
        y = x * 3
        y.narrow(0, 0, 1).zero_()
        y.sum().backward()
        assert x.grad.tolist() == [0.0, 3.0]

    def test_second_order_through_a_change_of_a_view(self):
        x = leaf([2.0, 3.0])
        y = x * 1
        y.narrow(0, 0, 1).pow_(3)
        first = autograd.grad(y.sum(), x, create_graph=True)[0]
        assert first.tolist() == [12.0, 1.0]
        assert autograd.grad(first.sum(), x)[0].tolist() == [12.0, 0.0]

    def test_leaves_are_protected_while_recording(self):
        x = leaf([1.0])
        with pytest.raises(
            AutogradError, match="add_: a leaf that requires grad cannot be changed in place while recording"
        ):
            x.add_(1)
        with pytest.raises(AutogradError, match="mul_: a view of a leaf that requires grad"):
            x.view(1, 1).mul_(2)
        with medtorch.no_grad():
            x.add_(1)
        assert x.item() == 2.0

    def test_a_view_made_without_recording_cannot_be_changed_with_it(self):
        x = leaf([1.0, 2.0])
        y = x * 1
        with medtorch.no_grad():
            view = y.narrow(0, 0, 1)
        with pytest.raises(AutogradError, match="this view was made while recording was off"):
            view.mul_(leaf([2.0]))

    def test_elements_that_share_memory_cannot_be_changed(self):
        with pytest.raises(
            medtorch.errors.ShapeError, match="several elements of the tensor share one place in memory"
        ):
            medtorch.zeros(1, 3).expand(2, 3).add_(1)
        assert medtorch.zeros(0, 1).expand(0, 3).add_(1).shape == (0, 3)

    def test_a_result_of_a_higher_kind_is_not_written_into_a_lower_one(self):
        with pytest.raises(medtorch.errors.DtypeError, match="add_: result float32 cannot be written into int64"):
            medtorch.ones(2, dtype=medtorch.int64).add_(0.5)

    def test_a_result_that_does_not_fit_is_refused(self):
        with pytest.raises(medtorch.errors.ShapeError, match="add_: the result does not fit"):
            medtorch.ones(1).add_(medtorch.ones(3))


def test_batched_gradients_are_refused_by_name():
    x = leaf([1.0])
    with pytest.raises(medtorch.errors.ArgumentError, match="grad: is_grads_batched=True needs grad_outputs"):
        autograd.grad(x * 2, x, is_grads_batched=True)
    rows = autograd.grad(x * x, x, medtorch.eye(x.numel()).reshape(-1, *x.shape), is_grads_batched=True)[0]
    assert rows.reshape(x.numel(), -1).equal((2 * x.detach()).reshape(-1).diag())
