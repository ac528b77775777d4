"""Gradients, Jacobians and Hessians of functions, against formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch import func, nn
from medtorch.errors import ArgumentError, AutogradError, DtypeError

pytestmark = pytest.mark.requirement("REQ-F-AUT-010")

X = np.array([0.3, -1.1, 2.0])


def x64() -> Any:
    return medtorch.from_numpy(X.copy())


def waves(x: Any) -> Any:
    return x.sin() * x.sum()


# d/dx_j of sin(x_i) s, s the sum of x: cos(x_i) s where i = j, and sin(x_i) everywhere
JACOBIAN = np.diag(np.cos(X)) * X.sum() + np.sin(X)[:, None]
# of sum (x_i^3) s: 3 x_j^2 s + sum x^3; second: 6 x_j s where equal, and 3 x_j^2 + 3 x_k^2
CUBES = 3 * X**2 * X.sum() + (X**3).sum()
SECOND = np.diag(6 * X * X.sum()) + 3 * X[:, None] ** 2 + 3 * X[None] ** 2


def cubes(x: Any) -> Any:
    return (x**3).sum() * x.sum()


def test_the_gradient_is_that_of_the_formula() -> None:
    found, value = func.grad_and_value(cubes)(x64())
    np.testing.assert_allclose(found.numpy(), CUBES)
    np.testing.assert_allclose(value.item(), (X**3).sum() * X.sum())
    assert not found.requires_grad
    assert not value.requires_grad


@pytest.mark.parametrize("transform", [func.jacrev, func.jacfwd])
def test_the_jacobian_is_that_of_the_formula(transform: Any) -> None:
    np.testing.assert_allclose(transform(waves)(x64()).numpy(), JACOBIAN)


@pytest.mark.parametrize("outer", [func.jacrev, func.jacfwd])
@pytest.mark.parametrize("inner", [func.jacrev, func.jacfwd])
def test_transforms_nest_in_every_order(outer: Any, inner: Any) -> None:
    np.testing.assert_allclose(outer(inner(cubes))(x64()).numpy(), SECOND)


def test_the_hessian_is_that_of_the_formula_also_of_a_batch() -> None:
    np.testing.assert_allclose(func.hessian(cubes)(x64()).numpy(), SECOND)
    many = func.vmap(func.hessian(cubes))(medtorch.stack([x64(), x64()]))
    np.testing.assert_allclose(many.numpy(), np.stack([SECOND, SECOND]))


def test_products_with_the_jacobian_come_from_both_sides() -> None:
    direction = np.array([1.0, -2.0, 0.5])
    out, vjp_fn = func.vjp(waves, x64())
    np.testing.assert_allclose(vjp_fn(medtorch.from_numpy(direction))[0].numpy(), direction @ JACOBIAN)
    same, along = func.jvp(waves, (x64(),), (medtorch.from_numpy(direction),))
    np.testing.assert_allclose(along.numpy(), JACOBIAN @ direction)
    np.testing.assert_array_equal(out.numpy(), same.numpy())
    value, linear = func.linearize(waves, x64())
    np.testing.assert_allclose(linear(medtorch.from_numpy(direction)).numpy(), JACOBIAN @ direction)
    np.testing.assert_array_equal(value.numpy(), same.numpy())


def test_arguments_aux_and_trees_are_followed() -> None:
    both = func.grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x64(), x64() * 2)
    np.testing.assert_array_equal(both[0].numpy(), 2 * X)
    np.testing.assert_array_equal(both[1].numpy(), X)
    found, aux = func.grad(lambda a: ((a * a).sum(), {"sin": a.sin()}), has_aux=True)(x64())
    np.testing.assert_array_equal(found.numpy(), 2 * X)
    np.testing.assert_array_equal(aux["sin"].numpy(), np.sin(X))
    assert not aux["sin"].requires_grad
    tree = func.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x64(), "b": [x64() * 3]})
    np.testing.assert_array_equal(tree["b"][0].numpy(), X)


def test_the_caller_can_differentiate_what_a_transform_gives() -> None:
    w = medtorch.tensor(2.0, dtype=medtorch.float64, requires_grad=True)
    found = func.grad(lambda a: (w * a**2).sum())(x64())
    found.sum().backward()
    np.testing.assert_allclose(w.grad.item(), 2 * X.sum())


def test_what_has_no_gradient_is_refused_by_name() -> None:
    with pytest.raises(AutogradError, match=r"^grad: the function must return one real number\n  output  \(3,\)"):
        func.grad(waves)(x64())
    with pytest.raises(DtypeError, match=r"^grad: only floating-point and complex tensors"):
        func.grad(cubes)(medtorch.arange(3))
    with pytest.raises(ArgumentError, match=r"^grad: argnums=1 for 1 arguments"):
        func.grad(cubes, argnums=1)(x64())
    with pytest.raises(ArgumentError, match=r"^jvp: the tangents must be put together as the primals are"):
        func.jvp(waves, (x64(),), (x64(), x64()))
    with pytest.raises(ArgumentError, match=r"^vjp: the cotangents must be put together as the outputs are"):
        func.vjp(waves, x64())[1]((x64(),))
    with pytest.raises(AutogradError, match=r"^jvp: output 0 does not depend on the primals"):
        func.jvp(lambda a: medtorch.ones(2), (x64(),), (x64(),), strict=True)


def test_a_module_is_a_function_of_its_parameters() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1)).double()
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    doubled = {name: p * 2 for name, p in parameters.items()}
    x = medtorch.from_numpy(np.random.default_rng(0).normal(size=(5, 3)))
    w = {name: p.numpy() for name, p in doubled.items()}
    expected = np.tanh(x.numpy() @ w["0.weight"].T + w["0.bias"]) @ w["2.weight"].T + w["2.bias"]
    np.testing.assert_allclose(func.functional_call(model, doubled, (x,)).detach().numpy(), expected)
    assert all(bool((p == parameters[name]).all()) for name, p in model.named_parameters())

    def loss(values: Any, sample: Any) -> Any:
        return func.functional_call(model, values, (sample,)).sum()

    rows = func.vmap(func.grad(loss), in_dims=(None, 0))(parameters, x)
    whole = func.grad(loss)(parameters, x)
    for name, row in rows.items():
        np.testing.assert_allclose(row.sum(0).numpy(), whole[name].numpy(), atol=1e-12)


def test_models_alike_are_stacked_for_vmap() -> None:
    models = [nn.Linear(3, 2) for _ in range(4)]
    parameters, buffers = func.stack_module_state(models)
    x = medtorch.ones(5, 3)
    found = func.vmap(lambda p, b: func.functional_call(models[0], (p, b), (x,)))(parameters, buffers)
    for place, model in enumerate(models):
        np.testing.assert_allclose(found[place].detach().numpy(), model(x).detach().numpy(), rtol=1e-6)


def test_names_that_a_module_has_not_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^functional_call: Linear has no nothing"):
        func.functional_call(nn.Linear(2, 2), {"nothing": medtorch.ones(2)}, (medtorch.ones(2),))
    with pytest.raises(ArgumentError, match=r"^functional_call: with strict=True, missing: bias"):
        func.functional_call(nn.Linear(2, 2), {"weight": medtorch.ones(2, 2)}, (medtorch.ones(2),), strict=True)
    twice = {"weight": medtorch.ones(2, 2)}
    with pytest.raises(ArgumentError, match=r"^functional_call: given twice: weight"):
        func.functional_call(nn.Linear(2, 2), (twice, twice), (medtorch.ones(2),))
