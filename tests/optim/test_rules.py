"""Every optimizer follows its formula, with every option, alone and together."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch import optim
from tests.optim import rules

STEPS = 12


def every(**choices: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


SGD = [
    options
    for options in every(
        momentum=[0, 0.9], dampening=[0, 0.3], weight_decay=[0, 0.1], nesterov=[False, True], maximize=[False, True]
    )
    if not options["nesterov"] or (options["momentum"] and not options["dampening"])
]
ADAM = every(amsgrad=[False, True], weight_decay=[0, 0.1], maximize=[False, True], betas=[(0.9, 0.999), (0.5, 0.7)])
RMSPROP = every(
    centered=[False, True], momentum=[0, 0.8], weight_decay=[0, 0.1], maximize=[False, True], alpha=[0.99, 0.6]
)
DECAYED = every(weight_decay=[0, 0.1], maximize=[False, True])
OTHERS = {
    "Adadelta": every(weight_decay=[0, 0.1], maximize=[False, True], rho=[0.9, 0.5]),
    "Adagrad": every(lr_decay=[0, 0.5], initial_accumulator_value=[0, 0.1], weight_decay=[0, 0.1]),
    "Adamax": every(weight_decay=[0, 0.1], maximize=[False, True], betas=[(0.9, 0.999), (0.5, 0.7)]),
    "NAdam": every(weight_decay=[0, 0.1], decoupled_weight_decay=[False, True], momentum_decay=[4e-3, 0.1]) + DECAYED,
    "RAdam": every(weight_decay=[0, 0.1], decoupled_weight_decay=[False, True], betas=[(0.9, 0.999), (0.5, 0.7)])
    + DECAYED,
    "Rprop": every(etas=[(0.5, 1.2), (0.3, 1.5)], step_sizes=[(1e-6, 50), (0.02, 0.06)], maximize=[False, True]),
    "ASGD": every(lambd=[1e-4, 0.1], alpha=[0.75, 0.3], t0=[1e6, 4]) + DECAYED,
    "Adafactor": every(beta2_decay=[-0.8, -1.0], d=[1.0, 1.5], eps=[(None, 1e-3), (0.5, 2.0)]) + DECAYED,
}
CASES = (
    [pytest.param("SGD", o, marks=pytest.mark.requirement("REQ-F-OPT-002")) for o in SGD]
    + [pytest.param(n, o, marks=pytest.mark.requirement("REQ-F-OPT-003")) for n in ("Adam", "AdamW") for o in ADAM]
    + [pytest.param("RMSprop", o, marks=pytest.mark.requirement("REQ-F-OPT-004")) for o in RMSPROP]
    + [
        pytest.param(name, o, marks=pytest.mark.requirement("REQ-F-OPT-007"))
        for name, choices in OTHERS.items()
        for o in choices
    ]
)


def formula(name: str, start: Any, grads: list[Any], options: dict[str, Any]) -> Any:
    if name in ("Adam", "AdamW"):
        return rules.adam(start, grads, decoupled=name == "AdamW", **options)
    return getattr(rules, name.lower())(start, grads, **options)


def steps(
    library: Any, name: str, starts: list[Any], grads: list[list[Any]], options: dict[str, Any]
) -> tuple[list[Any], Any]:
    """The parameters after one step a gradient, in the library that is asked."""
    params = [library.tensor(start).requires_grad_() for start in starts]
    optimizer = getattr(library.optim, name)(params, **options)
    for nr in range(len(grads[0])):
        for param, series in zip(params, grads, strict=True):
            param.grad = library.tensor(series[nr])
        optimizer.step()
    return [param.detach().numpy() for param in params], optimizer


@pytest.fixture
def starts(rng):
    return [rng.normal(size=(3, 4)), rng.normal(size=5)]


@pytest.fixture
def grads(rng):
    return [[rng.normal(size=shape) for _ in range(STEPS)] for shape in ((3, 4), 5)]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_twelve_steps_in_float64_follow_the_formula(name, options, starts, grads):
    options = {"lr": 0.05, **options}
    found, _ = steps(medtorch, name, starts, grads, options)
    # rounding of a dozen steps; NAdam keeps the product of its factors, ASGD its rate in float32, as torch does
    tolerance = {"NAdam": 1e-7, "ASGD": 1e-6}.get(name, 1e-12)
    for param, start, series in zip(found, starts, grads, strict=True):
        np.testing.assert_allclose(param, formula(name, start, series, options), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_twelve_steps_in_float64_equal_torchs(name, options, starts, grads, needs_torch):
    options = {"lr": 0.05, **options}
    ours, optimizer = steps(medtorch, name, starts, grads, options)
    theirs, reference = steps(needs_torch, name, starts, grads, options)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
    assert same_form(optimizer.state_dict(), reference.state_dict())
    assert repr(optimizer).split() == repr(reference).split()


def same_form(ours: Any, theirs: Any) -> bool:
    """Whether two state_dicts have the same keys at every level, and the same numbers."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same_form(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same_form(a, b) for a, b in zip(ours, theirs, strict=True))
    if hasattr(theirs, "numpy"):
        assert str(ours.dtype).removeprefix("medtorch.") == str(theirs.dtype).removeprefix("torch.")
        return np.allclose(ours.numpy(), theirs.numpy(), rtol=1e-13, atol=1e-13)
    return bool(ours == theirs)


@pytest.mark.requirement("REQ-F-OPT-003")
def test_first_step_of_adam_is_the_learning_rate_towards_the_gradients_other_side():
    # m / (1 - b1) = g and v / (1 - b2) = g^2, so the step is lr * g / |g| whatever the size of g
    param = medtorch.tensor([1.0, 1.0], dtype=medtorch.float64).requires_grad_()
    param.grad = medtorch.tensor([1e3, -1e-3], dtype=medtorch.float64)
    optim.Adam([param], lr=0.1, eps=0).step()
    np.testing.assert_allclose(param.detach().numpy(), [0.9, 1.1], rtol=1e-12)


@pytest.mark.requirement("REQ-F-OPT-002")
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", *OTHERS])
def test_a_parameter_without_gradient_stays_as_it_is(name):
    with_grad, without = (medtorch.ones(2).requires_grad_() for _ in range(2))
    with_grad.grad = medtorch.ones(2)
    optimizer = getattr(optim, name)([with_grad, without])
    optimizer.step()
    assert without.tolist() == [1.0, 1.0]
    assert with_grad.tolist() != [1.0, 1.0]
    # Adagrad's sum begins before any gradient comes
    assert (without in optimizer.state) == (name == "Adagrad")
