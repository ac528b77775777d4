"""Fractional pooling takes the maximum of windows where Graham's sequence puts them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DtypeError, ShapeError
from medtorch.nn import functional as F

pytestmark = pytest.mark.requirement("REQ-F-OPS-102")

POOLS = {2: F.fractional_max_pool2d, 3: F.fractional_max_pool3d}


def begins(sample, length, window, number):
    step = (length - window) / (number - 1) if number > 1 else 0.0
    return [int((i + sample) * step) - int(sample * step) for i in range(number - 1)] + [length - window]


def looped(x, samples, kernel, count):
    """Window by window; `samples` gives the last dim first in 2-D, and the first dim first in 3-D, as torch draws."""
    dims, size = len(kernel), x.shape[2:]
    out, places = np.zeros((*x.shape[:2], *count)), np.zeros((*x.shape[:2], *count), int)
    for n, c in np.ndindex(x.shape[:2]):
        own = samples[n, c][::-1] if dims == 2 else samples[n, c]
        starts = [begins(own[d], size[d], kernel[d], count[d]) for d in range(dims)]
        for place in np.ndindex(*count):
            ranges = [range(starts[d][place[d]], starts[d][place[d]] + kernel[d]) for d in range(dims)]
            best = max(itertools.product(*ranges), key=lambda at: x[(n, c, *at)])
            out[(n, c, *place)] = x[(n, c, *best)]
            places[(n, c, *place)] = np.ravel_multi_index(best, size)
    return out, places


CASES = [
    ((2, 3, 9, 11), (2, 3), (4, 5)),
    ((1, 2, 7, 7), (3, 3), (1, 5)),
    ((2, 2, 6, 7, 8), (2, 2, 3), (3, 4, 2)),
    ((1, 1, 5, 5), (1, 1), (5, 5)),
]


@pytest.mark.parametrize(("shape", "kernel", "count"), CASES)
def test_values_and_places_are_those_of_the_loop(shape, kernel, count, rng):
    x, samples = rng.normal(size=shape), rng.uniform(size=(*shape[:2], len(kernel)))
    found, places = POOLS[len(kernel)](
        medtorch.tensor(x), kernel, count, return_indices=True, _random_samples=medtorch.tensor(samples)
    )
    expected, at = looped(x, samples, kernel, count)
    np.testing.assert_array_equal(found.numpy(), expected)
    np.testing.assert_array_equal(places.numpy(), at)


def test_the_gradient_goes_to_the_greatest_numbers(rng):
    x = medtorch.tensor(rng.normal(size=(1, 2, 6, 6))).requires_grad_()
    out, places = F.fractional_max_pool2d_with_indices(x, 2, 3)
    out.sum().backward()
    expected = np.zeros((2, 36))
    for channel, index in enumerate(places.numpy()[0].reshape(2, -1)):
        np.add.at(expected[channel], index, 1)
    np.testing.assert_array_equal(x.grad.numpy().reshape(2, 36), expected)


def test_places_are_drawn_anew_and_repeatably():
    x = medtorch.arange(400.0).reshape(1, 1, 20, 20)
    layer = nn.FractionalMaxPool2d(2, output_ratio=0.6)
    medtorch.manual_seed(3)
    first = [layer(x).tolist() for _ in range(4)]
    medtorch.manual_seed(3)
    assert [layer(x).tolist() for _ in range(4)] == first
    assert any(out != first[0] for out in first)
    assert layer(x).shape == (1, 1, 12, 12)


def test_a_volume_may_come_without_a_batch(rng):
    x, samples = medtorch.tensor(rng.normal(size=(2, 6, 6, 6))), medtorch.tensor(rng.uniform(size=(1, 2, 3)))
    layer = nn.FractionalMaxPool3d(2, output_size=3, return_indices=True, _random_samples=samples)
    out, places = layer(x)
    batched, _ = F.fractional_max_pool3d_with_indices(x.unsqueeze(0), 2, 3, _random_samples=samples)
    assert out.tolist() == batched[0].tolist()
    assert places.shape == (2, 3, 3, 3)
    assert list(layer.state_dict()) == ["_random_samples"]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda x: F.fractional_max_pool2d(x, 2), ArgumentError, "either an output_size or an output_ratio"),
        (lambda x: F.fractional_max_pool2d(x, 2, output_ratio=1.5), ArgumentError, "must be between 0 and 1"),
        (lambda x: F.fractional_max_pool2d(x, 2, 9), ShapeError, "pool size 2 with 9 windows does not fit into 5"),
        (lambda x: F.fractional_max_pool2d(x[0, 0], 2, 2), ShapeError, "expected 3D or 4D input"),
        (lambda x: F.fractional_max_pool2d(x.long(), 2, 2), DtypeError, "input must be floating point"),
        (
            lambda x: F.fractional_max_pool2d(x, 2, 2, _random_samples=medtorch.rand(1, 1, 3)),
            ShapeError,
            r"_random_samples must have the shape \(1, 1, 2\)",
        ),
        (lambda x: nn.FractionalMaxPool2d(2), ArgumentError, "FractionalMaxPool2d requires specifying either"),
        (lambda x: nn.FractionalMaxPool3d(2, 2, 0.5), ArgumentError, "only one of output_size and output_ratio"),
        (lambda x: nn.FractionalMaxPool3d(2, output_ratio=2.0), ArgumentError, "must be between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make(medtorch.ones(1, 1, 5, 5))
