"""L-BFGS finds minima that are known, and its line search keeps to the Wolfe conditions."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import optim
from medtorch.optim.line_search import CURVATURE, DECREASE, Point, strong_wolfe

pytestmark = pytest.mark.requirement("REQ-F-OPT-008")


def minimised(function, start, steps=20, **options):
    x = medtorch.tensor(start, dtype=medtorch.float64).requires_grad_()
    optimizer = optim.LBFGS([x], **options)

    def closure():
        optimizer.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    for _ in range(steps):
        optimizer.step(closure)
    return x.detach().numpy(), optimizer.state[x]


def test_rosenbrocks_valley_is_followed_to_its_end():
    def valley(x):
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    found, _ = minimised(valley, [-1.2, 1.0], line_search_fn="strong_wolfe", tolerance_change=1e-15)
    np.testing.assert_allclose(found, [1.0, 1.0], atol=1e-6)


def test_a_quadratic_is_minimised_at_the_solution_of_its_equations(rng):
    half = rng.normal(size=(6, 6))
    matrix, right = half @ half.T + np.eye(6), rng.normal(size=6)
    a, b = medtorch.tensor(matrix), medtorch.tensor(right)
    found, state = minimised(lambda x: 0.5 * x.dot(a.mv(x)) - b.dot(x), [0.0] * 6, line_search_fn="strong_wolfe")
    np.testing.assert_allclose(found, np.linalg.solve(matrix, right), atol=1e-6)
    assert state["func_evals"] < 100


def test_it_stops_at_a_minimum_at_once():
    found, state = minimised(lambda x: (x**2).sum(), [0.0, 0.0], steps=1)
    assert found.tolist() == [0.0, 0.0]
    assert (state["func_evals"], state["n_iter"]) == (1, 0)


def test_the_memory_keeps_no_more_than_history_size_pairs():
    _, state = minimised(lambda x: (x**4).sum() + (x**2).sum(), [1.0, -2.0, 3.0], steps=3, history_size=2, lr=0.5)
    assert len(state["old_dirs"]) == len(state["old_stps"]) == len(state["ro"]) == 2


def test_a_parameter_without_gradient_stays():
    x, y = (medtorch.tensor([2.0], dtype=medtorch.float64).requires_grad_() for _ in range(2))
    optimizer = optim.LBFGS([x, y])

    def closure():
        optimizer.zero_grad()
        loss = (x**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert abs(x.item()) < 1e-6
    assert y.item() == 2.0


@pytest.mark.parametrize("first", [1e-4, 0.1, 1.0, 30.0])
@pytest.mark.parametrize("shape", [lambda t: (t - 3) ** 2, lambda t: t**4 - 8 * t, lambda t: np.exp(t) - 5 * t])
def test_the_step_found_meets_both_wolfe_conditions(first, shape):
    def at(step):
        slope = (shape(step + 1e-6) - shape(step - 1e-6)) / 2e-6
        return Point(step, float(shape(step)), medtorch.tensor([slope]), float(slope))

    start = at(0.0)
    found, calls = strong_wolfe(at, start, first, 1.0, 1e-9, 25)
    assert found.loss <= start.loss + DECREASE * found.step * start.slope
    assert abs(found.slope) <= CURVATURE * abs(start.slope)
    assert 1 <= calls <= 26


def test_a_search_that_may_take_no_round_gives_the_lower_of_its_two_points():
    def at(step):
        return Point(step, (step - 3.0) ** 2, medtorch.tensor([2 * (step - 3.0)]), 2 * (step - 3.0))

    found, calls = strong_wolfe(at, at(0.0), 100.0, 1.0, 1e-9, 0)
    assert (found.step, calls) == (0.0, 1)


def test_muon_moves_along_a_direction_whose_singular_values_are_all_about_one(rng):
    start = rng.normal(size=(6, 4))
    x = medtorch.tensor(start).requires_grad_()
    x.grad = medtorch.tensor(rng.normal(size=(6, 4)) * 100)
    optim.Muon([x], lr=1.0, weight_decay=0.0).step()
    moved = (start - x.detach().numpy()) / np.sqrt(6 / 4)
    values = np.linalg.svd(moved, compute_uv=False)
    assert values.min() > 0.6
    assert values.max() < 1.3
