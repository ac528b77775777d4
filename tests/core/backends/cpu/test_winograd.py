"""Convolutions by Winograd's algorithm: chosen by the shape of one image, the same bits whatever computes them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import medtorch
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.errors import ArgumentError
from tests.core.backends.cpu.arrays import channels_last, numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-100", "REQ-F-OPS-300", "REQ-F-OPS-301", "REQ-F-OPS-302")

ONES = (1, 1)
SAME = ((1, 1), (1, 1))
# RMS error over the result's spread. torch.nn.functional.conv2d 2.13 has 2.1e-7 to 2.3e-7 on these (oneDNN, AVX-512).
OF_PYTORCH = 2.15e-7
FAST = 9e-7

# Channels, size and padding of images that tiles of both sizes cover with and without a rest.
SHAPES = {
    "even": (16, 16, (16, 16), SAME),
    "odd": (20, 33, (15, 17), SAME),
    "uneven padding": (40, 70, (17, 14), ((0, 2), (3, 1))),
    "negative padding": (17, 16, (19, 22), ((-1, 1), (0, -2))),
    "no padding": (64, 32, (20, 21), ((0, 0), (0, 0))),
    "more than one block": (130, 48, (14, 16), SAME),
}


def arrays(rng, name, batch=2):
    inputs, outputs, size, padding = SHAPES[name]
    return numbers(rng, batch, inputs, *size), numbers(rng, outputs, inputs, 3, 3), numbers(rng, outputs), padding


def conv(kernels, algorithms, x, weight, bias, padding):
    with medtorch.cpu_algorithms(algorithms):
        return kernels.conv(x, weight, bias, ONES, padding, ONES, 1)


def truth(x, weight, bias, padding):
    exact = ReferenceKernels(np)
    bias = None if bias is None else bias.astype(np.float64)
    return exact.conv(x.astype(np.float64), weight.astype(np.float64), bias, ONES, padding, ONES, 1)


@pytest.mark.parametrize("algorithms", ["default", "fast"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_kernel_set_and_number_of_threads_gives_the_same_bits(native, sets, rng, name, algorithms):
    given = arrays(rng, name)
    native.set_thread_count(1)
    first = conv(sets[0], algorithms, *given)
    for kernels in sets[1:]:
        for threads in (1, 2, 3, 7):
            native.set_thread_count(threads)
            assert same_bits(conv(kernels, algorithms, *given), first)


@pytest.mark.parametrize("algorithms", ["default", "fast"])
@pytest.mark.parametrize("name", SHAPES)
def test_an_image_does_not_depend_on_its_neighbours(widest, rng, name, algorithms):
    x, weight, bias, padding = arrays(rng, name, batch=8)
    for batch in (2, 5, 8):
        y = conv(widest, algorithms, x[:batch], weight, bias, padding)
        for place in range(batch):
            alone = conv(widest, algorithms, x[place : place + 1], weight, bias, padding)
            assert same_bits(y[place : place + 1], alone)


@pytest.mark.parametrize("algorithms", ["default", "fast"])
@pytest.mark.parametrize("name", SHAPES)
def test_any_order_of_memory_gives_the_same_bits(widest, rng, name, algorithms):
    x, weight, bias, padding = arrays(rng, name)
    plain = conv(widest, algorithms, x, weight, bias, padding)
    assert same_bits(conv(widest, algorithms, channels_last(x), channels_last(weight), bias, padding), plain)
    assert same_bits(conv(widest, algorithms, x[:, :, ::-1][:, :, ::-1], weight, bias, padding), plain)


@pytest.mark.requirement("REQ-F-OPS-321")
@pytest.mark.parametrize(
    ("inputs", "outputs", "size", "fast_by"),
    [(16, 16, 12, "winograd2"), (64, 64, 56, "winograd4"), (256, 256, 14, "winograd4"), (512, 512, 8, "winograd2")],
    ids=str,
)
@pytest.mark.parametrize("after_relu", [False, True])
def test_the_error_stays_within_what_is_stated(widest, rng, inputs, outputs, size, fast_by, after_relu):
    x, weight = numbers(rng, 1, inputs, size, size), numbers(rng, outputs, inputs, 3, 3)
    x = np.maximum(x, 0) if after_relu else x
    expected = truth(x, weight, None, SAME)
    spread = expected.std() / np.sqrt(np.mean(expected**2))
    named = [
        widest.conv_algorithm(x.shape, weight.shape, ONES, SAME, ONES, 1, a) for a in ("direct", "default", "fast")
    ]
    assert named == ["direct", "winograd2", fast_by]
    errors = [rms_gap(conv(widest, a, x, weight, None, SAME), expected) / spread for a in ("direct", "default", "fast")]
    assert errors[0] < errors[1] < 1.5 * OF_PYTORCH
    assert errors[2] < (FAST if fast_by == "winograd4" else 1.5 * OF_PYTORCH)


@pytest.mark.parametrize("algorithms", ["default", "fast"])
def test_the_input_gradient_is_right_and_the_same_on_every_set(sets, rng, algorithms):
    dy, weight = numbers(rng, 2, 32, 18, 17), numbers(rng, 32, 24, 3, 3)
    exact = ReferenceKernels(np)
    places = ((18, 17), ONES, SAME, ONES, 1)
    expected = exact.conv_input_grad(dy.astype(np.float64), weight.astype(np.float64), None, *places)
    with medtorch.cpu_algorithms(algorithms):
        first, *others = (kernels.conv_input_grad(dy, weight, None, *places) for kernels in sets)
    assert rms_gap(first, expected) < (FAST if algorithms == "fast" else 3e-7)
    assert all(same_bits(first, other) for other in others)


def test_planes_of_a_volume_are_computed_as_images(sets, rng):
    x, weight, bias = numbers(rng, 2, 16, 3, 12, 13), numbers(rng, 20, 16, 1, 3, 3), numbers(rng, 20)
    places = ((1, 1, 1), ((0, 0), (1, 1), (1, 1)), (1, 1, 1), 1)
    assert sets[0].conv_algorithm(x.shape, weight.shape, *places, "default") == "winograd2"
    for kernels in sets:
        y = kernels.conv(x, weight, bias, *places)
        for z in range(3):
            flat = kernels.conv(x[:, :, z], weight[:, :, 0], bias, ONES, SAME, ONES, 1)
            assert same_bits(y[:, :, z], flat)


@pytest.mark.requirement("REQ-F-OPS-322")
@pytest.mark.parametrize("algorithms", ["default", "fast"])
@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 3e38])
def test_an_image_whose_sums_overflow_is_computed_directly(sets, rng, algorithms, spoilt):
    x, weight, bias, padding = arrays(rng, "odd", batch=3)
    x[1, 3, 5, 6] = spoilt
    for kernels in sets:
        y = conv(kernels, algorithms, x, weight, bias, padding)
        assert same_bits(y[1:2], conv(kernels, "direct", x[1:2], weight, bias, padding))
        assert same_bits(y[::2].copy(), conv(kernels, algorithms, x[::2], weight, bias, padding))


def test_a_residual_may_lie_where_the_result_goes(widest, rng):
    x, weight, bias, padding = arrays(rng, "odd")
    x[1, 0, 0, 0] = np.inf
    residual = channels_last(numbers(rng, 2, 33, 15, 17))
    places = (ONES, padding, ONES, 1, "relu", 0.0)
    expected = widest.conv_fused(x, weight, bias, residual, *places, None)
    assert same_bits(widest.conv_fused(x, weight, bias, residual, *places, residual), expected)


@pytest.mark.requirement("REQ-F-OPS-320")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "winograd2"),
        ({"stride": (2, 2)}, "direct"),
        ({"dilation": (2, 2)}, "direct"),
        ({"groups": 2}, "direct"),
        ({"weight": (64, 32, 5, 5)}, "direct"),
        ({"input": (1, 15, 14, 14), "weight": (64, 15, 3, 3)}, "direct"),
        ({"weight": (15, 32, 3, 3)}, "direct"),
        ({"input": (1, 32, 5, 5)}, "direct"),
        ({"input": (9, 32, 14, 14)}, "winograd2"),
        ({"algorithms": "direct"}, "direct"),
        ({"algorithms": "fast"}, "winograd4"),
        ({"algorithms": "fast", "input": (1, 32, 12, 12)}, "winograd2"),
    ],
    ids=str,
)
def test_the_choice_follows_from_the_shape_of_one_image(widest, reference, change, said):
    given = {
        "input": (1, 32, 14, 14),
        "weight": (64, 32, 3, 3),
        "stride": ONES,
        "padding": SAME,
        "dilation": ONES,
        "groups": 1,
        "algorithms": "default",
    }
    assert widest.conv_algorithm(**(given | change)) == said
    assert reference.conv_algorithm(**(given | change)) == "direct"


@pytest.mark.requirement("REQ-F-OPS-320")
def test_a_thread_s_choice_goes_before_the_process_s():
    seen = {}
    assert medtorch.get_cpu_algorithms() == "default"
    medtorch.set_cpu_algorithms("direct")
    try:
        with medtorch.cpu_algorithms("fast"):
            other = threading.Thread(target=lambda: seen.update(other=medtorch.get_cpu_algorithms()))
            other.start()
            other.join()
            seen["here"] = medtorch.get_cpu_algorithms()
            with medtorch.cpu_algorithms("default"):
                seen["inner"] = medtorch.get_cpu_algorithms()
        seen["after"] = medtorch.get_cpu_algorithms()
    finally:
        medtorch.set_cpu_algorithms("default")
    assert seen == {"other": "direct", "here": "fast", "inner": "default", "after": "direct"}


@pytest.mark.requirement("REQ-F-OPS-320")
@pytest.mark.parametrize("wrong", ["winograd", "", None, 2])
def test_other_names_are_refused(wrong):
    for name, function in (("set_cpu_algorithms", medtorch.set_cpu_algorithms), ("cpu_algorithms", _enter)):
        with pytest.raises(ArgumentError, match=rf'^{name}: no algorithms .*; have "direct", "default", "fast"$'):
            function(wrong)
    assert medtorch.get_cpu_algorithms() == "default"


def _enter(algorithms):
    with medtorch.cpu_algorithms(algorithms):
        pass


def test_weights_are_packed_for_one_algorithm(widest, rng):
    weight = numbers(rng, 16, 16, 1, 3, 3)
    with pytest.raises(ValueError, match="no such algorithm"):
        widest.set.pack_conv(weight, 1, "quick")
    with pytest.raises(ValueError, match="takes kernels of 3x3 alone"):
        widest.set.pack_conv(weight[..., :2], 1, "winograd2")
    x, y = numbers(rng, 1, 16, 1, 9, 9), channels_last(np.zeros((1, 16, 1, 9, 9), np.float32))
    places = ((1, 1, 1), (0, 1, 1), (1, 1, 1), 1, 0, 0.0)
    with pytest.raises(ValueError, match="the packed weights are others"):
        widest.set.conv(x, weight, None, None, y, *places, 1, widest.set.pack_conv(weight, 1, "direct"))
    widest.set.conv(x, weight, None, None, y, *places, 0, widest.set.pack_conv(weight, 1, "direct"))
