"""Convolutions by Winograd's algorithm: chosen by the shape of one image, the same bits whatever computes them."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
import pytest

import medtorch
from medtorch.core.backends.reference import ReferenceKernels
from medtorch.errors import ArgumentError
from tests.core.backends.cpu.arrays import channels_last, numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-100", "REQ-F-OPS-300", "REQ-F-OPS-301", "REQ-F-OPS-302")

ONES = (1, 1)
SAME = ((1, 1), (1, 1))
VOLUME = {
    "input": (1, 32, 4, 14, 14),
    "weight": (64, 32, 3, 3, 3),
    "stride": (1, 1, 1),
    "padding": ((1, 1), (1, 1), (1, 1)),
    "dilation": (1, 1, 1),
}
# RMS error over the result's spread. torch.nn.functional.conv2d 2.13 has 2.1e-7 to 2.3e-7 on these (oneDNN, AVX-512).
OF_PYTORCH = 2.15e-7
FAST = 9e-7


class Case(NamedTuple):
    inputs: int
    outputs: int
    size: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...] = ONES
    kernel: tuple[int, ...] = (3, 3)


def volume(inputs, outputs, size, padding, dilation=(1, 1, 1), depth=3):
    return Case(inputs, outputs, size, padding, dilation, (depth, 3, 3))


# Images that tiles of both sizes cover with and without a rest, and phases of different length.
SHAPES = {
    "even": Case(16, 16, (16, 16), SAME),
    "odd": Case(20, 33, (15, 17), SAME),
    "uneven padding": Case(40, 70, (17, 14), ((0, 2), (3, 1))),
    "negative padding": Case(17, 16, (19, 22), ((-1, 1), (0, -2))),
    "no padding": Case(64, 32, (20, 21), ((0, 0), (0, 0))),
    "more than one block": Case(130, 48, (14, 16), SAME),
    "dilated": Case(24, 32, (21, 34), ((2, 2), (2, 2)), (2, 2)),
    "dilated, uneven": Case(70, 20, (25, 31), ((1, 4), (3, 0)), (2, 3)),
    "dilated, cropped": Case(16, 16, (30, 29), ((-1, 3), (2, -2)), (3, 2)),
    "volume of 16 channels": volume(16, 20, (5, 11, 14), ((1, 1), (1, 1), (1, 1))),
    "volume of 32 channels": volume(32, 16, (7, 12, 9), ((1, 0), (0, 2), (1, 1))),
    "volume of more than one block": volume(70, 33, (4, 9, 8), ((1, 1), (1, 1), (1, 1))),
    "volume, dilated": volume(20, 16, (9, 14, 13), ((2, 2), (2, 2), (1, 1)), (2, 2, 1)),
    "volume, cropped": volume(18, 17, (8, 11, 12), ((-1, 2), (1, -1), (0, 1))),
    "volume, five slices": volume(24, 16, (6, 10, 10), ((2, 2), (1, 1), (1, 1)), depth=5),
}


def arrays(rng, name, batch=2):
    c = SHAPES[name]
    x, weight = numbers(rng, batch, c.inputs, *c.size), numbers(rng, c.outputs, c.inputs, *c.kernel)
    return x, weight, numbers(rng, c.outputs), c.padding, c.dilation


def ones(size):
    return (1,) * len(size)


def conv(kernels, algorithms, x, weight, bias, padding, dilation=ONES):
    with medtorch.cpu_algorithms(algorithms):
        return kernels.conv(x, weight, bias, ones(dilation), padding, dilation, 1)


def truth(x, weight, bias, padding, dilation=ONES):
    exact = ReferenceKernels(np)
    bias = None if bias is None else bias.astype(np.float64)
    return exact.conv(x.astype(np.float64), weight.astype(np.float64), bias, ones(dilation), padding, dilation, 1)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_here_is_computed_by_winograd_and_right(widest, rng, name):
    x, weight, bias, padding, dilation = arrays(rng, name)
    expected = truth(x, weight, bias, padding, dilation)
    for algorithms, bound in (("default", 1.5 * OF_PYTORCH), ("fast", FAST)):
        chosen = widest.conv_algorithm(x.shape, weight.shape, ones(dilation), padding, dilation, 1, algorithms)
        assert chosen in (("winograd2",) if algorithms == "default" else ("winograd2", "winograd4"))
        assert rms_gap(conv(widest, algorithms, x, weight, bias, padding, dilation), expected) < bound


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
    x, *others = arrays(rng, name, batch=8)
    for batch in (2, 5, 8):
        y = conv(widest, algorithms, x[:batch], *others)
        for place in range(batch):
            alone = conv(widest, algorithms, x[place : place + 1], *others)
            assert same_bits(y[place : place + 1], alone)


@pytest.mark.parametrize("algorithms", ["default", "fast"])
@pytest.mark.parametrize("name", SHAPES)
def test_any_order_of_memory_gives_the_same_bits(widest, rng, name, algorithms):
    x, weight, *others = arrays(rng, name)
    plain = conv(widest, algorithms, x, weight, *others)
    assert same_bits(conv(widest, algorithms, channels_last(x), channels_last(weight), *others), plain)
    assert same_bits(conv(widest, algorithms, x[:, :, ::-1].copy()[:, :, ::-1], weight, *others), plain)


@pytest.mark.requirement("REQ-F-OPS-321")
@pytest.mark.parametrize(
    ("channels", "size", "dilation", "fast_by"),
    [
        (16, (12, 12), 1, "winograd2"),
        (64, (56, 56), 1, "winograd4"),
        (256, (14, 14), 1, "winograd4"),
        (512, (8, 8), 1, "winograd2"),
        (64, (40, 40), 2, "winograd4"),
        (16, (8, 24, 24), 1, "winograd4"),
        (64, (6, 16, 16), 1, "winograd4"),
        (128, (8, 8, 8), 1, "winograd2"),
    ],
    ids=str,
)
@pytest.mark.parametrize("after_relu", [False, True])
def test_the_error_stays_within_what_is_stated(widest, rng, channels, size, dilation, fast_by, after_relu):
    x, weight = numbers(rng, 1, channels, *size), numbers(rng, channels, channels, *(3 for _ in size))
    x = np.maximum(x, 0) if after_relu else x
    padding, dilations = ((dilation, dilation),) * len(size), (dilation,) * len(size)
    expected = truth(x, weight, None, padding, dilations)
    spread = expected.std() / np.sqrt(np.mean(expected**2))
    every, places = ("direct", "default", "fast"), (ones(size), padding, dilations, 1)
    assert [widest.conv_algorithm(x.shape, weight.shape, *places, a) for a in every] == ["direct", "winograd2", fast_by]
    errors = [rms_gap(conv(widest, a, x, weight, None, padding, dilations), expected) / spread for a in every]
    assert errors[0] < errors[1] < 1.5 * OF_PYTORCH
    assert errors[2] < (FAST if fast_by == "winograd4" else 1.5 * OF_PYTORCH)


@pytest.mark.parametrize("algorithms", ["default", "fast"])
@pytest.mark.parametrize(("size", "dilation"), [((18, 17), 1), ((25, 18), 2), ((5, 12, 13), 1)], ids=str)
def test_the_input_gradient_is_right_and_the_same_on_every_set(sets, rng, size, dilation, algorithms):
    dy, weight = numbers(rng, 2, 32, *size), numbers(rng, 32, 24, *(3 for _ in size))
    exact = ReferenceKernels(np)
    places = (size, ones(size), ((dilation, dilation),) * len(size), (dilation,) * len(size), 1)
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
@pytest.mark.parametrize("name", ["odd", "dilated", "volume of 16 channels"])
def test_an_image_whose_sums_overflow_is_computed_directly(sets, rng, name, algorithms, spoilt):
    x, *others = arrays(rng, name, batch=3)
    x[1, 3, ..., 5, 6] = spoilt
    for kernels in sets:
        y = conv(kernels, algorithms, x, *others)
        assert same_bits(y[1:2], conv(kernels, "direct", x[1:2], *others))
        assert same_bits(y[::2].copy(), conv(kernels, algorithms, x[::2], *others))


@pytest.mark.parametrize("name", ["odd", "dilated", "volume of 16 channels"])
def test_a_residual_may_lie_where_the_result_goes(widest, rng, name):
    x, weight, bias, padding, dilation = arrays(rng, name)
    x[1, 0, ..., 0, 0] = np.inf
    places = (ones(dilation), padding, dilation, 1)
    residual = channels_last(numbers(rng, *widest.conv(x, weight, bias, *places).shape))
    expected = widest.conv_fused(x, weight, bias, residual, *places, "relu", 0.0, None)
    assert same_bits(widest.conv_fused(x, weight, bias, residual, *places, "relu", 0.0, residual), expected)


def test_packed_weights_give_the_same_bits_as_plain_ones(widest, rng):
    for name in SHAPES:
        x, weight, bias, padding, dilation = arrays(rng, name, batch=1)
        plain = conv(widest, "default", x, weight, bias, padding, dilation)
        places = (ones(dilation), padding, dilation, 1)
        assert same_bits(widest.conv_fused(x, weight, bias, None, *places, "none", 0.0, None), plain)


@pytest.mark.requirement("REQ-F-OPS-320")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "winograd2"),
        ({"stride": (2, 2)}, "direct"),
        ({"dilation": (2, 2), "padding": ((2, 2), (2, 2))}, "winograd2"),
        ({"dilation": (6, 6), "padding": ((6, 6), (6, 6))}, "direct"),  # phases of two or three places
        ({"dilation": (4, 4), "padding": ((4, 4), (4, 4)), "input": (1, 32, 40, 40)}, "winograd2"),
        ({"dilation": (12, 12), "padding": ((12, 12), (12, 12)), "input": (1, 32, 40, 40)}, "direct"),
        (VOLUME, "winograd2"),
        (VOLUME | {"stride": (2, 1, 1)}, "direct"),
        (VOLUME | {"weight": (64, 32, 3, 3, 1)}, "direct"),
        (VOLUME | {"weight": (64, 32, 5, 3, 3)}, "winograd2"),
        (VOLUME | {"algorithms": "fast", "input": (1, 32, 4, 16, 16)}, "winograd4"),
        (VOLUME | {"algorithms": "fast", "weight": (1024, 32, 3, 3, 3), "input": (1, 32, 4, 16, 16)}, "winograd2"),
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
