"""Jacobians, Hessians and their products with vectors at a point, against formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.autograd import functional
from medtorch.errors import ArgumentError, AutogradError, ShapeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-AUT-010")

A, B = np.array([0.5, -1.0]), np.array([2.0, 3.0, -1.0])
V = np.array([1.0, -2.0])


def tensors() -> tuple[Any, Any]:
    return medtorch.from_numpy(A.copy()), medtorch.from_numpy(B.copy())


def outer(a: Any, b: Any) -> Any:
    return a.unsqueeze(1) * b  # y_ij = a_i b_j


@pytest.mark.parametrize(
    "options", [{}, {"vectorize": True}, {"create_graph": True}, {"vectorize": True, "strategy": "forward-mode"}]
)
def test_the_jacobian_is_nested_as_inputs_are(options: Any) -> None:
    by_a, by_b = functional.jacobian(outer, tensors(), **options)
    np.testing.assert_allclose(by_a.detach().numpy(), np.einsum("ik,j->ijk", np.eye(2), B))
    np.testing.assert_allclose(by_b.detach().numpy(), np.einsum("jk,i->ijk", np.eye(3), A))
    alone = functional.jacobian(lambda a: (a**2, a.sum()), tensors()[0], **options)
    np.testing.assert_allclose(alone[0].detach().numpy(), np.diag(2 * A))
    np.testing.assert_allclose(alone[1].detach().numpy(), np.ones(2))


def test_the_hessian_has_mixed_parts() -> None:
    def function(a: Any, b: Any) -> Any:
        return (a**3).sum() * b.sum()

    (aa, ab), (ba, bb) = functional.hessian(function, tensors())
    np.testing.assert_allclose(aa.numpy(), np.diag(6 * A * B.sum()))
    np.testing.assert_allclose(ab.numpy(), np.repeat(3 * A[:, None] ** 2, 3, 1))
    np.testing.assert_allclose(ba.numpy(), ab.numpy().T)
    np.testing.assert_allclose(bb.numpy(), np.zeros((3, 3)))
    np.testing.assert_allclose(functional.hessian(lambda a: (a**3).sum(), tensors()[0]).numpy(), np.diag(6 * A))


def test_products_follow_the_jacobian_and_the_hessian() -> None:
    a = tensors()[0]
    v = medtorch.from_numpy(V)
    out, found = functional.jvp(lambda x: x**2, a, v)
    np.testing.assert_allclose(found.numpy(), 2 * A * V)
    np.testing.assert_allclose(out.numpy(), A**2)
    np.testing.assert_allclose(functional.vjp(lambda x: x**2, a, v)[1].numpy(), 2 * A * V)
    for product in (functional.vhp, functional.hvp):
        np.testing.assert_allclose(product(lambda x: (x**3).sum(), a, v)[1].numpy(), 6 * A * V)


def test_a_graph_is_made_where_it_is_asked_for() -> None:
    a = tensors()[0].requires_grad_()
    plain = functional.jacobian(lambda x: x**3, a)
    assert not plain.requires_grad
    functional.jacobian(lambda x: x**3, a, create_graph=True).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), 6 * A)


def test_what_does_not_fit_is_refused_by_name() -> None:
    a, b = tensors()
    with pytest.raises(ShapeError, match=r"^vjp: v and the output differ in shape\n  v         \(3,\)"):
        functional.vjp(lambda x: x, a, b)
    with pytest.raises(ArgumentError, match=r"^jvp: v can be left out only where the input is a single number"):
        functional.jvp(lambda x: x, a)
    with pytest.raises(AutogradError, match=r"^vhp: the function must return one number"):
        functional.vhp(lambda x: x, a, a)
    with pytest.raises(AutogradError, match=r"^jacobian: with strict=True, an output does not depend on the inputs"):
        functional.jacobian(lambda x: medtorch.ones(2), a, strict=True)
    with pytest.raises(ArgumentError, match=r"^jacobian: strategy must be reverse-mode or forward-mode"):
        functional.jacobian(lambda x: x, a, strategy="both")
    with pytest.raises(UnsupportedError, match=r"^hessian: outer_jacobian_strategy must be 'reverse-mode'"):
        functional.hessian(lambda x: x.sum(), a, outer_jacobian_strategy="forward-mode")
