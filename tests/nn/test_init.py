"""Initialisers draw from the distributions that they promise, from the generator that they are given."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ShapeError
from medtorch.nn import init

pytestmark = pytest.mark.requirement("REQ-F-NN-006")

SHAPE = (80, 40, 3, 3)  # fan in 360, fan out 720, 28800 numbers
FAN_IN, FAN_OUT = 360, 720


@pytest.fixture(autouse=True)
def _seeded():
    medtorch.manual_seed(7)


def drawn(function, *args, shape=SHAPE, **kwargs):
    tensor = medtorch.empty(*shape, dtype=medtorch.float64)
    assert function(tensor, *args, **kwargs) is tensor
    return tensor.numpy()


def assert_uniform(values, bound):
    """Flat between the bounds: quartiles within four standard errors of 28800 numbers."""
    assert np.abs(values).max() <= bound
    for share in (0.25, 0.5, 0.75):
        assert abs(np.quantile(values, share) - bound * (2 * share - 1)) < 4 * 2 * bound * 0.5 / math.sqrt(values.size)


def assert_normal(values, std, mean=0.0):
    for share, z in ((0.1587, -1.0), (0.5, 0.0), (0.8413, 1.0)):
        assert abs(np.quantile(values, share) - mean - z * std) < 0.03 * std
    assert abs(values.std() - std) < 0.02 * std


def test_uniform_numbers_are_flat():
    assert_uniform(drawn(init.uniform_, -0.3, 0.3), 0.3)


def test_normal_numbers_have_mean_and_std():
    assert_normal(drawn(init.normal_, 2.0, 0.5), 0.5, 2.0)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize(
    ("nonlinearity", "a", "gain"), [("relu", 0, math.sqrt(2)), ("leaky_relu", 0.5, math.sqrt(1.6))]
)
def test_kaiming_std_is_gain_over_root_fan(mode, nonlinearity, a, gain):
    std = gain / math.sqrt(FAN_IN if mode == "fan_in" else FAN_OUT)
    assert_normal(drawn(init.kaiming_normal_, a, mode, nonlinearity), std)
    assert_uniform(drawn(init.kaiming_uniform_, a, mode, nonlinearity), math.sqrt(3) * std)


def test_xavier_std_is_gain_times_root_of_two_over_both_fans():
    std = 3 * math.sqrt(2 / (FAN_IN + FAN_OUT))
    assert_normal(drawn(init.xavier_normal_, gain=3), std)
    assert_uniform(drawn(init.xavier_uniform_, gain=3), math.sqrt(3) * std)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"), [(0, 1, -2, 2), (0, 0.02, -2, 2), (1, 2, 0.5, 1.5), (0, 1, 3, 5), (4, 1, -1, 1)]
)
def test_cut_normal_numbers_lie_inside_and_follow_the_cut_distribution(mean, std, a, b):
    values = drawn(init.trunc_normal_, mean, std, a, b)
    assert a <= values.min()
    assert values.max() <= b
    cdf = lambda x: 0.5 * math.erfc((mean - x) / std / math.sqrt(2))  # noqa: E731
    for share in (0.1, 0.5, 0.9):
        at = np.quantile(values, share)
        # four standard errors of an empirical share of 28800 numbers
        assert abs((cdf(at) - cdf(a)) / (cdf(b) - cdf(a)) - share) < 4 * 0.5 / math.sqrt(values.size)


def test_constants():
    assert set(drawn(init.constant_, 0.5).ravel()) == {0.5}
    assert set(drawn(init.ones_).ravel()) == {1.0}
    assert set(drawn(init.zeros_).ravel()) == {0.0}
    np.testing.assert_array_equal(drawn(init.eye_, shape=(3, 5)), np.eye(3, 5))


@pytest.mark.parametrize("shape", [(4, 4, 3), (4, 2, 3, 5), (6, 3, 3, 3, 3)])
def test_dirac_weights_pass_the_input_through(shape):
    weight = drawn(init.dirac_, shape=shape)
    centre = tuple(n // 2 for n in shape[2:])
    np.testing.assert_array_equal(weight[(..., *centre)], np.eye(shape[0], shape[1]))
    assert weight.sum() == min(shape[:2])


def test_dirac_weights_of_groups_repeat():
    weight = drawn(init.dirac_, 2, shape=(4, 2, 3))
    np.testing.assert_array_equal(weight[:, :, 1], np.tile(np.eye(2), (2, 1)))


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 2, 3)])
def test_orthogonal_rows_or_columns(shape):
    flat = drawn(init.orthogonal_, 2.0, shape=shape).reshape(shape[0], -1)
    square = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(square, 4 * np.eye(len(square)), atol=1e-12)


def test_orthogonal_matrices_turn_every_way_alike():
    # uniform over rotations and reflections of the plane: the first entry is the cosine of a uniform angle
    first = [drawn(init.orthogonal_, shape=(2, 2))[0, 0] for _ in range(2000)]
    assert abs(np.mean(first)) < 4 * math.sqrt(0.5 / 2000)
    assert abs(np.mean(np.square(first)) - 0.5) < 4 * math.sqrt(0.125 / 2000)


def test_sparse_columns_have_their_share_of_zeros():
    values = drawn(init.sparse_, 0.25, std=2.0, shape=(40, 700))
    np.testing.assert_array_equal((values == 0).sum(0), np.full(700, 10))
    assert_normal(values[values != 0], 2.0)
    assert (values == 0).sum(1).std() > 0


@pytest.mark.parametrize(
    ("name", "param", "gain"),
    [("linear", None, 1), ("conv_transpose3d", None, 1), ("sigmoid", None, 1), ("tanh", None, 5 / 3),
     ("relu", None, 2**0.5), ("leaky_relu", None, (2 / 1.0001) ** 0.5), ("leaky_relu", 1, 1), ("selu", None, 0.75)],
)  # fmt: skip
def test_gains(name, param, gain):
    assert init.calculate_gain(name, param) == pytest.approx(gain, rel=1e-15)


@pytest.mark.parametrize("function", ["uniform_", "normal_", "trunc_normal_", "xavier_uniform_", "xavier_normal_",
                                      "kaiming_uniform_", "kaiming_normal_", "orthogonal_"])  # fmt: skip
def test_the_same_generator_gives_the_same_numbers_and_leaves_the_default_alone(function):
    fill = getattr(init, function)
    make = lambda seed: drawn(fill, generator=medtorch.Generator().manual_seed(seed), shape=(6, 5))  # noqa: E731
    before = medtorch.get_rng_state().tolist()
    np.testing.assert_array_equal(make(3), make(3))
    assert (make(3) != make(4)).any()
    assert medtorch.get_rng_state().tolist() == before


def test_filling_is_not_recorded_and_keeps_the_parameter():
    parameter = nn.Parameter(medtorch.zeros(4, 4))
    init.xavier_uniform_(parameter)
    assert parameter.is_leaf
    assert parameter.requires_grad


def test_empty_tensors_stay_as_they_are():
    assert init.kaiming_uniform_(medtorch.empty(0, 3)).shape == (0, 3)
    assert init.kaiming_normal_(medtorch.empty(3, 0)).shape == (3, 0)
    assert init.orthogonal_(medtorch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: init.xavier_uniform_(medtorch.empty(3)), ShapeError, "with fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(medtorch.empty(3, 3), mode="fan"), ArgumentError, "mode fan not supported"),
        (lambda: init.calculate_gain("swish"), ArgumentError, "unsupported nonlinearity swish"),
        (lambda: init.calculate_gain("leaky_relu", True), ArgumentError, "negative_slope True not a valid number"),
        (lambda: init.eye_(medtorch.empty(3)), ShapeError, "eye_: only tensors with 2 dimensions"),
        (lambda: init.dirac_(medtorch.empty(3, 3)), ShapeError, "dirac_: only tensors with 3, 4, or 5 dimensions"),
        (lambda: init.dirac_(medtorch.empty(3, 3, 3), 2), ArgumentError, "must be divisible by groups=2"),
        (
            lambda: init.orthogonal_(medtorch.empty(3)),
            ShapeError,
            "orthogonal_: only tensors with 2 or more dimensions",
        ),
        (lambda: init.sparse_(medtorch.empty(3), 0.1), ShapeError, "sparse_: only tensors with 2 dimensions"),
        (
            lambda: init.trunc_normal_(medtorch.empty(3), a=2, b=1),
            ArgumentError,
            "trunc_normal_: needs a < b and std > 0",
        ),
    ],
)
def test_what_cannot_be_filled_is_refused_by_name(call, error, text):
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("layer", "bound"),
    [
        (lambda: nn.Linear(100, 300), 0.1),
        (lambda: nn.Conv2d(4, 300, 5), 0.1),
        (lambda: nn.Conv3d(8, 100, 5, groups=2), 1 / math.sqrt(4 * 125)),
        (lambda: nn.ConvTranspose2d(50, 40, 5), 1 / math.sqrt(40 * 25)),
        (lambda: nn.Bilinear(16, 20, 90), 0.25),
    ],
)
def test_layers_start_uniform_within_one_over_root_fan_in(layer, bound):
    made = layer()
    assert_uniform(made.weight.detach().double().numpy(), bound * (1 + 1e-6))
    assert np.abs(made.bias.detach().numpy()).max() <= bound
    assert made.bias.detach().numpy().std() == pytest.approx(bound / math.sqrt(3), rel=0.3)


def test_other_layers_start_as_torchs():
    assert_normal(nn.Embedding(200, 100, padding_idx=3).weight.detach().double().numpy()[4:], 1.0)
    assert nn.Embedding(5, 2, padding_idx=-1).weight.detach().numpy()[4].tolist() == [0, 0]
    assert nn.PReLU(3).weight.tolist() == [0.25] * 3
    attention = nn.MultiheadAttention(60, 2)
    assert_uniform(attention.in_proj_weight.detach().double().numpy(), math.sqrt(6 / (60 + 180)) * (1 + 1e-6))
    assert attention.in_proj_bias.detach().numpy().max() == attention.out_proj.bias.detach().numpy().max() == 0
    norm = nn.BatchNorm2d(2)
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([1, 1], [0, 0])
    assert (norm.running_mean.tolist(), norm.running_var.tolist()) == ([0, 0], [1, 1])


def test_a_model_about_to_be_loaded_need_not_be_filled():
    before = medtorch.get_rng_state().tolist()
    with init.skip_init():
        layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Embedding(3, 4), nn.MultiheadAttention(4, 2))
        for fill in (init.trunc_normal_, init.orthogonal_, init.dirac_, init.ones_):
            fill(layers[0].weight)
        init.sparse_(layers[1].weight, 0.5)
    assert medtorch.get_rng_state().tolist() == before
    assert all((p == 0).all().item() for p in layers.parameters())
    assert not (nn.Linear(2, 2).weight == 0).any().item()


def test_one_seed_makes_one_model():
    def made():
        medtorch.manual_seed(11)
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(3, 3)).state_dict()

    first, second = made(), made()
    assert all(first[k].tolist() == second[k].tolist() for k in first)


@pytest.mark.requirement("REQ-F-NN-006")
def test_names_of_before_0_4_warn_and_do_the_same():
    with pytest.warns(FutureWarning, match=r"nn\.init\.xavier_uniform is now deprecated in favor of nn\.init\.xavier"):
        found = init.xavier_uniform(medtorch.zeros(3, 4))
    assert 0 < found.abs().max().item() <= (6 / 7) ** 0.5
    with pytest.warns(FutureWarning, match="constant is now deprecated"):
        assert init.constant(medtorch.zeros(2), 3.0).tolist() == [3, 3]
