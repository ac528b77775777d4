"""Densities, entropies, distribution functions and divergences, against formulas in NumPy and integrals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch import distributions as D
from medtorch.errors import ArgumentError, ShapeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-RND-001")


def t(*values: float) -> Any:
    return medtorch.tensor(values, dtype=medtorch.float64)


A, B = t(0.7, 1.9), t(0.4, 1.3)
CONTINUOUS: dict[str, tuple[Any, float, float]] = {  # with the range that holds all but 1e-9 of it
    "Normal": (D.Normal(A, B), -20, 20),
    "LogNormal": (D.LogNormal(A * 0.2, B * 0.5), 1e-9, 400),
    "Laplace": (D.Laplace(A, B), -40, 40),
    "Uniform": (D.Uniform(A, A + B), 0.0, 4.0),
    "Exponential": (D.Exponential(A), 0, 60),
    "Gamma": (D.Gamma(A + 1, B), 0, 120),
    "Chi2": (D.Chi2(A + 3), 0, 120),
    "Beta": (D.Beta(A + 1, B + 1), 0, 1),
    "StudentT": (D.StudentT(A + 8, A, B), -400, 400),
    "HalfNormal": (D.HalfNormal(A), 0, 20),
    "Gumbel": (D.Gumbel(A, B), -10, 60),
    "Cauchy": (D.Cauchy(A, B), -3e7, 3e7),
}
DISCRETE: dict[str, Any] = {
    "Bernoulli": D.Bernoulli(t(0.2, 0.7)),
    "Bernoulli of logits": D.Bernoulli(logits=t(0.2, -1.7)),
    "Categorical": D.Categorical(medtorch.tensor([[0.1, 0.6, 0.3], [2.0, 1.0, 1.0]], dtype=medtorch.float64)),
    "Categorical of logits": D.Categorical(logits=t(0.3, -1.0, 2.0)),
}


def _grid(name: str) -> tuple[Any, Any, Any]:
    """The distribution, points (dense near the middle) and their weights in an integral."""
    distribution, low, high = CONTINUOUS[name]
    z = np.linspace(-1, 1, 400001)
    middle, width = (high + low) / 2, (high - low) / 2
    curve = np.sinh(z * 14) / np.sinh(14) if name == "Cauchy" else z
    points = middle + width * curve
    weights = np.gradient(points)
    weights[[0, -1]] /= 2
    inside = np.clip(points, low + 1e-12 * abs(width), high - 1e-12 * abs(width))
    return distribution, medtorch.from_numpy(np.repeat(inside[:, None], 2, 1)), weights[:, None]


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_density_integrates_to_one_and_gives_mean_variance_and_entropy(name: str) -> None:
    distribution, points, weights = _grid(name)
    if name == "Uniform":  # outside its values are refused
        distribution = D.Uniform(A, A + B, validate_args=False)
    log_density = distribution.log_prob(points).numpy()
    density, x = np.exp(log_density), points.numpy()
    np.testing.assert_allclose((density * weights).sum(0), 1, rtol=2e-4)
    if name != "Cauchy":
        mean = (density * weights * x).sum(0)
        np.testing.assert_allclose(distribution.mean.numpy(), mean, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            distribution.variance.numpy(), (density * weights * (x - mean) ** 2).sum(0), rtol=2e-3
        )
        known = np.where(density > 0, -log_density, 0)
        np.testing.assert_allclose(
            distribution.entropy().numpy(), (density * weights * known).sum(0), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize(
    "name", ["Normal", "LogNormal", "Laplace", "Uniform", "Exponential", "Gamma", "Gumbel", "HalfNormal"]
)
def test_the_distribution_function_is_the_integral_of_the_density(name: str) -> None:
    distribution, points, weights = _grid(name)
    loose = D.Uniform(A, A + B, validate_args=False) if name == "Uniform" else distribution
    summed = (np.exp(loose.log_prob(points).numpy()) * weights).cumsum(0)[::5000]
    np.testing.assert_allclose(loose.cdf(points[::5000]).numpy(), summed, atol=2e-4)
    if name != "Gamma":
        chosen = t(0.1, 0.6)
        np.testing.assert_allclose(distribution.cdf(distribution.icdf(chosen)).numpy(), chosen.numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_sum_to_one_and_give_the_entropy(name: str) -> None:
    distribution = DISCRETE[name]
    log_probability = distribution.log_prob(distribution.enumerate_support()).numpy()
    np.testing.assert_allclose(np.exp(log_probability).sum(0), 1)
    np.testing.assert_allclose(distribution.entropy().numpy(), -(np.exp(log_probability) * log_probability).sum(0))


def test_counts_have_their_formulas() -> None:
    k = np.arange(60.0)
    poisson = np.exp(D.Poisson(t(3.5)).log_prob(medtorch.from_numpy(k)).numpy())
    np.testing.assert_allclose(poisson, [3.5**n * math.exp(-3.5) / math.factorial(int(n)) for n in k])
    found = np.exp(D.Binomial(t(7.0), t(0.3)).log_prob(medtorch.arange(8.0, dtype=medtorch.float64)).numpy())
    np.testing.assert_allclose(found, [math.comb(7, n) * 0.3**n * 0.7 ** (7 - n) for n in range(8)])
    found = np.exp(D.Geometric(t(0.3)).log_prob(medtorch.from_numpy(k)).numpy())
    np.testing.assert_allclose(found, 0.3 * 0.7**k)


def test_vectors_have_their_formulas() -> None:
    cov = np.array([[2.0, 0.3], [0.3, 1.0]])
    x, loc = np.array([0.4, -1.0]), np.array([0.1, 0.2])
    expected = -0.5 * (x - loc) @ np.linalg.inv(cov) @ (x - loc) - 0.5 * np.log(np.linalg.det(2 * np.pi * cov))
    place, matrix = medtorch.from_numpy(loc), medtorch.from_numpy(cov)
    for given in (
        {"covariance_matrix": matrix},
        {"precision_matrix": medtorch.from_numpy(np.linalg.inv(cov))},
        {"scale_tril": medtorch.from_numpy(np.linalg.cholesky(cov))},
    ):
        found = D.MultivariateNormal(place, **given)
        np.testing.assert_allclose(found.log_prob(medtorch.from_numpy(x)).item(), expected)
        np.testing.assert_allclose(found.covariance_matrix.numpy(), cov)
        np.testing.assert_allclose(found.entropy().item(), 0.5 * np.log(np.linalg.det(2 * np.pi * np.e * cov)))
    a = np.array([1.5, 2.0, 0.5])
    y = np.array([0.2, 0.5, 0.3])
    dirichlet = ((a - 1) * np.log(y)).sum() + math.lgamma(a.sum()) - sum(math.lgamma(v) for v in a)
    np.testing.assert_allclose(D.Dirichlet(medtorch.from_numpy(a)).log_prob(medtorch.from_numpy(y)).item(), dirichlet)
    both = D.Independent(D.Normal(t(0.0, 1.0), t(1.0, 2.0)), 1)
    alone = D.Normal(t(0.0, 1.0), t(1.0, 2.0))
    np.testing.assert_allclose(both.log_prob(t(0.3, 0.4)).item(), alone.log_prob(t(0.3, 0.4)).sum().item())


def test_a_transformed_density_has_the_jacobian_in_it() -> None:
    logistic = D.TransformedDistribution(D.Normal(t(0.3), t(0.8)), [D.SigmoidTransform(), D.AffineTransform(1.0, 2.0)])
    y = 1.9
    p = (y - 1) / 2
    x = math.log(p / (1 - p))
    normal = -0.5 * ((x - 0.3) / 0.8) ** 2 - math.log(0.8 * math.sqrt(2 * math.pi))
    np.testing.assert_allclose(logistic.log_prob(t(y)).item(), normal - math.log(p * (1 - p)) - math.log(2))
    whole = D.LogisticNormal(t(0.1, -0.4), t(0.7, 1.2))
    z = np.linspace(0.0005, 0.9995, 1000)
    first, second = np.meshgrid(z, z, indexing="ij")
    inside = first + second < 0.9995
    points = np.stack([first[inside], second[inside], 1 - first[inside] - second[inside]], -1)
    density = np.exp(whole.log_prob(medtorch.from_numpy(points)).numpy())
    np.testing.assert_allclose(density.sum() * (z[1] - z[0]) ** 2, 1, rtol=2e-3)


PAIRS: dict[str, tuple[Any, Any]] = {
    "Normal": (D.Normal(A, B), D.Normal(A * 1.2, B * 0.8)),
    "Laplace": (D.Laplace(A, B), D.Laplace(A * 1.2, B * 0.8)),
    "Exponential": (D.Exponential(A), D.Exponential(B)),
    "Gamma": (D.Gamma(A + 1, B), D.Gamma(A + 2, B * 1.1)),
    "Beta": (D.Beta(A + 1, B + 1), D.Beta(A + 2, B + 1.5)),
    "Gumbel": (D.Gumbel(A, B), D.Gumbel(A * 1.1, B * 1.2)),
    "HalfNormal": (D.HalfNormal(A), D.HalfNormal(B)),
    "LogNormal": (D.LogNormal(A * 0.2, B * 0.5), D.LogNormal(A * 0.3, B * 0.6)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_divergence_is_the_integral_of_the_log_ratio(name: str) -> None:
    p, q = PAIRS[name]
    _, points, weights = _grid(name)
    log_p, log_q = p.log_prob(points).numpy(), q.log_prob(points).numpy()
    ratio = np.where(log_p > -700, log_p - log_q, 0)
    expected = (np.exp(log_p) * weights * ratio).sum(0)
    np.testing.assert_allclose(D.kl_divergence(p, q).numpy(), expected, rtol=2e-3, atol=1e-5)


def test_divergences_of_counts_vectors_and_events_have_their_formulas() -> None:
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.3, 0.3, 0.4])
    expected = (p * np.log(p / q)).sum()
    both = [D.Categorical(medtorch.from_numpy(v)) for v in (p, q)]
    np.testing.assert_allclose(D.kl_divergence(*both).item(), expected)
    np.testing.assert_allclose(
        D.kl_divergence(*(D.OneHotCategorical(medtorch.from_numpy(v)) for v in (p, q))).item(), expected
    )
    np.testing.assert_allclose(
        D.kl_divergence(D.Bernoulli(t(0.2)), D.Bernoulli(t(0.3))).item(), 0.2 * np.log(2 / 3) + 0.8 * np.log(8 / 7)
    )
    np.testing.assert_allclose(D.kl_divergence(D.Poisson(t(2.0)), D.Poisson(t(3.0))).item(), 2 * np.log(2 / 3) + 1)
    cov_p, cov_q = np.array([[2.0, 0.3], [0.3, 1.0]]), np.eye(2)
    found = D.kl_divergence(
        D.MultivariateNormal(t(0.0, 0.0), medtorch.from_numpy(cov_p)),
        D.MultivariateNormal(t(1.0, 0.0), medtorch.from_numpy(cov_q)),
    )
    np.testing.assert_allclose(found.item(), 0.5 * (np.trace(cov_p) + 1 - 2 - np.log(np.linalg.det(cov_p))))
    normals = D.Normal(A, B), D.Normal(A * 1.2, B)
    whole = D.kl_divergence(*(D.Independent(n, 1) for n in normals))
    np.testing.assert_allclose(whole.item(), D.kl_divergence(*normals).sum().item())
    assert D.kl_divergence(D.Uniform(t(0.0), t(2.0)), D.Uniform(t(0.0), t(1.0))).item() == math.inf
    with pytest.raises(UnsupportedError, match=r"^kl_divergence: no formula for Normal and Laplace"):
        D.kl_divergence(D.Normal(A, B), D.Laplace(A, B))


def test_parameters_and_values_that_there_are_not_are_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"^Normal: scale must be above 0.0\n  scale  \(1,\)"):
        D.Normal(t(0.0), t(-1.0))
    with pytest.raises(ArgumentError, match=r"^Bernoulli: give either probs or logits, not both"):
        D.Bernoulli(t(0.1), t(0.1))
    with pytest.raises(ArgumentError, match=r"^Bernoulli: value must be 0 or 1"):
        D.Bernoulli(t(0.1)).log_prob(t(0.5))
    with pytest.raises(ShapeError, match=r"^Normal: value does not fit batch shape \(2,\) and event shape \(\)"):
        D.Normal(A, B).log_prob(t(1.0, 2.0, 3.0))
    with pytest.raises(ArgumentError, match=r"^MultivariateNormal: give one of covariance_matrix"):
        D.MultivariateNormal(A)
    with pytest.raises(
        ArgumentError, match=r"^MultivariateNormal: covariance_matrix must be a positive definite matrix"
    ):
        D.MultivariateNormal(A, t(1.0, 2.0, 2.0, 1.0).reshape(2, 2))
    with pytest.raises(ArgumentError, match=r"^Categorical: value must be a whole number of the interval"):
        D.Categorical(t(0.5, 0.5)).log_prob(t(2.0))
    with pytest.raises(UnsupportedError, match=r"^Bernoulli has no rsample"):
        D.Bernoulli(t(0.5)).rsample()
    assert D.Bernoulli(t(0.1), validate_args=False).log_prob(t(0.5)).shape == (1,)
