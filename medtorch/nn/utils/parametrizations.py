"""Ready parametrizations: weight norm, spectral norm, orthogonal matrices.

Source    Salimans & Kingma 2016, arXiv:1602.07868; Miyato et al. 2018, arXiv:1802.05957; Lezcano-Casado 2019,
          arXiv:1909.09501; semantics of torch.nn.utils.parametrizations
Requires  REQ-F-NN-013
"""

from __future__ import annotations

from typing import Any

from medtorch.core.creation import eye
from medtorch.core.dtypes import finfo
from medtorch.core.modes import no_grad
from medtorch.core.ops.factor import qr
from medtorch.core.ops.householder import geqrf, householder_product
from medtorch.core.ops.linalg import solve
from medtorch.core.ops.matrix_exp import matrix_exp
from medtorch.core.ops.shape import cat
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, DimError, ShapeError, UnsupportedError
from medtorch.nn import functional as F
from medtorch.nn.modules.conv import _ConvTransposeNd
from medtorch.nn.modules.module import Module
from medtorch.nn.utils.parametrize import register_parametrization

_MAPS = ("matrix_exp", "cayley", "householder")


def norm_except_dim(v: Tensor, pow: float = 2, dim: int = 0) -> Tensor:
    """The norm over all dims but `dim`, which keeps its place; over all numbers for dim -1."""
    if dim == -1:
        return v.norm(pow)
    others = tuple(d for d in range(v.ndim) if d != dim)
    return v.norm(pow, others, keepdim=True)


def weight_of(g: Tensor, v: Tensor, dim: int) -> Tensor:
    """g v / |v|, the norm over all dims but `dim`."""
    return v * (g / norm_except_dim(v, 2, dim))


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_of(weight_g, weight_v, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Length and direction."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """The weight as a length for each index of `dim` (original0) and a direction (original1).

    Math      w = g v / |v|
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def read_old(state_dict: Any, prefix: str, *_: Any) -> None:
        old = (f"{prefix}{name}_g", f"{prefix}{name}_v")
        if all(key in state_dict for key in old):
            for nr, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{nr}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(read_old)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        dims = weight.ndim
        if not -dims <= dim < dims:
            raise DimError(f"Dimension out of range (expected to be in range of [-{dims}, {dims - 1}] but got {dim})")
        if n_power_iterations <= 0:
            raise ArgumentError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.dim, self.eps, self.n_power_iterations = dim % dims, eps, n_power_iterations
        if dims > 1:
            matrix = as_matrix(weight.detach(), self.dim)
            self.register_buffer("_u", _direction(matrix, matrix.shape[0], eps))
            self.register_buffer("_v", _direction(matrix, matrix.shape[1], eps))
            self._power_method(matrix, 15)

    def _power_method(self, matrix: Tensor, rounds: int) -> None:
        with no_grad():
            for _ in range(rounds):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.T.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        # copies: a second call before backward may change the buffers
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """Itself: divided again, it stays in direction."""
        return value


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """`dim` as rows, all others as columns."""
    return weight.movedim(dim, 0).flatten(1)


def _direction(like: Tensor, size: int, eps: float) -> Tensor:
    """A random unit vector."""
    return F.normalize(like.new_empty(size).normal_(0, 1), dim=0, eps=eps)


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """The weight divided by its largest singular value, which the power method follows in training.

    Raises    ArgumentError for no such tensor or no iteration; DimError for a dim out of range
    """
    weight = _tensor_of(module, name)
    rows = (1 if isinstance(module, _ConvTransposeNd) else 0) if dim is None else dim
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, rows, eps))


class _Orthogonal(Module):
    """A matrix whose columns (rows, if it is wide) are orthonormal, as a map of a lower triangle.

    With a base the map starts at the identity and is moved there by it.
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        self.shape, self.orthogonal_map, self.based = weight.shape, orthogonal_map, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        tall = X.mT if wide else X
        out = _by_reflections(tall) if self.orthogonal_map == "householder" else _by_rotation(tall, self.orthogonal_map)
        if self.based and self.base is not None:
            out = self.base @ out
        return out.mT if wide else out

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What the map takes to `Q`, or to the nearest orthogonal matrix by QR."""
        with no_grad():
            if Q.shape != self.shape:
                raise ShapeError(
                    f"Expected a matrix or batch of matrices of shape {tuple(self.shape)}. "
                    f"Got a tensor of shape {tuple(Q.shape)}."
                )
            wide = Q.shape[-2] < Q.shape[-1]
            tall = Q.mT if wide else Q
            if self.based:
                self.base = _completed(tall)
                rows, columns = Q.shape[-2:]
                return -eye(rows, columns, dtype=Q.dtype, device=Q.device).expand(Q.shape).clone()
            if self.orthogonal_map != "householder":
                raise UnsupportedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            reflections = _reflections(tall)
            return reflections.mT if wide else reflections


def _by_rotation(x: Tensor, kind: str) -> Tensor:
    """exp(A), or Cayley's (I - A / 2)^-1 (I + A / 2), of the skew-symmetric A with x's lower triangle."""
    rows, columns = x.shape[-2:]
    triangle = x.tril()
    if rows != columns:
        triangle = cat([triangle, x.new_zeros((*x.shape[:-1], rows - columns))], -1)
    skew = triangle - triangle.mT
    if kind == "matrix_exp":
        full = matrix_exp(skew)
    else:
        identity = eye(rows, dtype=x.dtype, device=x.device)
        full = solve(identity - skew * 0.5, identity + skew * 0.5)
    return full[..., :columns]


def _by_reflections(x: Tensor) -> Tensor:
    """The product of the Householder reflections in x's strictly lower triangle, signed by its diagonal."""
    below = x.tril(-1)
    scales = 2.0 / (1.0 + (below * below).sum(-2))
    signs = x.detach().diagonal(0, -2, -1).trunc().unsqueeze(-2)
    return householder_product(below, scales) * signs


def _reflections(q: Tensor) -> Tensor:
    """The reflections whose product is `q`, with the signs on their diagonal."""
    packed, scales = geqrf(q)
    diagonal = packed.diagonal(0, -2, -1)
    signs = diagonal.sign() * (1 - 2 * (scales == 0).to(q.dtype))  # a reflection that is not used turns the sign
    return packed + _on_diagonal(signs - diagonal, packed)


def _on_diagonal(values: Tensor, like: Tensor) -> Tensor:
    rows, columns = like.shape[-2:]
    return eye(rows, columns, dtype=like.dtype, device=like.device) * values.unsqueeze(-2)


def _completed(q: Tensor) -> Tensor:
    """An orthogonal square matrix that begins with `q`, made orthonormal if it is not."""
    rows, columns = q.shape[-2:]
    if rows == columns and _is_orthogonal(q):
        return q.clone()
    if rows != columns:
        q = cat([q, q.new_empty((*q.shape[:-1], rows - columns)).normal_()], -1)
    orthonormal, triangle = qr(q)
    return orthonormal * triangle.diagonal(0, -2, -1).sign().unsqueeze(-2)


def _is_orthogonal(q: Tensor) -> bool:
    size = q.shape[-1]
    identity = eye(size, dtype=q.dtype, device=q.device)
    gap = float((q.mT @ q - identity).abs().amax().item())
    return gap <= 10.0 * size * finfo(q.dtype).eps  # torch's own bound: a few roundings a row


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a matrix, or a batch of them, orthogonal while it is learned.

    Raises    ArgumentError for no such tensor, fewer than 2 dims, an unknown map
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise ArgumentError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    square = weight.shape[-1] == weight.shape[-2]
    chosen = ("matrix_exp" if square else "householder") if orthogonal_map is None else orthogonal_map
    if chosen not in _MAPS:
        raise ArgumentError(f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {chosen}')
    orth = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    return register_parametrization(module, name, orth, unsafe=True)


def _tensor_of(module: Module, name: str) -> Tensor:
    found = getattr(module, name, None)
    if not isinstance(found, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return found
