"""Geometry on whole numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from medtorch.core import shapes
from medtorch.errors import ArgumentError, DimError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-TEN-004")


@pytest.mark.parametrize(("dim", "ndim", "expected"), [(0, 3, 0), (-1, 3, 2), (-3, 3, 0), (0, 0, 0), (-1, 0, 0)])
def test_dims_count_from_both_ends(dim, ndim, expected):
    assert shapes.normalize_dim(dim, ndim, op="op") == expected


def test_a_dim_out_of_range_is_refused_by_name():
    with pytest.raises(DimError, match=r"^softmax: dim 3 is out of range for 3 dims \(from -3 to 2\)$"):
        shapes.normalize_dim(3, 3, op="softmax")
    with pytest.raises(DimError, match=r"^sum: a dim appears twice in \(0, -2\)$"):
        shapes.normalize_dims((0, -2), 2, op="sum")


@pytest.mark.parametrize(
    "many", [((2, 3), (3,)), ((4, 1), (1, 5)), ((), (2,)), ((0, 3), (1, 3)), ((2, 1, 4), (3, 1), (1,))]
)
def test_broadcasting_agrees_with_numpy(many):
    assert shapes.broadcast_shapes(*many) == np.broadcast_shapes(*many)


def test_shapes_that_do_not_broadcast_are_refused():
    with pytest.raises(ShapeError, match=r"shapes \(2, 3\), \(4,\) do not broadcast: size 3 meets 4 at dim 1"):
        shapes.broadcast_shapes((2, 3), (4,))


def _reading(array, shape, strides):
    return np.lib.stride_tricks.as_strided(array, shape, strides)


def test_a_view_by_strides_reads_what_a_reshape_reads_or_says_that_it_needs_a_copy():
    base = np.arange(2 * 3 * 4 * 2, dtype=np.int32).reshape(2, 3, 4, 2)
    sources = [
        base,
        base.transpose(0, 2, 1, 3),
        base[:, ::2],
        base[..., 0],
        base.transpose(3, 2, 1, 0),
        base[:, :1],
        base[0],
    ]
    wanted = [
        (48,),
        (6, 8),
        (2, 12, 2),
        (4, 12),
        (2, 24),
        (3, 16),
        (24, 2),
        (2, 1, 24),
        (8,),
        (2, 4),
        (16,),
        (24,),
        (32,),
    ]
    checked = 0
    for source, shape in itertools.product(sources, wanted):
        if source.size != int(np.prod(shape)):
            continue
        strides = shapes.view_strides(source.shape, source.strides, shape)
        flat = source.reshape(shape)
        if strides is None:
            assert not np.shares_memory(flat, source), (source.shape, source.strides, shape)
        else:
            assert np.array_equal(_reading(source, shape, strides), flat), (source.shape, source.strides, shape)
        checked += 1
    assert checked > 20


def test_one_size_of_a_view_is_worked_out():
    assert shapes.infer_view((2, 6), (3, -1), op="view") == (3, 4)
    with pytest.raises(ShapeError, match=r"^view: shape \(5, -1\) does not fit 12 elements of shape \(2, 6\)$"):
        shapes.infer_view((2, 6), (5, -1), op="view")
    with pytest.raises(ShapeError, match="only one size may be -1"):
        shapes.infer_view((2, 6), (-1, -1), op="view")
    with pytest.raises(ShapeError, match="does not fit"):
        shapes.infer_view((0,), (0, -1), op="view")


def _slow_count(size, kernel, stride, padding, dilation, ceil_mode):
    """Slide a window; with ceil_mode, once more over the end if something is uncovered and it starts in the image."""
    before, after = padding
    start, count, end = -before, 0, -before - 1
    while start + dilation * (kernel - 1) < size + after:
        end = start + dilation * (kernel - 1)
        start, count = start + stride, count + 1
    return count + (ceil_mode and end < size + after - 1 and start < size)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_windows_are_counted_as_by_sliding_one(ceil_mode):
    for size, kernel, stride, pad, dilation in itertools.product(range(5, 12), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)):
        if size + 2 * pad < dilation * (kernel - 1) + 1 or 2 * pad > kernel:
            continue
        found = shapes.window_output(size, kernel, stride, (pad, pad), dilation, ceil_mode=ceil_mode)
        slow = _slow_count(size, kernel, stride, (pad, pad), dilation, ceil_mode)
        assert found == slow, (size, kernel, stride, pad, dilation)


def test_one_number_stands_for_all_dims():
    assert shapes.as_tuple(3, 2, op="conv2d", name="stride") == (3, 3)
    with pytest.raises(ArgumentError, match=r"^conv2d: stride needs 1 or 2 numbers, got \(1, 2, 3\)$"):
        shapes.as_tuple((1, 2, 3), 2, op="conv2d", name="stride")


def test_memory_formats():
    assert shapes.memory_order(4, "channels_last") == (0, 2, 3, 1)
    assert shapes.memory_order(5, "channels_last_3d") == (0, 2, 3, 4, 1)
    with pytest.raises(ArgumentError, match="unknown memory format 'sideways'"):
        shapes.memory_order(4, "sideways")
