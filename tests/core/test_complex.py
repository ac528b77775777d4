"""Complex tensors: dtypes, promotion, parts, printing, and which ops refuse them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.errors import AutogradError, DtypeError, ShapeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-OPS-214")


@pytest.mark.parametrize(
    ("tensor", "other", "expected"),
    [  # from torch.promote_types and torch.result_type 2.13.0
        (medtorch.ones(2), 1j, medtorch.complex64),
        (medtorch.ones(2, dtype=medtorch.float64), 1j, medtorch.complex128),
        (medtorch.ones(2, dtype=medtorch.int64), 1j, medtorch.complex64),
        (medtorch.ones(2, dtype=medtorch.complex64), 2.5, medtorch.complex64),
        (medtorch.ones(2, dtype=medtorch.complex64), medtorch.ones(2, dtype=medtorch.float64), medtorch.complex128),
        (medtorch.ones(2, dtype=medtorch.complex64), medtorch.ones((), dtype=medtorch.float64), medtorch.complex64),
        (medtorch.ones(2), medtorch.ones((), dtype=medtorch.complex128), medtorch.complex64),
    ],
)
def test_dtypes_meet_as_in_pytorch(tensor: Any, other: Any, expected: Any) -> None:
    assert (tensor + other).dtype is expected
    assert (other * tensor).dtype is expected


def test_numbers_become_the_default_complex_dtype() -> None:
    found = medtorch.tensor([1 + 2j, 3])
    assert found.dtype is medtorch.complex64
    assert found.is_complex()
    assert not found.is_floating_point()
    assert found.tolist() == [1 + 2j, 3 + 0j]
    assert medtorch.tensor(2j).item() == 2j


def test_parts_are_views_of_the_number() -> None:
    z = medtorch.zeros(2, dtype=medtorch.complex64)
    z.real = medtorch.tensor([1.0, 2.0])
    z.imag.fill_(3)
    assert z.tolist() == [1 + 3j, 2 + 3j]
    pairs = medtorch.view_as_real(z)
    pairs[0, 0] = 7
    assert z[0].item() == 7 + 3j
    assert medtorch.view_as_complex(pairs).tolist() == z.tolist()


def test_printing_shows_both_parts() -> None:
    assert repr(medtorch.tensor([1 + 2j, -3.5j])) == "tensor([ 1.+2.0000j, -0.-3.5000j])"
    assert repr(medtorch.tensor(1j, dtype=medtorch.complex128)) == "tensor(0.+1.j, dtype=medtorch.complex128)"


def test_the_gradient_of_a_real_loss_points_uphill() -> None:
    z = medtorch.tensor([1 + 2j, -1j], dtype=medtorch.complex128, requires_grad=True)
    (z * z.conj()).real.sum().backward()
    np.testing.assert_allclose(z.grad.numpy(), 2 * z.detach().numpy())  # |z|^2 = re^2 + im^2: slopes 2 re and 2 im


def test_a_real_input_of_a_complex_product_gets_a_real_gradient() -> None:
    x = medtorch.tensor([1.0, 2.0], requires_grad=True)
    (x * (1 + 2j)).imag.sum().backward()
    assert x.grad.dtype is medtorch.float32
    assert x.grad.tolist() == [2.0, 2.0]


def test_a_complex_loss_needs_its_gradient_given() -> None:
    z = medtorch.tensor(1j, requires_grad=True)
    with pytest.raises(AutogradError, match=r"^backward: the gradient can be left out for a real number only"):
        (z * 2).backward()


@pytest.mark.parametrize("name", ["relu", "floor", "erf", "amax", "sort", "median"])
def test_ops_without_complex_numbers_refuse_them_by_name(name: str) -> None:
    with pytest.raises(UnsupportedError, match=r": complex numbers are not supported\n"):
        getattr(medtorch, name)(medtorch.tensor([1j, 2]))


def test_the_order_of_complex_numbers_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"^lt: complex numbers are not supported\n  a  \(1,\)  complex64"):
        medtorch.tensor([1j]) < 2  # noqa: B015


def test_what_is_no_pair_is_refused_by_name() -> None:
    with pytest.raises(ShapeError, match=r"^view_as_complex: pairs must lie side by side in memory"):
        medtorch.view_as_complex(medtorch.ones(2, 3).T)
    with pytest.raises(DtypeError, match=r"^view_as_real: takes complex numbers"):
        medtorch.view_as_real(medtorch.ones(2))
    with pytest.raises(DtypeError, match=r"^imag: the tensor is not complex, it has dtype float32"):
        medtorch.ones(2).imag  # noqa: B018


def test_a_cast_to_real_numbers_says_that_it_drops_the_imaginary_parts() -> None:
    with pytest.warns(UserWarning, match=r"drops the imaginary parts"):
        found = medtorch.tensor([1 + 2j]).float()
    assert found.tolist() == [1.0]


def test_in_place_arithmetic_keeps_a_real_tensor_real() -> None:
    with pytest.raises(DtypeError, match=r"^mul_: result complex64 cannot be written into float32"):
        medtorch.ones(2).mul_(1j)


@pytest.mark.parametrize("complex_input", [False, True])
def test_eigenvalues_and_vectors_solve_their_equation_and_have_gradients(complex_input: bool) -> None:
    rng = np.random.default_rng(3)
    a = rng.normal(size=(2, 3, 3)) + (1j * rng.normal(size=(2, 3, 3)) if complex_input else 0)
    matrix = medtorch.from_numpy(a).requires_grad_()
    values, vectors = medtorch.linalg.eig(matrix)
    w, v = values.detach().numpy(), vectors.detach().numpy()
    np.testing.assert_allclose(a @ v, v * w[:, None, :], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), 1)
    np.testing.assert_allclose(np.sort_complex(w), np.sort_complex(np.linalg.eigvals(a)))

    def function(x: Any) -> Any:
        own, sides = medtorch.linalg.eig(x)
        return (own * (1 + 2j)).real.pow(2).sum() + (sides.abs() ** 3).sum() + medtorch.linalg.eigvals(x).abs().sum()

    assert medtorch.autograd.gradcheck(function, (matrix,), check_forward_ad=True)
    with pytest.raises(ShapeError, match=r"^linalg.eig: needs square matrices"):
        medtorch.linalg.eigvals(medtorch.ones(2, 3))
