"""Native convolution and its gradients: right to float32 rounding, and the same bits whatever computes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import medtorch
from medtorch.core.windows import window_outputs
from tests.core.backends.cpu.arrays import channels_last, numbers, rms_gap, same_bits

pytestmark = pytest.mark.requirement("REQ-F-OPS-100", "REQ-F-OPS-300", "REQ-F-OPS-301")

# Two-level sums of float32: an error of one rounding a block. PyTorch's is 2.2e-7 on the largest of these (torch 2.13).
BOUND = 3e-7


class Case(NamedTuple):
    inputs: int
    outputs: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int


def case(inputs, outputs, size, kernel, stride=1, padding=0, dilation=1, groups=1) -> Case:
    n = len(size)
    kernel, stride, dilation = ((v,) * n if isinstance(v, int) else v for v in (kernel, stride, dilation))
    padding = tuple((p, p) for p in ((padding,) * n if isinstance(padding, int) else padding))
    return Case(inputs, outputs, size, kernel, stride, padding, dilation, groups)


CASES = {
    "1d": case(5, 7, (9,), 3, 1, 1),
    "1d long kernel": case(2, 3, (300,), 140, 3, 20),
    "stem": case(3, 33, (17, 19), 7, 2, 3),
    "one channel": case(1, 20, (12, 13), 3, 1, 1),
    "one channel long rows": case(1, 4, (3, 150), (1, 70), 1, (0, 3)),
    "3x3": case(64, 48, (14, 14), 3, 1, 1),
    "3x3 of more than one block": case(130, 40, (5, 6), 3, 1, 1),
    "1x1": case(130, 70, (7, 7), 1),
    "1x1 of 32 channels, long lines": case(32, 20, (5, 31), 1),
    "1x1 of 16 channels, cropped": Case(16, 40, (6, 30), (1, 1), (1, 1), ((0, -1), (0, -2)), (1, 1), 1),
    "1x1 of 64 channels, a volume": case(64, 33, (3, 4, 26), 1),
    "1x1 stride 2": case(16, 70, (7, 8), 1, 2),
    "3x3 stride 2": case(32, 64, (8, 9), 3, 2, 1),
    "stride larger than the kernel": case(8, 6, (11, 10), 2, 3, 0),
    "depthwise": case(32, 32, (8, 9), 3, 1, 1, 1, 32),
    "depthwise 5x5 stride 2": case(37, 37, (8, 9), 5, 2, 2, 1, 37),
    "depthwise dilated": case(20, 20, (12, 9), 3, 1, (2, 3), (2, 3), 20),
    "depthwise with more than 64 taps": case(4, 4, (6, 6, 6), 5, 1, 2, 1, 4),
    "multiplier": case(6, 18, (6, 7), 3, 1, 1, 1, 6),
    "groups, dilated": case(24, 12, (10, 11), 3, 1, 2, 2, 4),
    "groups of four": case(44, 44, (9, 21), 3, 1, 1, 1, 11),
    "groups of eight, strided": case(40, 40, (11, 13), 3, 2, 1, 1, 5),
    "groups of 16, three blocks": case(48, 48, (7, 17), 3, 1, 1, 1, 3),
    "groups of two, 5x5, dilated": case(18, 18, (12, 10), 5, 1, 4, 2, 9),
    "groups with more outputs": case(10, 40, (6, 19), (3, 5), (2, 3), (1, 2), 1, 5),
    "groups of a volume": case(24, 24, (4, 5, 9), 3, (2, 1, 2), 1, 1, 6),
    "groups in one dim": case(32, 32, (50,), 7, 1, 3, 1, 4),
    "groups of 1x1": case(48, 64, (5, 9), 1, 1, 0, 1, 4),
    "groups, cropped": Case(16, 16, (6, 12), (3, 3), (1, 1), ((-1, 1), (0, -2)), (1, 1), 4),
    "groups, wide padding": case(8, 8, (2, 3), 3, 1, 6, 2, 2),
    "few outputs": case(20, 3, (9, 37), 3, 1, 1),
    "few outputs, strided, dilated": case(17, 2, (13, 40), (3, 4), (2, 3), (2, 5), (3, 2)),
    "few outputs of a volume": case(6, 5, (4, 5, 19), 3, (1, 2, 1), 1),
    "few outputs, 1x1 of two blocks": case(130, 8, (5, 17), 1),
    "few outputs, blocks of places": case(70, 7, (4, 18), (2, 3), 1, (0, 1)),
    "few outputs, cropped": Case(5, 1, (6, 150), (3, 3), (1, 1), ((-1, 1), (3, -2)), (1, 1), 1),
    "few outputs, stride larger than the kernel": case(8, 4, (11, 50), 2, 3, 0),
    "few outputs, one column": case(9, 6, (12, 1), (3, 1), 1, (1, 0)),
    "eight channels": case(8, 24, (7, 20), 3, 1, 1),
    "eight channels, strided volume": case(8, 16, (5, 6, 9), 3, 2, 1),
    "dilated, strided": case(6, 10, (13, 12), 3, (2, 3), (2, 4), (3, 2)),
    "3d": case(6, 10, (5, 6, 7), 3, (2, 1, 2), 1, (1, 2, 1), 2),
    "3d even": case(3, 8, (4, 4, 5), 2, 2, 0),
    "places that no tap reaches, few channels": case(5, 3, (13, 12), 3, 2, 2, 2),
    "places that no tap reaches, 16 channels": case(5, 16, (13, 12), (3, 4), (2, 1), 2, (2, 1)),
    "3d of 32 channels": case(32, 20, (4, 5, 14), 3, 1, 1),
    "3d of 64 channels, dilated": case(64, 33, (5, 4, 6), 3, (2, 1, 1), 1, (1, 1, 2)),
    "3d of 16 channels": case(16, 40, (3, 4, 15), 3, (1, 2, 1), 1),
    "3d cropped": Case(32, 16, (5, 6, 7), (3, 3, 3), (1, 1, 1), ((-1, 1), (0, -1), (-2, 2)), (1, 1, 1), 1),
    "uneven padding": Case(3, 8, (6, 6), (3, 4), (1, 1), ((0, 2), (1, 3)), (1, 1), 1),
    "negative padding": Case(9, 8, (6, 6), (3, 3), (1, 1), ((-1, 1), (0, -1)), (1, 1), 1),
    "negative padding, strided": Case(5, 8, (9, 12), (3, 2), (2, 3), ((-2, 1), (0, -1)), (1, 2), 1),
    "wide padding": case(4, 5, (3, 3), 3, 1, 4),
    "wide dilation": case(70, 40, (20, 21), 3, 1, (9, 8), (9, 8)),
    "wide dilation, strided": case(130, 17, (30, 29), 3, (2, 1), 10, 10),
    "wide dilation, uneven": Case(64, 33, (16, 18), (3, 3), (1, 1), ((9, 3), (0, 12)), (6, 7), 1),
    "wide dilation of a volume": case(30, 20, (6, 9, 10), 3, 1, (3, 5, 6), (3, 5, 6)),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def shape(request) -> Case:
    return request.param


def arrays(rng, c: Case, batch: int = 2):
    count = window_outputs(c.size, c.kernel, c.stride, c.padding, c.dilation)
    x = numbers(rng, batch, c.inputs, *c.size)
    weight = numbers(rng, c.outputs, c.inputs // c.groups, *c.kernel)
    return x, weight, numbers(rng, c.outputs), numbers(rng, batch, c.outputs, *count)


def answers(kernels, c: Case, x, weight, bias, dy, cast=np.asarray):
    """All three, from one description of the windows."""
    x, weight, bias, dy = (cast(a) for a in (x, weight, bias, dy))
    places = (c.stride, c.padding, c.dilation, c.groups)
    return (
        kernels.conv(x, weight, bias, *places),
        kernels.conv_input_grad(dy, weight, None, c.size, *places),
        kernels.conv_weight_grad(x, dy, c.kernel, *places),
    )


def double(a):
    return np.asarray(a, np.float64)


def test_all_three_are_right_to_the_rounding_of_float32(widest, reference, rng, shape):
    given = arrays(rng, shape)
    truth = answers(reference, shape, *given, cast=double)
    for found, expected in zip(answers(widest, shape, *given), truth, strict=True):
        assert found.shape == expected.shape
        assert found.dtype == np.float32
        assert rms_gap(found, expected) < BOUND


def test_every_kernel_set_gives_the_same_bits(sets, rng, shape):
    given = arrays(rng, shape)
    first, *others = (answers(kernels, shape, *given) for kernels in sets)
    for other in others:
        assert all(same_bits(a, b) for a, b in zip(first, other, strict=True))


def test_any_order_of_memory_gives_the_same_bits(widest, rng, shape):
    x, weight, bias, dy = arrays(rng, shape)
    plain = answers(widest, shape, x, weight, bias, dy)
    spread = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), np.float32)
    spread[..., ::2] = x
    for other in (
        (channels_last(x), weight, bias, channels_last(dy)),
        (spread[..., ::2], channels_last(weight), np.repeat(bias, 2)[::2], dy),
    ):
        assert all(same_bits(a, b) for a, b in zip(plain, answers(widest, shape, *other), strict=True))


def test_an_image_does_not_depend_on_its_neighbours(widest, rng, shape):
    x, weight, bias, dy = arrays(rng, shape, batch=8)
    for batch in (2, 5, 8):
        y, dx, _ = answers(widest, shape, x[:batch], weight, bias, dy[:batch])
        for place in range(batch):
            one = slice(place, place + 1)
            alone = answers(widest, shape, x[one], weight, bias, dy[one])
            assert same_bits(y[one], alone[0])
            assert same_bits(dx[one], alone[1])


GROUPED = [c for name, c in CASES.items() if name.startswith("groups")]


@pytest.mark.parametrize("grouped", GROUPED, ids=str)
@pytest.mark.parametrize("activation", ["none", "silu"])
def test_groups_together_have_the_bits_of_each_group_alone(sets, rng, grouped, activation):
    x, weight, bias, residual = arrays(rng, grouped)
    places, end = (grouped.stride, grouped.padding, grouped.dilation), (activation, 0.0, None)
    inputs, outputs = grouped.inputs // grouped.groups, grouped.outputs // grouped.groups
    for kernels in sets:
        together = kernels.conv_fused(x, weight, bias, residual, *places, grouped.groups, *end)
        for group in range(grouped.groups):
            ins, outs = (slice(n * group, n * (group + 1)) for n in (inputs, outputs))
            with medtorch.cpu_algorithms("direct"):
                alone = kernels.conv_fused(x[:, ins], weight[outs], bias[outs], residual[:, outs], *places, 1, *end)
            assert same_bits(together[:, outs], alone)


FEW = [c for name, c in CASES.items() if name.startswith("few outputs")]


@pytest.mark.parametrize("few", FEW, ids=str)
@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_few_outputs_have_the_bits_of_the_same_outputs_among_many(sets, rng, few, activation):
    x, weight, bias, residual = arrays(rng, few)
    places, end = (few.stride, few.padding, few.dilation, 1), (activation, 0.0, None)
    more = [np.concatenate([a, numbers(rng, 40, *a.shape[1:])]) for a in (weight, bias)]
    wide = np.concatenate([residual, numbers(rng, len(x), 40, *residual.shape[2:])], 1)
    for kernels in sets:
        with medtorch.cpu_algorithms("direct"):
            many = kernels.conv_fused(x, *more, wide, *places, *end)
        assert same_bits(kernels.conv_fused(x, weight, bias, residual, *places, *end), many[:, : few.outputs])


def test_an_infinity_spoils_its_own_group_alone(sets, rng):
    x, weight = numbers(rng, 1, 32, 6, 9), numbers(rng, 32, 4, 3, 3)
    x[0, 6, 2, 3], weight[21, 1, 0, 2] = np.inf, np.nan
    for kernels in sets:
        y = kernels.conv(x, weight, None, (1, 1), ((1, 1), (1, 1)), (1, 1), 8)
        spoilt = ~np.isfinite(y).all((0, 2, 3))
        assert np.flatnonzero(spoilt).tolist() == [4, 5, 6, 7, 21]


# Large enough for several pieces of work.
BUSY = [
    case(128, 128, (40, 41), 3, 1, 1, 1, 32),
    case(32, 3, (130, 140), 3, 1, 1),
    case(64, 96, (40, 41), 3, 1, 1),
    case(256, 300, (9, 9), 3, 1, 1),
    case(128, 512, (20, 20), 1),
    case(48, 48, (50, 60), 3, 2, 1, 1, 48),
    case(3, 40, (64, 64), 5, 2, 2),
    case(64, 300, (40, 40), 3, 1, 12, 12),
]


@pytest.mark.parametrize("busy", BUSY, ids=str)
def test_any_number_of_threads_gives_the_same_bits(native, widest, rng, busy):
    given = arrays(rng, busy)
    native.set_thread_count(1)
    alone = answers(widest, busy, *given)
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        for _ in range(2):
            assert all(same_bits(a, b) for a, b in zip(alone, answers(widest, busy, *given), strict=True))


@pytest.mark.parametrize("bias", [True, False])
def test_the_input_gradient_adds_a_bias_for_transposed_convolution(widest, reference, rng, bias):
    c = case(6, 8, (9, 7), 3, 2, 1)
    _x, weight, _, dy = arrays(rng, c)
    extra = numbers(rng, 6) if bias else None
    places = (c.size, c.stride, c.padding, c.dilation, c.groups)
    found = widest.conv_input_grad(dy, weight, extra, *places)
    truth = reference.conv_input_grad(double(dy), double(weight), None if extra is None else double(extra), *places)
    assert rms_gap(found, truth) < BOUND


def test_results_have_their_channels_side_by_side(widest, rng):
    c = CASES["3x3"]
    y, dx, _ = answers(widest, c, *arrays(rng, c))
    assert y.strides[1] == dx.strides[1] == 4


def test_an_empty_batch_gives_an_empty_answer_and_no_weight_gradient(widest, rng):
    c = CASES["3x3"]
    y, dx, dw = answers(widest, c, *arrays(rng, c, batch=0))
    assert (y.shape, dx.shape) == ((0, 48, 14, 14), (0, 64, 14, 14))
    assert not dw.any()


@pytest.mark.parametrize("name", ["stem", "3x3", "depthwise", "1d", "wide dilation"])
def test_nan_and_infinity_of_the_input_reach_exactly_the_windows_that_see_them(sets, rng, name):
    c = CASES[name]
    x, weight, _bias, _dy = arrays(rng, c, batch=1)
    place = (0, 0, *(n // 2 for n in c.size))
    places = (c.stride, c.padding, c.dilation, c.groups)
    with medtorch.cpu_algorithms("direct"):  # what an image with NaN is computed by in any case
        clean = sets[-1].conv(x, weight, None, *places)
        seen = sets[-1].conv(
            (place == np.indices(x.shape).T).all(-1).T.astype(np.float32), np.ones_like(weight), None, *places
        )
    for spoilt in (np.nan, np.inf, -np.inf):
        x[place] = spoilt
        for kernels in sets:
            y = kernels.conv(x, weight, None, *places)
            assert (np.isfinite(y) == (seen == 0)).all()
            assert (y[seen == 0] == clean[seen == 0]).all()


def test_other_dtypes_are_computed_by_the_reference(widest, reference, rng):
    c = CASES["3x3 stride 2"]
    given = arrays(rng, c)
    for kind in (np.float64, np.float16):
        wanted = answers(reference, c, *given, cast=lambda a, kind=kind: a.astype(kind))
        found = answers(widest, c, *given, cast=lambda a, kind=kind: a.astype(kind))
        for a, b in zip(found, wanted, strict=True):
            assert a.dtype == kind
            assert same_bits(a, b)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"groups": 3}, "channels and groups do not fit"),
        ({"stride": (1, 0, 1)}, "stride and dilation must be positive"),
        ({"activation": 99}, "no such activation"),
        ({"algorithms": 3}, "no such algorithms"),
        ({"bias": np.zeros(3, np.float32)}, "bias does not fit"),
        ({"y": np.zeros((1, 8, 1, 4, 4), np.float32)}, "y must have its channels side by side"),
        ({"residual": np.zeros((1, 8, 1, 4, 5), np.float32)}, "residual must have the shape of y"),
    ],
)
def test_what_would_leave_memory_is_refused_at_the_border(widest, change, said):
    given = {
        "x": np.zeros((1, 4, 1, 4, 4), np.float32),
        "weight": np.zeros((8, 4, 1, 3, 3), np.float32),
        "bias": None,
        "residual": None,
        "y": channels_last(np.zeros((1, 8, 1, 4, 4), np.float32)),
        "stride": (1, 1, 1),
        "before": (0, 1, 1),
        "dilation": (1, 1, 1),
        "groups": 1,
        "activation": 0,
        "alpha": 0.0,
        "algorithms": 1,
    }
    widest.set.conv(**given)
    with pytest.raises(ValueError, match=said):
        widest.set.conv(**(given | change))


@pytest.mark.requirement("REQ-F-OPS-302")
@pytest.mark.parametrize("channels", [(64, 64, 56), (256, 256, 14), (512, 512, 8)], ids=str)
def test_the_error_is_at_most_one_and_a_half_times_pytorch_s(widest, reference, rng, channels):
    # RMS error against float64 of torch.nn.functional.conv2d 2.13 on normal data, 3x3 with padding 1: 2.2e-7 to 2.3e-7.
    inputs, outputs, size = channels
    c = case(inputs, outputs, (size, size), 3, 1, 1)
    x, weight, bias, dy = arrays(rng, c, batch=1)
    y, *_ = answers(widest, c, x, weight, bias, dy)
    truth = reference.conv(double(x), double(weight), double(bias), c.stride, c.padding, c.dilation, 1)
    assert rms_gap(y, truth) < 1.5 * 2.2e-7


def test_residual_and_activation_follow_the_sum(sets, rng):
    x, weight, bias, _ = arrays(rng, CASES["1x1"])
    for kernels in sets:
        plain = kernels.conv(x, weight, bias, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
        residual = channels_last(numbers(rng, *plain.shape))
        for activation, alpha, expected in (
            (1, 0.0, lambda v: np.maximum(v, 0)),
            (2, 0.0, lambda v: np.clip(v, 0, 6)),
            (3, 0.25, lambda v: np.where(v > 0, v, v * np.float32(0.25))),
        ):
            y = np.empty_like(plain)
            kernels.set.conv(
                x[:, :, None],
                weight[:, :, None],
                bias,
                residual[:, :, None],
                y[:, :, None],
                (1, 1, 1),
                (0, 0, 0),
                (1, 1, 1),
                1,
                activation,
                alpha,
                1,
            )
            assert (y == expected(plain + residual)).all()
