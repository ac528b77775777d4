"""gradcheck in forward mode, of batches and of complex numbers: it passes what is right and tells what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.autograd import Function, gradcheck, gradgradcheck
from medtorch.errors import ArgumentError, AutogradError

pytestmark = pytest.mark.requirement("REQ-F-AUT-005")


def _point(*shape: int) -> Any:
    return medtorch.from_numpy(np.random.default_rng(0).uniform(0.5, 1.5, shape)).requires_grad_()


@pytest.mark.parametrize("fast", [False, True])
def test_right_derivatives_pass_in_every_mode(fast: bool) -> None:
    def function(a: Any, b: Any) -> Any:
        return (a @ b).sin(), (a * a).sum(0)

    points = (_point(2, 3), _point(3, 2))
    options = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True}
    assert gradcheck(function, points, fast_mode=fast, **options)
    assert gradcheck(function, points, fast_mode=fast, check_forward_ad=True, check_backward_ad=False)
    assert gradgradcheck(function, points, fast_mode=fast, check_fwd_over_rev=True, check_batched_grad=True)


def test_complex_gradients_pass_where_the_conjugate_is_right() -> None:
    rng = np.random.default_rng(1)
    z = medtorch.from_numpy(rng.normal(size=3) + 1j * rng.normal(size=3)).requires_grad_()
    for function in (lambda x: x * x, lambda x: x.abs(), lambda x: (x.exp() / x).conj(), medtorch.fft.fft):
        assert gradcheck(function, (z,), check_forward_ad=True)


class WrongTangent(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * 3

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return dy * 3

    @staticmethod
    def jvp(ctx: Any, direction: Any) -> Any:
        return direction * 2


class WithoutConjugate(Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, dy: Any) -> Any:
        return dy * 2 * ctx.saved_tensors[0]


def test_a_wrong_tangent_is_told() -> None:
    x = _point(2)
    assert gradcheck(WrongTangent.apply, (x,))
    with pytest.raises(AutogradError, match=r"^gradcheck: forward mode: output 0 with respect to input 0: gradient 2,"):
        gradcheck(WrongTangent.apply, (x,), check_forward_ad=True)


def test_a_conjugate_left_out_is_told() -> None:
    z = medtorch.tensor([1 + 2j], dtype=medtorch.complex128, requires_grad=True)
    with pytest.raises(AutogradError, match=r"^gradcheck: output 0 with respect to input 0: gradient"):
        gradcheck(WithoutConjugate.apply, (z,))


def test_nothing_to_check_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^gradcheck: check_backward_ad or check_forward_ad must be True"):
        gradcheck(lambda x: x, (_point(2),), check_backward_ad=False)
    with pytest.raises(ArgumentError, match=r"^gradcheck: check_batched_forward_grad needs check_forward_ad"):
        gradcheck(lambda x: x, (_point(2),), check_batched_forward_grad=True)
