"""Ops written by users: what is kept, what is checked, what can be differentiated again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.autograd import Function, grad, gradcheck, gradgradcheck
from medtorch.autograd.function import once_differentiable
from medtorch.errors import AutogradError, ModifiedError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-AUT-004")


def leaf(*values: float) -> Any:
    return medtorch.tensor(values, dtype=medtorch.float64, requires_grad=True)


class Scaled(Function):
    """y = k x^2."""

    @staticmethod
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.save_for_backward(x, None)
        ctx.k = k
        return x * x * k

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        x, nothing = ctx.saved_tensors
        assert nothing is None
        assert ctx.needs_input_grad == (True, False)
        return 2 * ctx.k * x * dy, None


def test_the_backward_is_used_and_can_be_differentiated_again() -> None:
    x = leaf(1.0, -2.0)
    y = Scaled.apply(x, 3.0)
    assert y.grad_fn.name() == "ScaledBackward"
    (first,) = grad(y.sum(), x, create_graph=True)
    np.testing.assert_array_equal(first.detach().numpy(), [6.0, -12.0])
    (second,) = grad(first.sum(), x)
    np.testing.assert_array_equal(second.numpy(), [6.0, 6.0])
    assert gradcheck(Scaled.apply, (x, 3.0))
    assert gradgradcheck(Scaled.apply, (x, 3.0))


class Apart(Function):
    """The form with setup_context: x^3."""

    @staticmethod
    def forward(x: Any) -> Any:
        return x**3

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        (x,) = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        x, y = ctx.saved_tensors
        return 3 * y / x * dy


def test_setup_context_stands_beside_forward_and_outputs_can_be_saved() -> None:
    x = leaf(2.0)
    (first,) = grad(Apart.apply(x), x, create_graph=True)
    (second,) = grad(first, x)
    assert first.item() == 12.0
    assert second.item() == pytest.approx(12.0)


def test_nothing_is_recorded_without_need() -> None:
    assert Apart.apply(medtorch.ones(2)).grad_fn is None
    with medtorch.no_grad():
        assert Apart.apply(leaf(1.0)).grad_fn is None


class Parts(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        signs = x.sign()
        ctx.mark_non_differentiable(signs)
        ctx.save_for_backward(x)
        return x.abs(), signs, x * 2

    @staticmethod
    def backward(ctx: Any, da: Any, ds: Any, db: Any) -> Any:
        (x,) = ctx.saved_tensors
        assert ds.abs().sum().item() == 0
        return da * x.sign() + 2 * db


def test_outputs_without_gradient_and_missing_gradients_become_zeros() -> None:
    x = leaf(1.0, -2.0)
    size, signs, double = Parts.apply(x)
    assert [size.requires_grad, signs.requires_grad, double.requires_grad] == [True, False, True]
    np.testing.assert_array_equal(grad(size.sum(), x, retain_graph=True)[0].numpy(), [1.0, -1.0])
    np.testing.assert_array_equal(grad(double.sum(), x)[0].numpy(), [2.0, 2.0])


def test_missing_gradients_stay_none_where_asked() -> None:
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x + 1, x + 2

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            seen.append((a is None, b is None))
            return a if b is None else b

    x = leaf(1.0)
    grad(Two.apply(x)[1].sum(), x)
    assert seen == [(True, False)]


class Doubled(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_dirty(x)
        return x.mul_(2)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return dy * 2


def test_an_input_changed_in_place_carries_the_function() -> None:
    x = leaf(1.0, 3.0)
    y = x * 1
    z = Doubled.apply(y)
    assert z is y
    np.testing.assert_array_equal(grad((y * y).sum(), x)[0].numpy(), [8.0, 24.0])


def test_a_leaf_or_a_view_is_not_changed_in_place() -> None:
    with pytest.raises(AutogradError, match=r"^Doubled: a leaf that requires grad cannot be changed in place"):
        Doubled.apply(leaf(1.0))
    with pytest.raises(UnsupportedError, match=r"^Doubled: changing a view in place is not supported"):
        Doubled.apply((leaf(1.0, 2.0) * 1)[0:1])


def test_mark_dirty_is_for_inputs_that_are_returned() -> None:
    class Liar(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)
            return x + 1

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy

    with pytest.raises(AutogradError, match=r"^Liar: mark_dirty is for inputs"):
        Liar.apply(leaf(1.0) * 1)


def test_an_input_handed_back_is_a_new_name_for_it() -> None:
    class Same(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return dy * 10

    x = leaf(1.0)
    y = Same.apply(x)
    assert y is not x
    assert x.is_leaf
    assert grad(y, x)[0].item() == 10.0


class Once(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * dy


def test_once_differentiable_works_once() -> None:
    x, dy = leaf(2.0), leaf(1.0)
    assert grad(Once.apply(x), x)[0].item() == 12.0
    (first,) = grad(Once.apply(x), x, dy, create_graph=True)
    with pytest.raises(AutogradError, match=r"Once.backward is marked once_differentiable"):
        first.backward()


def test_a_saved_tensor_that_was_changed_is_noticed() -> None:
    x = leaf(1.0)
    y = x * 1
    z = Scaled.apply(y, 1.0)
    y.add_(1)
    with pytest.raises(ModifiedError, match=r"^ScaledBackward: a tensor saved for backward was changed in place"):
        z.backward()


def test_saved_tensors_are_freed_after_backward() -> None:
    x = leaf(1.0)
    z = Scaled.apply(x, 1.0)
    z.backward()
    with pytest.raises(AutogradError, match=r"^ScaledBackward: its saved tensors are freed"):
        z.backward()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (lambda dy: (dy, dy, dy), "WrongBackward: backward gave 3 gradients for 1 inputs"),
        (lambda dy: dy[:1].expand(3), r"WrongBackward: gradient 0 does not fit its input\n  input     \(2,\)"),
        (lambda dy: 1.0, "WrongBackward: backward must give tensors or None, gave float for input 0"),
    ],
)
def test_gradients_that_do_not_fit_are_named(given: Any, text: str) -> None:
    class Wrong(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x + 1

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            return given(dy)

    with pytest.raises(AutogradError, match=text):
        Wrong.apply(leaf(1.0, 2.0)).sum().backward()


def test_a_function_without_forward_or_backward_says_so() -> None:
    class Empty(Function):
        pass

    class Half(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x + 1

    with pytest.raises(UnsupportedError, match=r"^Function: a subclass must define forward"):
        Empty.apply(leaf(1.0))
    with pytest.raises(UnsupportedError, match=r"^Function: a subclass must define backward"):
        Half.apply(leaf(1.0)).backward()


@pytest.mark.requirement("REQ-F-AUT-005")
class TestGradcheck:
    def test_finds_a_wrong_gradient_in_both_modes(self) -> None:
        class Wrong(Scaled):
            @staticmethod
            def backward(ctx: Any, dy: Any) -> Any:
                return dy * 1.0001 * 2 * ctx.saved_tensors[0] * ctx.k + 1, None

        x = leaf(1.0, 2.0)
        with pytest.raises(
            AutogradError, match=r"^gradcheck: output 0 with respect to input 0: gradient .* small steps"
        ):
            gradcheck(Wrong.apply, (x, 1.0))
        assert not gradcheck(Wrong.apply, (x, 1.0), raise_exception=False)
        assert not gradcheck(Wrong.apply, (x, 1.0), raise_exception=False, fast_mode=True)

    def test_finds_a_wrong_second_gradient(self) -> None:
        class Wrong(Scaled):
            @staticmethod
            def backward(ctx: Any, dy: Any) -> Any:
                return dy * 2 * ctx.saved_tensors[0].detach() * ctx.k, None

        x = leaf(1.0, 2.0)
        assert gradcheck(Wrong.apply, (x, 1.0))
        assert not gradgradcheck(Wrong.apply, (x, 1.0), raise_exception=False)

    def test_leaves_the_inputs_as_they_were(self) -> None:
        x = leaf(1.0, 2.0)
        assert gradcheck(lambda v: v.sin().sum() * v, x)
        np.testing.assert_array_equal(x.detach().numpy(), [1.0, 2.0])
        assert x.grad is None

    def test_needs_an_input_that_requires_grad(self) -> None:
        with pytest.raises(ValueError, match=r"^gradcheck: at least one input must require grad"):
            gradcheck(medtorch.sin, medtorch.ones(2))

    def test_what_it_does_not_check_is_refused(self) -> None:
        with pytest.raises(UnsupportedError, match=r"^gradcheck: masked=True is for sparse tensors"):
            gradcheck(medtorch.sin, leaf(1.0), masked=True)

    def test_finds_a_gradient_of_another_dtype(self) -> None:
        class Narrow(Function):
            @staticmethod
            def forward(ctx: Any, x: Any) -> Any:
                return x * 2

            @staticmethod
            def backward(ctx: Any, dy: Any) -> Any:
                return (dy * 2).float()

        assert gradcheck(Narrow.apply, leaf(1.0))
        with pytest.raises(AutogradError, match=r"the gradient is medtorch.float32, the input medtorch.float64"):
            gradcheck(Narrow.apply, leaf(1.0), check_grad_dtypes=True)
