"""Gradients of weights by Winograd's algorithm: right, as exact as stated, the same bits whatever computes them."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.core.windows import window_outputs
from tests.core.backends.cpu.arrays import channels_last, numbers, rms_gap, same_bits
from tests.core.backends.cpu.test_winograd import SHAPES, ones

pytestmark = pytest.mark.requirement("REQ-F-OPS-100", "REQ-F-OPS-300", "REQ-F-OPS-301", "REQ-F-OPS-302")

SAME = ((1, 1), (1, 1))
# RMS error over the result's spread. The gradient of torch.nn.functional.conv2d 2.13 has 2.5e-7 to 1.4e-6 on the images
# below (oneDNN, AVX-512, contiguous arrays).
BOUND = 3.2e-7


def arrays(rng, name, batch=3):
    c = SHAPES[name]
    count = window_outputs(c.size, c.kernel, ones(c.size), c.padding, c.dilation)
    return numbers(rng, batch, c.inputs, *c.size), numbers(rng, batch, c.outputs, *count)


def gradient(kernels, name, x, dy, algorithms="default"):
    c = SHAPES[name]
    with medtorch.cpu_algorithms(algorithms):
        return kernels.conv_weight_grad(x, dy, c.kernel, ones(c.size), c.padding, c.dilation, 1)


def truth(name, x, dy):
    return gradient(ReferenceKernels(np), name, x.astype(np.float64), dy.astype(np.float64))


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_here_is_right_and_another_sum_than_the_direct_one(widest, rng, name):
    x, dy = arrays(rng, name)
    expected = truth(name, x, dy)
    found, direct = gradient(widest, name, x, dy), gradient(widest, name, x, dy, "direct")
    assert rms_gap(found, expected) < BOUND
    assert rms_gap(direct, expected) < BOUND
    assert not same_bits(found, direct)
    assert same_bits(gradient(widest, name, x, dy, "fast"), found)


@pytest.mark.parametrize("name", SHAPES)
def test_every_kernel_set_and_number_of_threads_gives_the_same_bits(native, sets, rng, name):
    x, dy = arrays(rng, name)
    native.set_thread_count(1)
    first = gradient(sets[0], name, x, dy)
    for kernels in sets[1:]:
        for threads in (1, 2, 3, 7):
            native.set_thread_count(threads)
            assert same_bits(gradient(kernels, name, x, dy), first)


@pytest.mark.parametrize("name", SHAPES)
def test_any_order_of_memory_gives_the_same_bits(widest, rng, name):
    x, dy = arrays(rng, name)
    plain = gradient(widest, name, x, dy)
    assert same_bits(gradient(widest, name, channels_last(x), channels_last(dy)), plain)
    assert same_bits(gradient(widest, name, x[:, :, ::-1].copy()[:, :, ::-1], channels_last(dy)), plain)


# Several chunks of tiles; several strips of slices.
@pytest.mark.parametrize(
    ("batch", "inputs", "outputs", "size"), [(2, 96, 80, (70, 66)), (9, 160, 150, (17, 16)), (1, 64, 80, (20, 16, 18))]
)
def test_many_tiles_are_right_and_the_same_on_every_set_and_number_of_threads(
    native, sets, rng, batch, inputs, outputs, size
):
    x, dy = numbers(rng, batch, inputs, *size), numbers(rng, batch, outputs, *size)
    places = ((3,) * len(size), ones(size), ((1, 1),) * len(size), ones(size), 1)
    expected = ReferenceKernels(np).conv_weight_grad(x.astype(np.float64), dy.astype(np.float64), *places)
    first = sets[-1].conv_weight_grad(x, dy, *places)
    assert rms_gap(first, expected) < 4e-7
    for kernels in sets[1:]:
        for threads in (1, 3):
            native.set_thread_count(threads)
            assert same_bits(kernels.conv_weight_grad(x, dy, *places), first)


@pytest.mark.parametrize(
    ("batch", "channels", "size", "bound"),
    [(1, 16, 20, 2.5e-7), (2, 256, 16, 3.9e-7), (8, 512, 7, 3.2e-7), (8, 64, 28, 1.38e-6)],
)
@pytest.mark.parametrize("after_relu", [False, True])
def test_the_error_is_at_most_one_and_a_half_times_pytorchs(widest, rng, batch, channels, size, bound, after_relu):
    # bound: the error of PyTorch 2.13 on normal data, contiguous arrays, one thread; after a ReLU 0.67 to 0.71 of it.
    x, dy = numbers(rng, batch, channels, size, size), numbers(rng, batch, channels, size, size)
    x = np.maximum(x, 0) if after_relu else x
    exact = ReferenceKernels(np)
    places = ((3, 3), (1, 1), SAME, (1, 1), 1)
    expected = exact.conv_weight_grad(x.astype(np.float64), dy.astype(np.float64), *places)
    found = widest.conv_weight_grad(x, dy, *places)
    gap = rms_gap(found, expected) * np.sqrt(np.mean(expected**2)) / expected.std()
    assert gap < 1.5 * bound * (0.67 if after_relu else 1)


@pytest.mark.parametrize(("batch", "size"), [(1, (19, 20)), (7, (7, 7))])
def test_fewer_than_384_places_are_summed_directly(widest, rng, batch, size):
    x, dy = numbers(rng, batch, 32, *size), numbers(rng, batch, 16, *size)
    places = ((3, 3), (1, 1), SAME, (1, 1), 1)
    with medtorch.cpu_algorithms("direct"):
        direct = widest.conv_weight_grad(x, dy, *places)
    assert same_bits(widest.conv_weight_grad(x, dy, *places), direct)


@pytest.mark.requirement("REQ-F-OPS-322")
@pytest.mark.parametrize("which", ["x", "dy"])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 3e38])
@pytest.mark.parametrize("name", ["odd", "dilated", "volume of 16 channels"])
def test_a_gradient_that_is_not_finite_is_computed_directly(sets, rng, name, spoilt, which):
    x, dy = arrays(rng, name)
    (x if which == "x" else dy)[1, 3, ..., 5, 6] = spoilt
    with np.errstate(invalid="ignore", over="ignore"):
        expected = truth(name, x, dy).astype(np.float32)
    for kernels in sets:
        found = gradient(kernels, name, x, dy)
        if spoilt != np.float32(3e38):
            assert np.array_equal(np.isfinite(found), np.isfinite(expected))
            assert np.array_equal(np.isnan(found), np.isnan(expected))
        if not np.isfinite(found).all():
            assert same_bits(np.nan_to_num(found), np.nan_to_num(gradient(kernels, name, x, dy, "direct")))


@pytest.mark.requirement("REQ-F-OPS-322")
@pytest.mark.parametrize(("padding", "dilation"), [(1, 1), (3, 1), (2, 3)])
@pytest.mark.parametrize("which", ["x", "dy"])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
def test_padding_times_infinity_is_nan_in_depthwise_gradients_too(sets, rng, padding, dilation, which, spoilt):
    x = numbers(rng, 2, 19, 9, 8)
    pads, dilations = ((padding, padding),) * 2, (dilation,) * 2
    dy = numbers(rng, 2, 19, *window_outputs((9, 8), (3, 3), (1, 1), pads, dilations))
    (x if which == "x" else dy)[1, 4, 0, 0] = spoilt
    with np.errstate(invalid="ignore"):
        expected = ReferenceKernels(np).conv_weight_grad(
            x.astype(np.float64), dy.astype(np.float64), (3, 3), (1, 1), pads, dilations, 19
        )
    assert not np.isfinite(expected).all()
    for kernels in sets:
        found = kernels.conv_weight_grad(x, dy, (3, 3), (1, 1), pads, dilations, 19)
        assert np.array_equal(np.isnan(found), np.isnan(expected))
        assert np.array_equal(found[np.isinf(expected)], expected[np.isinf(expected)])
        assert rms_gap(found[np.isfinite(expected)], expected[np.isfinite(expected)]) < 3e-7
