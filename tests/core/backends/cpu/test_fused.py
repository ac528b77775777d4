"""Products fused with what follows give the bits of the kernels one after the other, in new memory or given."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from medtorch.core.backends.cpu.conv import numbers as whole
from medtorch.core.backends.cpu.conv import three
from tests.core.backends.cpu.arrays import channels_last, numbers, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-300", "REQ-F-OPS-301")

PLACES = ((1, 1), ((1, 1), (1, 1)), (1, 1))
ACTIVATIONS = {
    "none": lambda kernels, y: y,
    "relu": lambda kernels, y: kernels.relu(y),
    "relu6": lambda kernels, y: kernels.clamp(y, 0.0, 6.0),
    "leaky_relu": lambda kernels, y: kernels.leaky_relu(y, 0.125),
}


@pytest.fixture(params=[1, 4, 16], ids=lambda g: f"groups={g}")
def conv(request, rng):
    groups = request.param
    weight = numbers(rng, 16, 16 // groups, 3, 3)
    return numbers(rng, 2, 16, 9, 8), weight, numbers(rng, 16), numbers(rng, 2, 16, 9, 8), groups


def frozen(x: np.ndarray) -> np.ndarray:
    x = x.copy(order="K")
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("with_residual", [False, True])
def test_a_convolution_gives_the_bits_of_its_parts(sets, conv, activation, with_residual):
    x, weight, bias, residual, groups = conv
    for kernels in sets:
        y = kernels.conv(x, weight, bias, *PLACES, groups)
        y = kernels.add(y, residual) if with_residual else y
        expected = ACTIVATIONS[activation](kernels, y)
        for w in (weight, frozen(weight), frozen(weight)):
            for r in (residual, channels_last(residual)) if with_residual else (None,):
                found = kernels.conv_fused(x, w, bias, r, *PLACES, groups, activation, 0.125, None)
                assert same_bits(found, expected)


# Channels, outputs and size of images times a gate: by lines, copied, of one place, by panels.
GATED = [(32, 16, 30), (24, 40, 9), (5, 3, 4), (70, 33, 1), (160, 200, 3)]


@pytest.mark.parametrize(("channels", "outputs", "size"), GATED)
def test_a_gate_gives_the_bits_of_a_product_before_the_convolution(sets, channels, outputs, size, rng):
    places = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    x, gate = numbers(rng, 2, channels, size, size), numbers(rng, 2, channels, 1, 1)
    weight, bias, residual = (
        numbers(rng, outputs, channels, 1, 1),
        numbers(rng, outputs),
        numbers(rng, 2, outputs, size, size),
    )
    first, *others = sets
    expected = first.conv_fused(first.mul(x, gate), weight, bias, channels_last(residual), *places, "relu", 0.0, None)
    for kernels in (first, *others):
        for image in (x, channels_last(x)):
            for r in (residual, channels_last(residual)):
                found = kernels.conv_gated(image, gate, weight, bias, r, *places, "relu", 0.0, None)
                assert same_bits(found, expected)
        one = kernels.conv_gated(x[1:], gate[1:], weight, bias, residual[1:], *places, "relu", 0.0, None)
        assert same_bits(one, expected[1:])


@pytest.mark.parametrize(
    ("outputs", "kernel", "gate", "said"),
    [
        (16, 1, (1, 4, 1, 1), "the gate needs one number for each channel of x"),
        (16, 1, (1, 8, 2, 1), "the gate needs one number for each channel of x"),
        (16, 3, (1, 8, 1, 1), "a gate needs a kernel of one place, inside of the image"),
        (8, 1, (1, 8, 1, 1), "a gate needs more than 8 outputs"),
    ],
)
def test_kernels_refuse_gates_that_they_cannot_multiply_in(widest, outputs, kernel, gate, said, rng):
    x, weight = numbers(rng, 1, 8, 6, 5), numbers(rng, outputs, 8, kernel, kernel)
    y = channels_last(np.empty((1, outputs, 7 - kernel, 6 - kernel), np.float32))
    geometry = (whole((1, 1), 1), whole((0, 0), 0), whole((1, 1), 1))
    arrays = (three(x), three(weight), None, None, three(y))
    with pytest.raises(ValueError, match=rf"^conv: {said}$"):
        widest.set.conv(*arrays, *geometry, 1, 0, 0.0, 0, None, three(numbers(rng, *gate)))


def test_a_gate_whose_channels_do_not_lie_side_by_side_is_refused(widest, rng):
    x, weight, gate = numbers(rng, 1, 8, 6, 5), numbers(rng, 16, 8, 1, 1), numbers(rng, 1, 16, 1, 1)[:, ::2]
    y = channels_last(np.empty((1, 16, 6, 5), np.float32))
    geometry = (whole((1, 1), 1), whole((0, 0), 0), whole((1, 1), 1))
    arrays = (three(x), three(weight), None, None, three(y))
    with pytest.raises(ValueError, match=r"^conv: the gate must have its channels side by side$"):
        widest.set.conv(*arrays, *geometry, 1, 0, 0.0, 0, None, three(gate))


def test_a_gate_before_a_window_is_a_step_of_its_own(widest, rng):
    x, gate, weight = numbers(rng, 1, 8, 6, 5), numbers(rng, 1, 8, 1, 1), numbers(rng, 4, 8, 3, 3)
    expected = widest.conv_fused(widest.mul(x, gate), weight, None, None, *PLACES, 1, "none", 0.0, None)
    assert same_bits(widest.conv_gated(x, gate, weight, None, None, *PLACES, 1, "none", 0.0, None), expected)


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
@pytest.mark.parametrize(("inputs", "outputs"), [(960, 300), (24, 72), (65, 16), (130, 129), (7, 5)])
def test_a_few_rows_have_the_bits_of_the_same_rows_among_many(sets, inputs, outputs, rows, rng):
    weight, x, bias = frozen(numbers(rng, outputs, inputs)), numbers(rng, 40, inputs), numbers(rng, outputs)
    first = sets[0].linear_fused(x, weight, bias, None, "hardswish", 0.0, None)
    for kernels in sets:
        found = kernels.linear_fused(x[9 : 9 + rows].copy(), weight, bias, None, "hardswish", 0.0, None)
        assert same_bits(found, first[9 : 9 + rows])


# Kernel, stride, padding, dilation and size of the result of transposed convolutions of images of 9x8.
TRANSPOSED = {
    "doubles": (2, 2, 0, 1, (18, 16)),
    "as wide": (3, 1, 1, 1, (9, 8)),
    "overlaps": (4, 2, 1, 1, (18, 16)),
    "dilated, one more line": (3, 2, 2, 2, (18, 15)),
    "places that no tap reaches": (2, 3, 0, 1, (26, 23)),
}


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("name", TRANSPOSED)
@pytest.mark.parametrize("with_residual", [False, True])
def test_a_transposed_convolution_gives_the_bits_of_its_parts(sets, rng, name, groups, with_residual):
    kernel, stride, padding, dilation, size = TRANSPOSED[name]
    x, weight, bias = numbers(rng, 2, 16, 9, 8), numbers(rng, 16, 20 // groups, kernel, kernel), numbers(rng, 20)
    residual = numbers(rng, 2, 20, *size) if with_residual else None
    places = (size, (stride,) * 2, ((padding,) * 2,) * 2, (dilation,) * 2, groups)
    for kernels in sets:
        y = kernels.conv_input_grad(x, weight, bias, *places)
        expected = kernels.leaky_relu(y if residual is None else kernels.add(y, residual), 0.125)
        whole = channels_last(np.full((2, 60, *size), 7, np.float32))
        for w in (weight, constant := frozen(weight), constant):
            for r in (None,) if residual is None else (residual, channels_last(residual)):
                for out in (None, np.zeros(expected.shape, np.float32), whole[:, 20:40]):
                    found = kernels.conv_transpose_fused(x, w, bias, r, *places, "leaky_relu", 0.125, out)
                    assert out is None or found is out
                    assert same_bits(found, expected)
        assert (whole[:, :20] == 7).all()
        assert (whole[:, 40:] == 7).all()


def test_packed_weights_of_another_transposed_convolution_are_refused(widest, rng):
    x, weight = numbers(rng, 1, 4, 1, 3, 3), numbers(rng, 4, 8, 1, 2, 2)
    y = channels_last(np.zeros((1, 8, 1, 6, 6), np.float32))
    places = ((1, 2, 2), (0, 0, 0), (1, 1, 1), 1, 1)
    packed = widest.set.pack_conv_input_grad(x, weight, y, *places)
    widest.set.conv_input_grad(x, weight, None, y, *places, packed=packed)
    smaller = channels_last(np.zeros((1, 8, 1, 4, 4), np.float32))
    with pytest.raises(ValueError, match="the packed weights are others"):
        widest.set.conv_input_grad(x, weight, None, smaller, (1, 1, 1), *places[1:], packed=packed)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("with_residual", [False, True])
def test_a_linear_map_gives_the_bits_of_its_parts(sets, rng, activation, with_residual):
    x, weight, bias, residual = numbers(rng, 3, 5, 70), numbers(rng, 40, 70), numbers(rng, 40), numbers(rng, 3, 5, 40)
    for kernels in sets:
        y = kernels.add(kernels.matmul(x.reshape(15, 70), weight.T).reshape(3, 5, 40), bias)
        y = kernels.add(y, residual) if with_residual else y
        expected = ACTIVATIONS[activation](kernels, y)
        out = np.full((3, 5, 40), np.nan, np.float32)
        for w in (weight, frozen(weight), np.asfortranarray(weight)):
            for given in (None, out, np.asfortranarray(out)):
                found = kernels.linear_fused(x, w, bias, residual if with_residual else None, activation, 0.125, given)
                assert given is None or found is given
                assert same_bits(found, expected)


def test_a_convolution_writes_straight_into_a_slice_of_a_wider_image(widest, conv):
    x, weight, bias, residual, groups = conv
    expected = widest.conv(x, weight, bias, *PLACES, groups)
    whole = channels_last(np.full((2, 48, 9, 8), 7, np.float32))
    part = whole[:, 16:32]
    assert widest.conv_fused(x, weight, bias, None, *PLACES, groups, "none", 0.0, part) is part
    assert same_bits(part, expected)
    assert (whole[:, :16] == 7).all()
    assert (whole[:, 32:] == 7).all()
    expected = widest.add(expected, residual)
    assert same_bits(widest.conv_fused(x, weight, bias, residual, *PLACES, groups, "none", 0.0, part), expected)


def test_a_convolution_writes_into_any_memory(widest, conv):
    x, weight, bias, _, groups = conv
    expected = widest.conv(x, weight, bias, *PLACES, groups)
    out = np.zeros((2, 16, 9, 8), np.float32)
    assert widest.conv_fused(x, weight, bias, None, *PLACES, groups, "none", 0.0, out) is out
    assert same_bits(out, expected)


def test_weights_that_can_change_are_read_anew(widest, conv):
    x, weight, _, _, groups = conv
    first = widest.conv_fused(x, weight, None, None, *PLACES, groups, "none", 0.0, None)
    weight *= 2
    second = widest.conv_fused(x, weight, None, None, *PLACES, groups, "none", 0.0, None)
    assert same_bits(second, first * 2)
    view = weight[:]
    view.flags.writeable = False
    widest.conv_fused(x, view, None, None, *PLACES, groups, "none", 0.0, None)
    weight *= 2
    third = widest.conv_fused(x, view, None, None, *PLACES, groups, "none", 0.0, None)
    assert same_bits(third, first * 4)


def test_packed_weights_live_as_long_as_their_array(native, widest, conv):
    x, weight, _, _, groups = conv
    constant = frozen(weight)
    widest.conv_fused(x, constant, None, None, *PLACES, groups, "none", 0.0, None)
    gc.collect()
    used = native.memory_stats()[0]
    del constant
    gc.collect()
    assert native.memory_stats()[0] < used


def test_packed_weights_of_another_shape_or_set_are_refused(sets, rng):
    x, weight = numbers(rng, 1, 4, 1, 3, 3), numbers(rng, 8, 4, 1, 3, 3)
    y = channels_last(np.zeros((1, 8, 1, 3, 3), np.float32))
    places = ((1, 1, 1), (0, 1, 1), (1, 1, 1), 1, 0, 0.0, 1)
    packed = sets[0].set.pack_conv(weight, 1, "direct")
    sets[0].set.conv(x, weight, None, None, y, *places, packed)
    for kernels, other in ((sets[-1], weight), (sets[0], weight[..., :2])):
        with pytest.raises(ValueError, match="the packed weights are others"):
            kernels.set.conv(x, other, None, None, y, *places, packed)


def test_other_dtypes_are_computed_by_the_reference(widest, reference, conv):
    x, weight, bias, residual, groups = (a.astype(np.float64) if isinstance(a, np.ndarray) else a for a in conv)
    wanted = reference.conv_fused(x, weight, bias, residual, *PLACES, groups, "relu", 0.0, None)
    assert same_bits(widest.conv_fused(x, weight, bias, residual, *PLACES, groups, "relu", 0.0, None), wanted)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("lay", [np.ascontiguousarray, channels_last])
def test_a_norm_gives_the_bits_of_its_parts(sets, activation, lay, rng):
    x, weight, bias = numbers(rng, 2, 5, 9, 8), numbers(rng, 1, 5, 1, 1), numbers(rng, 1, 5, 1, 1)
    for kernels in sets:
        expected = ACTIVATIONS[activation](kernels, kernels.normalize(x, weight, bias, (2, 3), 1e-5)[0])
        whole = channels_last(np.full((2, 15, 9, 8), 7, np.float32))
        same = lay(x).copy(order="K")
        for out in (None, np.zeros_like(x), whole[:, 5:10], same):
            given = same if out is same else lay(x)
            found = kernels.normalize_fused(given, weight, bias, (2, 3), 1e-5, activation, 0.125, out)
            assert out is None or found is out
            assert same_bits(found, expected)
        assert (whole[:, :5] == 7).all()
        assert (whole[:, 10:] == 7).all()
