"""torch.distributions' names.

Source    semantics of torch.distributions
Requires  REQ-F-RND-001
"""

from __future__ import annotations

from medtorch.distributions import constraints, kl, transforms, utils
from medtorch.distributions.bernoulli import Bernoulli
from medtorch.distributions.beta import Beta
from medtorch.distributions.binomial import Binomial, Geometric
from medtorch.distributions.categorical import Categorical
from medtorch.distributions.cauchy import Cauchy
from medtorch.distributions.dirichlet import Dirichlet
from medtorch.distributions.distribution import Distribution, ExponentialFamily
from medtorch.distributions.exponential import Exponential
from medtorch.distributions.gamma import Chi2, Gamma
from medtorch.distributions.gumbel import Gumbel
from medtorch.distributions.half_normal import HalfNormal
from medtorch.distributions.independent import Independent
from medtorch.distributions.kl import kl_divergence, register_kl
from medtorch.distributions.laplace import Laplace
from medtorch.distributions.log_normal import LogNormal
from medtorch.distributions.logistic_normal import LogisticNormal
from medtorch.distributions.multivariate_normal import MultivariateNormal
from medtorch.distributions.normal import Normal
from medtorch.distributions.one_hot_categorical import OneHotCategorical, OneHotCategoricalStraightThrough
from medtorch.distributions.poisson import Poisson
from medtorch.distributions.student_t import StudentT
from medtorch.distributions.transformed_distribution import TransformedDistribution
from medtorch.distributions.transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    PowerTransform,
    SigmoidTransform,
    SoftplusTransform,
    StickBreakingTransform,
    TanhTransform,
    Transform,
    identity_transform,
)
from medtorch.distributions.uniform import Uniform

__all__ = [
    "AbsTransform", "AffineTransform", "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2",
    "ComposeTransform", "Dirichlet", "Distribution", "ExpTransform", "Exponential", "ExponentialFamily", "Gamma",
    "Geometric", "Gumbel", "HalfNormal", "Independent", "Laplace", "LogNormal", "LogisticNormal", "MultivariateNormal",
    "Normal", "OneHotCategorical", "OneHotCategoricalStraightThrough", "Poisson", "PowerTransform", "SigmoidTransform",
    "SoftplusTransform", "StickBreakingTransform", "StudentT", "TanhTransform", "Transform",
    "TransformedDistribution", "Uniform", "constraints", "identity_transform", "kl", "kl_divergence", "register_kl",
    "transforms", "utils",
]  # fmt: skip
