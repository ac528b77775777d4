"""Convolution of one channel a group: every width of kernel and line, all borders, weights that are not finite."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.core.windows import window_outputs
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-100", "REQ-F-OPS-300", "REQ-F-OPS-301")

BOUND = 3e-7  # as for all convolutions: test_conv.py
KERNELS = [1, 2, 3, 4, 5, 7, 9]


def convolve(kernels, x, weight, bias, stride=1, padding=0, dilation=1):
    pads = ((padding, padding),) * 2
    return kernels.conv(x, weight, bias, (stride,) * 2, pads, (dilation,) * 2, x.shape[1])


def truth_of(reference, x, weight, bias, **places):
    return convolve(reference, *(np.asarray(a, np.float64) for a in (x, weight, bias)), **places)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", KERNELS)
def test_every_width_of_a_line_is_right_and_the_same_on_every_set(sets, reference, rng, kernel, stride):
    for width in range(1, 19):
        x, weight, bias = numbers(rng, 1, 19, 5, width), numbers(rng, 19, 1, kernel, kernel), numbers(rng, 19)
        places = {"stride": stride, "padding": kernel // 2}
        if width + 2 * (kernel // 2) < kernel:
            continue
        first, *others = (convolve(kernels, x, weight, bias, **places) for kernels in sets)
        assert rms_gap(first, truth_of(reference, x, weight, bias, **places)) < BOUND
        assert all(same_bits(first, other) for other in others)


@pytest.mark.parametrize(("padding", "dilation"), [(0, 1), (1, 1), (6, 1), (3, 2), (9, 3)])
def test_borders_of_every_kind_are_right(widest, reference, rng, padding, dilation):
    x, weight, bias = numbers(rng, 2, 33, 9, 11), numbers(rng, 33, 1, 3, 3), numbers(rng, 33)
    places = {"padding": padding, "dilation": dilation}
    found = convolve(widest, x, weight, bias, **places)
    assert rms_gap(found, truth_of(reference, x, weight, bias, **places)) < BOUND


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("spoilt", [np.inf, np.nan])
def test_a_weight_that_is_not_finite_spoils_the_border_too(sets, rng, kernel, spoilt):
    # By the formula a zero of the border times infinity is NaN: nothing may be left out then.
    x, weight = np.abs(numbers(rng, 1, 18, 6, 7)) + 1, numbers(rng, 18, 1, kernel, kernel)
    weight[5, 0, 0, 0] = spoilt
    padding = kernel // 2
    clean = convolve(sets[-1], x, np.nan_to_num(weight, posinf=0), None, padding=padding)
    padded = np.pad(x[0, 5], padding)
    with np.errstate(invalid="ignore"):
        seen = padded[: clean.shape[2], : clean.shape[3]] * spoilt
    for kernels in sets:
        y = convolve(kernels, x, weight, None, padding=padding)
        assert same_bits(np.delete(y, 5, axis=1), np.delete(clean, 5, axis=1))
        assert (np.isnan(y[0, 5]) == np.isnan(seen)).all()
        assert (np.isinf(y[0, 5]) == np.isinf(seen)).all()


def test_the_gradient_of_the_input_is_right_for_every_stride(widest, reference, rng):
    for kernel in (3, 5, 7):
        for stride in (1, 2, 3):
            pads, steps = ((kernel // 2,) * 2,) * 2, (stride,) * 2
            count = window_outputs((13, 10), (kernel,) * 2, steps, pads, (1, 1))
            dy, weight = numbers(rng, 2, 20, *count), numbers(rng, 20, 1, kernel, kernel)
            found = widest.conv_input_grad(dy, weight, None, (13, 10), steps, pads, (1, 1), 20)
            given = (np.asarray(dy, np.float64), np.asarray(weight, np.float64))
            truth = reference.conv_input_grad(*given, None, (13, 10), steps, pads, (1, 1), 20)
            assert rms_gap(found, truth) < BOUND
