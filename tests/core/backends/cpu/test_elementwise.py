"""Native functions of numbers: as accurate as PyTorch's, right at the edges, and the same bits whatever computes them.

Oracle    NumPy in float64; PyTorch where it is installed
"""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from medtorch.core.backends.reference.special import erf
from medtorch.errors import ArgumentError
from tests.core.backends.cpu.arrays import numbers, rms_gap, same_bits
from tests.core.backends.cpu.layouts import layouts

pytestmark = pytest.mark.requirement("REQ-F-OPS-300", "REQ-F-OPS-301", "REQ-F-OPS-310")


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-abs(x))), np.exp(-abs(x)) / (1 + np.exp(-abs(x))))


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


# Greatest error in units of the last place over all floats of which the result is a normal number, measured on every
# 997th float and rounded up (docs/decisions/functions.md); 0.5 is a result that is rounded once.
ULPS = {
    "exp": (1.1, np.exp),
    "exp2": (1.1, np.exp2),
    "expm1": (1.5, np.expm1),
    "log": (0.8, np.log),
    "log1p": (1.4, np.log1p),
    "tanh": (1.4, np.tanh),
    "sigmoid": (2.3, sigmoid),
    "erf": (1.0, lambda x: erf(np, x)),
    "sqrt": (0.5, np.sqrt),
    "rsqrt": (1.5, lambda x: 1 / np.sqrt(x)),
    "reciprocal": (0.5, np.reciprocal),
    "sin": (0.5001, np.sin),
    "cos": (0.5001, np.cos),
    "tan": (0.5001, np.tan),
    "asin": (0.5001, np.arcsin),
    "acos": (0.5001, np.arccos),
    "atan": (0.5001, np.arctan),
    "sinh": (0.5001, np.sinh),
    "cosh": (0.5001, np.cosh),
    "log2": (0.5001, np.log2),
    "log10": (0.5001, np.log10),
    "abs": (0, np.abs),
    "neg": (0, np.negative),
    "floor": (0, np.floor),
    "ceil": (0, np.ceil),
    "trunc": (0, np.trunc),
    "sign": (0, lambda x: np.where(np.isnan(x), 0, np.sign(x))),
    "relu": (0, lambda x: np.maximum(x, 0)),
    "logsigmoid": (1.6, lambda x: -softplus(-x)),
    "hardsigmoid": (1.0, lambda x: np.clip(x + 3, 0, 6) / 6),
}

# Root mean square error over numbers of the normal distribution times 3, in units of the result's. No unit of the last
# place bounds these: where they cancel, their formulas (those of the ops) lose digits.
ACTIVATIONS = {
    "silu": ((), lambda x: x * sigmoid(x)),
    "mish": ((), lambda x: x * np.tanh(softplus(x))),
    "gelu": ((), lambda x: x * (1 + erf(np, x / np.sqrt(2))) / 2),
    "gelu_tanh": ((), lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2),
    "hardswish": ((), lambda x: x * np.clip(x + 3, 0, 6) / 6),
    "leaky_relu": ((0.01,), lambda x: np.where(x > 0, x, np.float64(np.float32(0.01)) * x)),
    "elu": ((1.5, 1.25, 0.75), lambda x: np.where(x > 0, 1.25 * x, 1.875 * np.expm1(0.75 * np.minimum(x, 0)))),
    "softplus": ((2.0, 5.0), lambda x: np.where(2 * x > 5, x, softplus(2 * x) / 2)),
    "softshrink": ((0.5,), lambda x: np.where(abs(x) <= 0.5, 0, x - np.copysign(0.5, x))),
    "hardshrink": ((0.5,), lambda x: np.where(abs(x) <= 0.5, 0, x)),
    "threshold": ((0.25, -2.0), lambda x: np.where(x > 0.25, x, -2.0)),
    "clamp": ((-0.5, 1.5), lambda x: np.clip(x, -0.5, 1.5)),
}

EDGES = np.array(
    [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38,
     -3.4028235e38, 88.7, 88.73, -87.4, -103.9, -104, 127.9, 128, -149, -150, 8388607.5, -8388607.5, 16777216],
    np.float32,
)  # fmt: skip


@pytest.fixture(scope="module")
def everywhere() -> np.ndarray:
    """Floats of every sign and size, and the edges."""
    bits = np.arange(0, 1 << 32, 49_999, dtype=np.uint64).astype(np.uint32)
    return np.concatenate([bits.view(np.float32), EDGES])


@pytest.mark.parametrize("name", ULPS)
def test_functions_are_right_to_the_stated_units_of_the_last_place(widest, everywhere, name):
    bound, truth = ULPS[name]
    with np.errstate(all="ignore"):
        expected = truth(everywhere.astype(np.float64))
        rounded = expected.astype(np.float32)
        unit = np.maximum(np.spacing(np.abs(rounded)), np.float32(1e-45)).astype(np.float64)
        found = getattr(widest, name)(everywhere)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
        error = np.abs(found.astype(np.float64) - expected) / unit
    normal = np.isfinite(rounded) & np.isfinite(found) & (np.abs(rounded) >= 2.0**-126)
    assert error[normal].max() <= bound
    tiny = np.isfinite(rounded) & (np.abs(rounded) < 2.0**-126)
    assert error[tiny].max(initial=0) <= max(1.0, bound)
    np.testing.assert_array_equal(np.isinf(found), np.isinf(rounded))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_right_to_the_rounding_of_float32(widest, rng, name):
    parameters, truth = ACTIVATIONS[name]
    x = 3 * numbers(rng, 20_000)
    assert rms_gap(getattr(widest, name)(x, *parameters), truth(x.astype(np.float64))) < 8e-8


@pytest.mark.parametrize("name", [*ULPS, *ACTIVATIONS, "isnan", "isinf", "isfinite"])
def test_every_kernel_set_gives_the_same_bits(sets, everywhere, name):
    parameters = ACTIVATIONS[name][0] if name in ACTIVATIONS else ()
    first, *others = (getattr(kernels, name)(everywhere, *parameters) for kernels in sets)
    for other in others:
        np.testing.assert_array_equal(first, other)  # NaN equals NaN, whatever its payload
        known = ~np.isnan(first)
        assert same_bits(first[known], other[known])


@pytest.mark.parametrize(
    "name", ["exp", "expm1", "log1p", "tanh", "erf", "sqrt", "floor", "ceil", "trunc", "relu", "neg"]
)
def test_minus_zero_stays_or_turns_as_in_torch(widest, name):
    found = getattr(widest, name)(np.array([-0.0, 0.0], np.float32))
    keeps = {"exp": [False, False], "neg": [False, True]}.get(name, [True, False])
    np.testing.assert_array_equal(np.signbit(found), keeps)


def test_halves_are_rounded_to_even(widest):
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 8388609.0, 4194304.5, 1e30], np.float32)
    np.testing.assert_array_equal(widest.round(x, 0), np.round(x))


def test_rounding_to_decimals_is_the_references(widest, reference, rng):
    x = numbers(rng, 100)
    assert same_bits(widest.round(x, 2), reference.round(x, 2))


PAIRS = ["add", "sub", "mul", "div", "maximum", "minimum", "fmax", "fmin", "eq", "ne", "lt", "le"]
SHAPES = [
    ((7,), (7,)),
    ((2, 3, 4, 5), (3, 1, 1)),
    ((2, 3, 4, 5), ()),
    ((4, 1), (1, 600)),
    ((2, 3, 1, 5), (3, 4, 1)),
    ((3, 50, 49), (50, 1)),
    ((30, 64), (64,)),
    ((700, 3), (700, 1)),
    ((0, 3), (1, 3)),
]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_pairs_in_any_layout_equal_numpys(sets, rng, name, shapes):
    numpys = {
        "sub": "subtract",
        "mul": "multiply",
        "div": "divide",
        "eq": "equal",
        "ne": "not_equal",
        "lt": "less",
        "le": "less_equal",
    }
    a, b = numbers(rng, *shapes[0]), numbers(rng, *shapes[1])
    expected = getattr(np, numpys.get(name, name))(a, b)
    for kernels in sets:
        for left in layouts(a).values():
            for right in layouts(b).values():
                found = getattr(kernels, name)(left, right)
                assert found.dtype == expected.dtype
                assert same_bits(found, expected)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_edges_equal_numpys(sets, name):
    numpys = {
        "sub": "subtract",
        "mul": "multiply",
        "div": "divide",
        "eq": "equal",
        "ne": "not_equal",
        "lt": "less",
        "le": "less_equal",
    }
    a, b = EDGES[:, None], EDGES[None, :]
    with np.errstate(all="ignore"):
        expected = getattr(np, numpys.get(name, name))(a, b)
    for kernels in sets:
        np.testing.assert_array_equal(getattr(kernels, name)(a, b), expected)


@pytest.mark.parametrize("shapes", [((5, 4), (5, 4), (5, 4)), ((2, 3, 4, 5), (), (5,)), ((3, 1), (3, 70), ())], ids=str)
def test_choices_by_bools_in_any_layout_equal_numpys(sets, rng, shapes):
    condition = rng.random(shapes[0]) < 0.5
    a, b = numbers(rng, *shapes[1]), numbers(rng, *shapes[2])
    expected = np.where(condition, a, b)
    flipped = np.ascontiguousarray(condition.T).T
    for kernels in sets:
        for which in (condition, flipped):
            for left in layouts(a).values():
                assert same_bits(kernels.where(which, left, b), expected)


def test_results_keep_channels_last_memory(widest, rng):
    x = layouts(numbers(rng, 2, 8, 5, 6))["channels last"]
    per_channel, mask = numbers(rng, 8, 1, 1), np.ones((2, 8, 5, 6), bool)
    for y in (
        widest.relu(x),
        widest.add(x, per_channel),
        widest.add(per_channel, x),
        widest.where(mask, x, per_channel),
    ):
        assert y.strides == x.strides


@pytest.mark.parametrize("shape", [(300_000,), (50, 40, 30), (3, 100_000)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(native, widest, rng, shape):
    a, b = numbers(rng, *shape), numbers(rng, *shape[-1:])
    native.set_thread_count(1)
    alone = [widest.exp(a), widest.mul(a, b), widest.lt(a, b)]
    for threads in (2, 3, 7):
        native.set_thread_count(threads)
        together = [widest.exp(a), widest.mul(a, b), widest.lt(a, b)]
        assert all(same_bits(x, y) for x, y in zip(alone, together, strict=True))


def test_a_number_does_not_depend_on_its_place(widest, rng):
    x = numbers(rng, 67)
    whole = widest.gelu(x)
    assert all(same_bits(widest.gelu(x[i : i + 1]), whole[i : i + 1]) for i in range(67))
    assert same_bits(widest.gelu(x[3:50]), whole[3:50])


def test_other_dtypes_are_computed_by_the_reference(widest, reference, rng):
    x = numbers(rng, 4, 5)
    for kind in (np.float64, np.float16):
        for name in ("exp", "relu", "sqrt", "silu", "sin"):
            assert same_bits(getattr(widest, name)(x.astype(kind)), getattr(reference, name)(x.astype(kind)))
    whole = np.array([[1, -2], [3, 4]])
    assert same_bits(widest.add(whole, whole), whole + whole)
    assert same_bits(widest.where(whole > 0, whole, -whole), np.abs(whole))


@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_functions_of_two_numbers_are_rounded_once_on_every_set(sets, rng, name):
    edges = np.array([0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, np.inf, -np.inf, np.nan, 1e-40, 1e38, 2.5], np.float32)
    pairs = np.array([(a, b) for a in edges for b in edges], np.float32).T
    drawn = [np.concatenate([numbers(rng, 20_000) * 3, 10 ** rng.uniform(-30, 30, 20_000)]), numbers(rng, 40_000) * 3]
    a, b = (np.concatenate([p, d]).astype(np.float32) for p, d in zip(pairs, drawn, strict=True))
    b[300:10_000] = np.round(b[300:10_000])  # whole powers of negative numbers
    with np.errstate(all="ignore"):
        truth = {"pow": np.power, "atan2": np.arctan2}[name](a.astype(np.float64), b.astype(np.float64))
        rounded = truth.astype(np.float32)
    first = getattr(sets[0], name)(a, b)
    np.testing.assert_array_equal(np.isnan(first), np.isnan(rounded))
    there = np.isfinite(rounded) & (np.abs(rounded) >= 2.0**-126)
    gap = np.abs(first.astype(np.float64) - truth)[there] / np.spacing(np.abs(rounded[there])).astype(np.float64)
    assert gap.max() < 0.5001
    np.testing.assert_array_equal(first[~there], rounded[~there])
    np.testing.assert_array_equal(np.signbit(first[~np.isnan(first)]), np.signbit(rounded[~np.isnan(first)]))
    for other in sets[1:]:
        found = getattr(other, name)(a, b)
        assert same_bits(found[~np.isnan(first)], first[~np.isnan(first)])


def test_cross_entropy_of_probabilities_follows_its_formula(widest, rng):
    p, t = rng.random(1000).astype(np.float32), rng.random(1000).astype(np.float32)
    wide = p.astype(np.float64)
    assert rms_gap(widest.binary_cross_entropy(p, t), -(t * np.log(wide) + (1 - t) * np.log1p(-wide))) < 1e-7
    ends = widest.binary_cross_entropy(np.array([0, 1, 0, 1], np.float32), np.array([0, 1, 1, 0], np.float32))
    np.testing.assert_array_equal(ends, [0, 0, 100, 100])
    with pytest.raises(ArgumentError, match=r"binary_cross_entropy: input 1.5 is not a probability in \[0, 1\]"):
        widest.binary_cross_entropy(np.array([1.5], np.float32), np.array([0], np.float32))


def test_what_would_leave_memory_is_refused_at_the_border(widest):
    x = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="shapes do not broadcast"):
        widest.set.map("add", x, np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="wrong number of arguments"):
        widest.set.map("add", x)
    with pytest.raises(ValueError, match="no such function"):
        widest.set.map("nothing", x)
    assert widest.set.map("where", x, x, x) is None


def test_functions_are_as_accurate_as_pytorchs(widest, rng, needs_torch: ModuleType):
    torch, f = needs_torch, needs_torch.nn.functional
    x = 3 * numbers(rng, 100_000)
    peers = {
        "exp": torch.exp,
        "expm1": torch.expm1,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "erf": torch.erf,
        "silu": f.silu,
        "mish": f.mish,
        "gelu": f.gelu,
        "logsigmoid": f.logsigmoid,
        "hardswish": f.hardswish,
    }
    for name, peer in peers.items():
        truth = peer(torch.from_numpy(x.astype(np.float64))).numpy()
        theirs = rms_gap(peer(torch.from_numpy(x)).numpy(), truth)
        assert rms_gap(getattr(widest, name)(x), truth) <= 1.5 * theirs, name
    positive = np.abs(x) + np.float32(1e-3)
    for name in ("log", "log1p", "sqrt", "rsqrt"):
        peer = getattr(torch, name)
        truth = peer(torch.from_numpy(positive.astype(np.float64))).numpy()
        theirs = rms_gap(peer(torch.from_numpy(positive)).numpy(), truth)
        assert rms_gap(getattr(widest, name)(positive), truth) <= 1.5 * theirs, name


@pytest.mark.parametrize("channels", [3, 16, 33, 700])
@pytest.mark.parametrize("over", [False, True])
def test_results_that_go_into_some_channels_of_a_larger_array_touch_no_others(sets, channels, over, rng):
    """Short rows are computed several at a time and brought to their places; an input may be the place itself."""
    for kernels in sets:
        whole = np.full((2, 9, 7, 3 * channels), 7, np.float32)
        out = np.moveaxis(whole[..., channels : 2 * channels], -1, 1)
        x = numbers(rng, 2, 9, 7, channels).transpose(0, 3, 1, 2)
        scale = numbers(rng, 1, channels, 1, 1)
        expected = np.where((y := x * scale) > 0, y, y * np.float32(0.125))
        if over:
            out[...] = x
        given = out if over else x
        assert kernels.set.map_into(out, "mul", (given, scale), (), "leaky_relu", (0.125,))
        assert np.array_equal(out, expected)
        assert (whole[..., :channels] == 7).all()
        assert (whole[..., 2 * channels :] == 7).all()
