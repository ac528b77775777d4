"""How far one distribution is from another: the Kullback-Leibler divergence.

Math      KL(p | q) = the mean of log p(x) - log q(x) over p
Source    Kullback & Leibler 1951, Ann. Math. Stat. 22, 79-86; semantics of torch.distributions.kl_divergence
Requires  REQ-F-RND-001
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from medtorch.core.ops.factor import solve_triangular
from medtorch.core.tensor import Tensor
from medtorch.distributions.bernoulli import Bernoulli
from medtorch.distributions.beta import Beta
from medtorch.distributions.binomial import Binomial, Geometric
from medtorch.distributions.categorical import Categorical
from medtorch.distributions.cauchy import Cauchy
from medtorch.distributions.dirichlet import Dirichlet
from medtorch.distributions.distribution import Distribution
from medtorch.distributions.exponential import Exponential
from medtorch.distributions.gamma import Gamma
from medtorch.distributions.gumbel import Gumbel
from medtorch.distributions.half_normal import HalfNormal
from medtorch.distributions.independent import Independent, sum_rightmost
from medtorch.distributions.laplace import Laplace
from medtorch.distributions.log_normal import LogNormal
from medtorch.distributions.multivariate_normal import MultivariateNormal
from medtorch.distributions.normal import Normal
from medtorch.distributions.one_hot_categorical import OneHotCategorical
from medtorch.distributions.poisson import Poisson
from medtorch.distributions.uniform import Uniform
from medtorch.errors import ArgumentError, UnsupportedError

Divergence = Callable[[Any, Any], Tensor]
_REGISTRY: dict[tuple[type, type], Divergence] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Divergence], Divergence]:
    """Decorate the divergence of two classes. Raises ArgumentError for what is no distribution."""
    for kind in (type_p, type_q):
        if not (isinstance(kind, type) and issubclass(kind, Distribution)):
            raise ArgumentError(f"register_kl: takes classes of distributions, got {kind!r}")

    def registered(function: Divergence) -> Divergence:
        _REGISTRY[type_p, type_q] = function
        return function

    return registered


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p | q), for each place of the batch. Raises UnsupportedError for a pair that has no formula here."""
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _REGISTRY:
                return _REGISTRY[kind_p, kind_q](p, q)
    raise UnsupportedError(f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}")


@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(LogNormal, LogNormal)
def _log_normal(p: LogNormal, q: LogNormal) -> Tensor:
    return _normal(p._normal, q._normal)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p._whole, q._whole)


@register_kl(MultivariateNormal, MultivariateNormal)
def _multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Tensor:
    if p.event_shape != q.event_shape:
        raise ArgumentError(f"kl_divergence: event shapes differ: {tuple(p.event_shape)}, {tuple(q.event_shape)}")
    n = p.event_shape[0]
    apart = (q.loc - p.loc).unsqueeze(-1)
    spread = solve_triangular(*_alike(q._tril, p._tril), upper=False).pow(2).sum((-2, -1))
    moved = solve_triangular(*_alike(q._tril, apart), upper=False).pow(2).sum((-2, -1))
    return q._half_log_det() - p._half_log_det() + 0.5 * (spread + moved - n)


def _alike(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both with the same leading dims."""
    lead = (a[..., 0, 0] + b[..., 0, 0]).shape
    return a.expand(*lead, *a.shape[-2:]), b.expand(*lead, *b.shape[-2:])


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * (-apart / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    wide = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return wide.log() - (4 * p.scale * q.scale).log()


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    euler = 0.57721566490153286060
    ratio, apart = p.scale / q.scale, (p.loc - q.loc) / q.scale
    moved = (-apart + (ratio + 1).lgamma()).exp()
    return -ratio.log() - (1 + euler) + apart + ratio * euler + moved


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    ways = b.lgamma() - a.lgamma() + b * (p.rate / q.rate).log()
    return ways + (a - b) * a.digamma() + (q.rate - p.rate) * (a / p.rate)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    norm = total.lgamma() - b.sum(-1).lgamma() - (a.lgamma() - b.lgamma()).sum(-1)
    return norm + ((a - b) * (a.digamma() - total.digamma().unsqueeze(-1))).sum(-1)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def part(mine: Tensor, other: Tensor) -> Tensor:
        found = mine * (mine / other).log()
        return found.masked_fill(other == 0, math.inf).masked_fill(mine == 0, 0.0)

    return part(p.probs, q.probs) + part(1 - p.probs, 1 - q.probs)


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count != q.total_count).any()):
        raise UnsupportedError("kl_divergence: binomial distributions of different total_count have no formula here")
    return p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    found = p.probs * (p.logits - q.logits)
    found = found.masked_fill((q.probs == 0).expand(found.shape), math.inf)
    return found.masked_fill((p.probs == 0).expand(found.shape), 0.0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_categorical(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    return found.masked_fill((q.low > p.low) | (q.high < p.high), math.inf)


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise UnsupportedError("kl_divergence: events of different dims have no formula here")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)  # type: ignore[no-any-return]
