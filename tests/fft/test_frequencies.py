"""The frequencies that places of a spectrum stand for."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-OPS-214")


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies_are_those_of_the_formula(n: int) -> None:
    np.testing.assert_allclose(medtorch.fft.fftfreq(n, 0.5, dtype=medtorch.float64).numpy(), np.fft.fftfreq(n, 0.5))
    np.testing.assert_allclose(medtorch.fft.rfftfreq(n, 0.5, dtype=medtorch.float64).numpy(), np.fft.rfftfreq(n, 0.5))


def test_a_shift_and_its_inverse_give_the_tensor_back() -> None:
    x = medtorch.arange(15).reshape(3, 5)
    assert medtorch.fft.ifftshift(medtorch.fft.fftshift(x)).equal(x)
    np.testing.assert_array_equal(medtorch.fft.fftshift(x, 1).numpy(), np.fft.fftshift(x.numpy(), 1))


def test_no_point_and_no_spacing_are_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"^fft.fftfreq: n must be at least 1, got 0"):
        medtorch.fft.fftfreq(0)
    with pytest.raises(ArgumentError, match=r"^fft.rfftfreq: d must not be 0"):
        medtorch.fft.rfftfreq(3, 0.0)


def test_sixteen_bits_are_refused_by_name() -> None:
    with pytest.raises(UnsupportedError, match=r"^fft.fft: medtorch.float16 is not supported; use float32"):
        medtorch.fft.fft(medtorch.ones(3, dtype=medtorch.float16))


def test_whole_numbers_count_as_floating_ones() -> None:
    found = medtorch.fft.rfft(medtorch.arange(4))
    assert found.dtype is medtorch.complex64
    np.testing.assert_allclose(found.numpy(), np.fft.rfft(np.arange(4)), atol=1e-6)
