"""Padding that most windows see is skipped, and nobody can tell: not by a bit, nor where a weight is not finite."""

from __future__ import annotations

import numpy as np
import pytest

from tests.core.backends.cpu.arrays import channels_last, numbers, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-301", "REQ-F-OPS-322")

# Size, stride, dilation (and padding) of convolutions with less than seven tenths of all places inside of the image.
PLACES = {
    "plane": ((40, 38), (1, 1), (12, 12)),
    "strided": ((40, 38), (2, 1), (13, 14)),
    "volume": ((6, 9, 10), (1, 1, 1), (3, 5, 6)),
}


def arrays(rng, name, inputs=70, outputs=40):
    size, stride, dilation = PLACES[name]
    x, weight = numbers(rng, 2, inputs, *size), numbers(rng, outputs, inputs, *(3 for _ in size))
    return x, weight, numbers(rng, outputs), (stride, tuple((d, d) for d in dilation), dilation, 1)


@pytest.mark.parametrize("name", PLACES)
def test_sums_have_the_bits_that_they_have_with_all_zeros_multiplied(sets, rng, name):
    x, weight, bias, places = arrays(rng, name)
    spoilt = weight.copy()
    spoilt[-1] = np.inf  # nothing is skipped then
    for kernels in sets:
        assert same_bits(kernels.conv(x, weight, bias, *places)[:, :-1], kernels.conv(x, spoilt, bias, *places)[:, :-1])


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_weight_that_is_not_finite_gives_nan_where_it_meets_padding(sets, reference, rng, name, value):
    x, weight, bias, places = arrays(rng, name)
    weight[3, 5].flat[0] = value
    with np.errstate(invalid="ignore"):
        expected = reference.conv(*(a.astype(np.float64) for a in (x, weight, bias)), *places)
    for kernels in sets:
        for y in (kernels.conv(x, weight, bias, *places), _packed(kernels, x, weight, bias, places)):
            assert np.array_equal(np.isnan(y), np.isnan(expected))
            assert np.array_equal(np.isinf(y), np.isinf(expected))
    assert not np.isfinite(expected[:, 3]).any()
    assert np.isfinite(np.delete(expected, 3, axis=1)).all()


@pytest.mark.parametrize("name", PLACES)
def test_packed_and_plain_weights_residual_and_activation_give_the_same_bits(native, sets, rng, name):
    x, weight, bias, places = arrays(rng, name)
    plain = sets[0].conv(x, weight, bias, *places)
    residual = channels_last(numbers(rng, *plain.shape))
    for kernels in sets:
        for threads in (1, 2, 3, 7) if kernels is sets[-1] else (2,):
            native.set_thread_count(threads)
            assert same_bits(_packed(kernels, x, weight, bias, places), plain)
            finished = kernels.conv_fused(x, weight, bias, residual, *places, "relu", 0.0, None)
            assert same_bits(finished, np.maximum(plain + residual, 0))


def test_places_that_lie_in_padding_for_every_window_leave_the_bias(sets, rng):
    x, weight, bias = numbers(rng, 1, 64, 12, 12), numbers(rng, 16, 64, 3, 3), numbers(rng, 16)
    weight[:, :, 1, 1] = 0.0
    places = ((1, 1), ((12, 12), (12, 12)), (12, 12), 1)
    for kernels in sets:
        assert same_bits(kernels.conv(x, weight, bias, *places), np.broadcast_to(bias[:, None, None], (1, 16, 12, 12)))


def _packed(kernels, x, weight, bias, places):
    return kernels.conv_fused(x, weight, bias, None, *places, "none", 0.0, None)
