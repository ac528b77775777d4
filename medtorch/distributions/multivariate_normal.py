"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from medtorch.core.ops.factor import cholesky, solve_triangular
from medtorch.core.ops.linalg import inv
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.tensor import Tensor
from medtorch.distributions import constraints
from medtorch.distributions.distribution import Distribution, Shape, drawn
from medtorch.errors import ArgumentError


class MultivariateNormal(Distribution):
    """Vectors around `loc`, with one of: covariance_matrix S, precision_matrix S^-1, scale_tril L of S = L L^T.

    Math      density e^(-(x - loc)^T S^-1 (x - loc) / 2) / sqrt((2 pi)^n det S)
    Source    semantics of torch.distributions.MultivariateNormal
    """

    has_rsample = True
    arg_constraints: ClassVar = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }
        present = {name: matrix for name, matrix in given.items() if matrix is not None}
        if loc.ndim < 1:
            raise ArgumentError("MultivariateNormal: loc must have at least 1 dim")
        if len(present) != 1:
            raise ArgumentError(
                "MultivariateNormal: give one of covariance_matrix, precision_matrix, scale_tril, not "
                f"{len(present)} of them"
            )
        ((name, matrix),) = present.items()
        if matrix.ndim < 2:
            raise ArgumentError(f"MultivariateNormal: {name} must have at least 2 dims")
        batch = broadcast_shapes(tuple(matrix.shape[:-2]), tuple(loc.shape[:-1]))
        self.__dict__[name] = matrix.expand(*batch, *matrix.shape[-2:])
        self.loc = loc.expand(*batch, loc.shape[-1])
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        self._tril = _lower(name, matrix)

    def __getattr__(self, name: str) -> Any:
        if name not in ("covariance_matrix", "precision_matrix", "scale_tril") or "_tril" not in self.__dict__:
            raise AttributeError(f"MultivariateNormal has no {name}")
        lower = self._tril.expand(*self._batch_shape, *self._event_shape, *self._event_shape)
        if name == "scale_tril":
            return lower
        covariance = lower @ lower.mT
        return covariance if name == "covariance_matrix" else inv(covariance)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self._tril.pow(2).sum(-1).expand(*self._batch_shape, *self._event_shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        eps = drawn(self.loc, self._extended(sample_shape), "normal")
        return self.loc + (self._tril @ eps.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        self._checked(value)
        apart = (value - self.loc).unsqueeze(-1)
        lower = self._tril.expand(*apart.shape[:-2], *self._tril.shape[-2:])
        squares = solve_triangular(lower, apart, upper=False).squeeze(-1).pow(2).sum(-1)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + squares) - self._half_log_det()

    def _half_log_det(self) -> Tensor:
        return self._tril.diagonal(0, -2, -1).log().sum(-1)

    def entropy(self) -> Tensor:
        found = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._half_log_det()
        return found.expand(self._batch_shape)

    def expand(self, batch_shape: Shape) -> MultivariateNormal:
        lower = self._tril.expand(*batch_shape, *self._event_shape, *self._event_shape)
        return MultivariateNormal(
            self.loc.expand(*batch_shape, *self._event_shape), scale_tril=lower, validate_args=False
        )


def _lower(name: str, matrix: Tensor) -> Tensor:
    """The triangular factor of the covariance."""
    if name == "scale_tril":
        return matrix
    return cholesky(matrix if name == "covariance_matrix" else inv(matrix))
