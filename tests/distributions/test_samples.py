"""Samples: their moments, their shapes, their gradients, and that a seed fixes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch import distributions as D
from medtorch.core.ops.standard_gamma import StandardGammaGrad

pytestmark = pytest.mark.requirement("REQ-F-RND-001")


def t(*values: float) -> Any:
    return medtorch.tensor(values, dtype=medtorch.float64)


A, B = t(0.7, 1.9), t(0.4, 1.3)
ALL: dict[str, Any] = {
    "Normal": D.Normal(A, B),
    "LogNormal": D.LogNormal(A * 0.3, B * 0.5),
    "Laplace": D.Laplace(A, B),
    "Uniform": D.Uniform(A, A + B),
    "Exponential": D.Exponential(A),
    "Gamma": D.Gamma(A, B),
    "Gamma, large": D.Gamma(A * 100, B),
    "Beta": D.Beta(A, B),
    "Dirichlet": D.Dirichlet(t(0.5, 2.0, 3.0)),
    "StudentT": D.StudentT(A + 5, A, B),
    "HalfNormal": D.HalfNormal(A),
    "Gumbel": D.Gumbel(A, B),
    "MultivariateNormal": D.MultivariateNormal(A, t(2.0, 0.5, 0.5, 1.0).reshape(2, 2)),
    "Bernoulli": D.Bernoulli(t(0.2, 0.7)),
    "OneHotCategorical": D.OneHotCategorical(t(0.2, 0.5, 0.3)),
    "Poisson": D.Poisson(t(0.5, 4.0, 40.0)),
    "Binomial": D.Binomial(t(3.0, 12.0), t(0.2, 0.7)),
    "Geometric": D.Geometric(t(0.2, 0.7)),
}


@pytest.mark.parametrize("name", ALL)
def test_samples_have_the_mean_and_the_variance(name: str) -> None:
    medtorch.manual_seed(1)
    distribution, count = ALL[name], 40000
    drawn = distribution.sample((count,))
    assert drawn.shape == (count, *distribution.batch_shape, *distribution.event_shape)
    assert not drawn.requires_grad
    mean, spread = distribution.mean.numpy(), distribution.stddev.numpy()
    assert np.abs(drawn.numpy().mean(0) - mean).max() < 5 * spread.max() / np.sqrt(count)  # 5 standard errors
    np.testing.assert_allclose(drawn.numpy().var(0), spread**2, rtol=0.12)


def test_a_seed_fixes_the_samples() -> None:
    def draw() -> Any:
        medtorch.manual_seed(5)
        return [d.sample((3,)).tolist() for d in ALL.values()]

    assert draw() == draw()


def test_categories_come_as_often_as_they_should() -> None:
    medtorch.manual_seed(2)
    drawn = D.Categorical(t(0.1, 0.6, 0.3)).sample((20000,))
    assert drawn.dtype is medtorch.int64
    counts = np.bincount(drawn.numpy(), minlength=3) / 20000
    np.testing.assert_allclose(counts, [0.1, 0.6, 0.3], atol=0.018)  # 5 standard errors
    assert D.Categorical(medtorch.ones(4, 3)).sample((2, 5)).shape == (2, 5, 4)


@pytest.mark.parametrize(
    ("make", "mean"),
    [
        (lambda p: D.Normal(p[0], p[1]), lambda p: p[0]),
        (lambda p: D.Gamma(p[0], p[1]), lambda p: p[0] / p[1]),
        (lambda p: D.Beta(p[0], p[1]), lambda p: p[0] / (p[0] + p[1])),
        (lambda p: D.Laplace(p[0], p[1]), lambda p: p[0]),
        (lambda p: D.Gumbel(p[0], p[1]), lambda p: p[0] + p[1] * 0.57721566490153286060),
    ],
)
def test_the_gradient_of_samples_is_that_of_their_mean(make: Any, mean: Any) -> None:
    medtorch.manual_seed(3)
    p = t(2.5, 1.5).requires_grad_()
    make(p).rsample((60000,)).mean().backward()
    found, p.grad = p.grad.clone(), None
    mean(p).backward()
    np.testing.assert_allclose(found.numpy(), p.grad.numpy(), atol=0.03)


def test_a_gamma_number_moves_as_its_distribution_function_says() -> None:
    # -(dP(a, x)/da) / density, by central differences of scipy.special.gammainc (SciPy 1.16)
    a, x = t(0.2, 0.9, 3.0, 8.0, 25.0, 40.0, 300.0), t(0.05, 1.4, 2.5, 11.0, 20.0, 45.0, 310.0)
    expected = [0.71451018, 1.48011117, 0.96336183, 1.19223662, 0.89853526, 1.06447366, 1.01704939]
    np.testing.assert_allclose(StandardGammaGrad()(a, x).numpy(), expected, rtol=2e-8)


def test_the_straight_through_sample_has_the_gradient_of_the_probabilities() -> None:
    logits = t(0.1, 0.5, -0.3).requires_grad_()
    weights = t(1.0, 2.0, 3.0)
    (D.OneHotCategoricalStraightThrough(logits=logits).rsample() * weights).sum().backward()
    found, logits.grad = logits.grad.clone(), None
    (logits.softmax(0) * weights).sum().backward()
    np.testing.assert_allclose(found.numpy(), logits.grad.numpy())


def test_a_distribution_grows_with_its_batch() -> None:
    for name, distribution in ALL.items():
        grown = distribution.expand((4, *distribution.batch_shape))
        assert grown.sample().shape == (4, *distribution.batch_shape, *distribution.event_shape), name
        np.testing.assert_allclose(grown.mean[2].numpy(), distribution.mean.numpy(), err_msg=name)
