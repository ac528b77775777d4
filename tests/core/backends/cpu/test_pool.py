"""Native pools: the greatest exactly, means to float32 rounding, the same bits whatever computes them."""

from __future__ import annotations

import numpy as np
import pytest

from medtorch.core.shapes import window_output
from tests.core.backends.cpu.arrays import channels_last, numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-102", "REQ-F-OPS-103", "REQ-F-OPS-300", "REQ-F-OPS-301")

BOUND = 2e-7  # a few roundings of float32, relative to the root mean square

# size, kernel, stride, padding, dilation, ceil_mode
WINDOWS = {
    "1d": ((11,), (3,), (2,), (1,), (1,), False),
    "resnet": ((12, 13), (3, 3), (2, 2), (1, 1), (1, 1), False),
    "unet": ((8, 6), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "dilated": ((9, 10), (3, 2), (1, 2), (1, 1), (2, 3), False),
    "ceil": ((7, 9), (2, 3), (3, 2), (1, 1), (1, 1), True),
    "3d": ((5, 6, 7), (2, 3, 2), (2, 2, 1), (1, 1, 0), (1, 1, 1), False),
    "gaps": ((12, 12), (2, 2), (5, 4), (0, 0), (1, 1), False),
}
ADAPTIVE = {
    "to one": ((7, 9), (1, 1)),
    "uneven": ((7, 10), (3, 4)),
    "larger": ((3, 2), (5, 5)),
    "3d": ((4, 5, 6), (2, 2, 3)),
}


def counts(size, kernel, stride, padding, dilation, ceil):
    each = zip(size, kernel, stride, ((p, p) for p in padding), dilation, strict=True)
    return tuple(window_output(n, k, s, p, d, ceil_mode=ceil) for n, k, s, p, d in each)


@pytest.fixture(params=WINDOWS.values(), ids=WINDOWS.keys())
def window(request):
    size, kernel, stride, padding, dilation, _ = request.param
    return size, (kernel, stride, padding, dilation, counts(*request.param)), all(d == 1 for d in dilation)


@pytest.fixture(params=ADAPTIVE.values(), ids=ADAPTIVE.keys())
def shapes(request):
    return request.param


def test_the_greatest_and_its_place_are_those_of_the_reference(sets, reference, rng, window):
    size, places, _ = window
    x = numbers(rng, 3, 19, *size)
    x[x > 1] = 1  # equals
    x[0, 0].flat[::3] = np.nan
    for kernels in sets:
        for given in (x, channels_last(x)):
            np.testing.assert_array_equal(kernels.max_pool(given, *places), reference.max_pool(x, *places))
            np.testing.assert_array_equal(
                kernels.max_pool_indices(given, *places), reference.max_pool_indices(x, *places)
            )


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "dilation"),
    [
        ((40, 9), (3, 3), (2, 2), (1, 1), (1, 1)),
        ((67, 4), (5, 2), (1, 2), (2, 0), (1, 1)),
        ((64, 6), (2, 2), (2, 2), (0, 0), (1, 1)),
        ((37, 6), (2, 3), (3, 3), (0, 0), (1, 1)),
        ((40, 7), (3, 2), (1, 1), (1, 0), (3, 1)),
        ((34, 5, 4), (3, 2, 2), (2, 2, 2), (1, 0, 0), (1, 1, 1)),
    ],
)
@pytest.mark.parametrize("channels", [70, 3])
def test_images_cut_into_bands_send_back_what_whole_ones_do(
    sets, reference, rng, size, kernel, stride, padding, dilation, channels
):
    count = counts(size, kernel, stride, padding, dilation, False)
    x, dy = numbers(rng, 2, channels, *size), numbers(rng, 2, channels, *count)
    x[x > 1] = 1  # equals
    x[0, 0].flat[::5] = np.nan
    places = reference.max_pool_indices(x, kernel, stride, padding, dilation, count)
    expected = sets[0].pool_scatter(dy, places, size)
    assert rms_gap(expected, reference.pool_scatter(dy.astype(float), places, size)) < BOUND
    for kernels in sets:
        for lay in (np.asarray, channels_last):
            found = kernels.max_pool_input_grad(lay(dy), lay(x), kernel, stride, padding, dilation)
            assert same_bits(found, expected), kernels.set.name


@pytest.mark.parametrize(("padded", "divisor"), [(True, None), (False, None), (True, 3)])
def test_means_and_their_gradients_are_right_and_the_same_bits(sets, reference, rng, window, padded, divisor):
    size, (kernel, stride, padding, _, count), plain = window
    if not plain:
        kernel, padding, count = (2, 2), (0, 0), tuple((n - 2) // s + 1 for n, s in zip(size, stride, strict=True))
    x, dy = numbers(rng, 2, 21, *size), numbers(rng, 2, 21, *count)
    given = (padded, divisor)
    y0 = reference.avg_pool(x.astype(float), kernel, stride, padding, count, *given)
    dx0 = reference.avg_pool_input_grad(dy.astype(float), size, kernel, stride, padding, *given)
    found = [
        (
            kernels.avg_pool(layout(x), kernel, stride, padding, count, *given),
            kernels.avg_pool_input_grad(layout(dy), size, kernel, stride, padding, *given),
        )
        for kernels in sets
        for layout in (np.asarray, channels_last)
    ]
    assert rms_gap(found[0][0], y0) < BOUND
    assert rms_gap(found[0][1], dx0) < BOUND
    assert all(same_bits(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_adaptive_pools_and_their_gradients_are_right_and_the_same_bits(sets, reference, rng, shapes):
    size, count = shapes
    x, dy = numbers(rng, 2, 21, *size), numbers(rng, 2, 21, *count)
    means = [(k.adaptive_avg_pool(x, count), k.adaptive_avg_pool_input_grad(dy, size)) for k in sets]
    assert rms_gap(means[0][0], reference.adaptive_avg_pool(x.astype(float), count)) < BOUND
    assert rms_gap(means[0][1], reference.adaptive_avg_pool_input_grad(dy.astype(float), size)) < BOUND
    assert all(same_bits(a, b) for other in means[1:] for a, b in zip(means[0], other, strict=True))
    for k in sets:
        np.testing.assert_array_equal(k.adaptive_max_pool(x, count), reference.adaptive_max_pool(x, count))
        np.testing.assert_array_equal(
            k.adaptive_max_pool_indices(x, count), reference.adaptive_max_pool_indices(x, count)
        )


def test_the_gradient_of_the_greatest_adds_up_where_windows_meet(sets, reference, rng, window):
    size, places, _ = window
    x = numbers(rng, 3, 19, *size)
    indices = reference.max_pool_indices(x, *places)
    dy = numbers(rng, *indices.shape)
    truth = reference.pool_scatter(dy.astype(float), indices, size)
    found = [k.pool_scatter(lay(dy), lay(indices), size) for k in sets for lay in (np.asarray, channels_last)]
    assert rms_gap(found[0], truth) < BOUND
    assert all(same_bits(found[0], other) for other in found[1:])


def test_the_gradient_of_a_max_pool_is_found_in_one_pass(native, sets, reference, rng, window):
    size, (kernel, stride, padding, dilation, count), _ = window
    x = numbers(rng, 3, 19, *size)
    x[x > 1] = 1  # equals
    x[0, 0].flat[::3] = np.nan
    dy = numbers(rng, 3, 19, *count)
    places = reference.max_pool_indices(x, kernel, stride, padding, dilation, count)
    truth = reference.pool_scatter(dy.astype(float), places, size)
    expected = sets[0].pool_scatter(dy, places, size)
    assert rms_gap(expected, truth) < BOUND
    for kernels in sets:
        for threads in (1, 3):
            native.set_thread_count(threads)
            for lay in (np.asarray, channels_last):
                found = kernels.max_pool_input_grad(lay(dy), lay(x), kernel, stride, padding, dilation)
                assert same_bits(found, expected), kernels.set.name


def test_any_number_of_threads_and_any_batch_gives_the_same_bits(native, widest, rng):
    x, dy = numbers(rng, 5, 40, 40, 40), numbers(rng, 5, 40, 20, 20)
    places = ((3, 3), (2, 2), (1, 1), (1, 1), (20, 20))

    def answers(batch=slice(None)):
        return (
            widest.max_pool(x[batch], *places),
            widest.avg_pool(x[batch], (3, 3), (2, 2), (1, 1), (20, 20), True, None),
            widest.avg_pool_input_grad(dy[batch], (40, 40), (3, 3), (2, 2), (1, 1), True, None),
            widest.adaptive_avg_pool(x[batch], (1, 1)),
            widest.pool_scatter(dy[batch], widest.max_pool_indices(x[batch], *places), (40, 40)),
        )

    native.set_thread_count(1)
    alone = answers()
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        assert all(same_bits(a, b) for a, b in zip(alone, answers(), strict=True))
    for i in range(5):
        assert all(same_bits(a[i : i + 1], b) for a, b in zip(alone, answers(slice(i, i + 1)), strict=True))


def test_other_dtypes_and_empty_batches_are_computed_by_the_reference(widest, reference, rng):
    x = numbers(rng, 2, 3, 6, 6)
    places = ((2, 2), (2, 2), (0, 0), (1, 1), (3, 3))
    for kind in (np.float64, np.float16, np.int64):
        wide = (x * 10).astype(kind)
        assert same_bits(widest.max_pool(wide, *places), reference.max_pool(wide, *places))
    assert widest.max_pool(x[:0], *places).shape == (0, 3, 3, 3)


def test_a_place_outside_of_the_plane_is_refused(widest):
    dy, place = np.ones((1, 2, 3), np.float32), np.zeros((1, 2, 3), np.int64)
    dx = np.zeros((1, 4, 2), np.float32)
    for wrong in (-1, 4):
        place[0, 1, 2] = wrong
        with pytest.raises(ValueError, match="an index lies outside of the plane"):
            widest.set.pool_scatter(dy, place, dx)
