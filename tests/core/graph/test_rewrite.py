"""Each pass: what it takes away, what it leaves alone, and what it does to the numbers (nothing, or one rounding)."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.core.graph.capture import capture
from medtorch.core.graph.ops import ConvGated, NormalizeFused, Regroup
from medtorch.core.graph.rewrite.affine import changes_numbers, fold_affine
from medtorch.core.graph.rewrite.concatenations import nest_concatenations
from medtorch.core.graph.rewrite.constants import fold_constants
from medtorch.core.graph.rewrite.dead import drop_dead
from medtorch.core.graph.rewrite.epilogue import fuse_epilogues
from medtorch.core.graph.rewrite.identities import drop_identities
from medtorch.core.graph.rewrite.lower import lower
from medtorch.core.graph.rewrite.scale_shift import join_scale_shift
from medtorch.core.graph.structure import taken_apart
from medtorch.core.ops.norm import Normalize
from medtorch.core.spec import Spec
from medtorch.errors import ShapeError
from medtorch.nn import functional as F
from tests.core.graph.models import eager, gap, image, leaves, lively, tensor

pytestmark = pytest.mark.requirement("REQ-F-CMP-003")


def graph_of(function, *inputs):
    _, arguments = taken_apart((inputs, {}), "the model's input")
    return capture(function, arguments, [x.numpy() for x in inputs], medtorch.device("cpu")).graph


def names(graph):
    return [node.op.name for node in graph.nodes]


def through(graph, *passes):
    counts = {}
    for one in passes:
        graph, found = one(graph)
        counts |= {name: counts.get(name, 0) + n for name, n in found.items()}
    return graph, counts


@pytest.mark.parametrize("affine", [True, False])
def test_a_batch_norm_is_one_op_of_the_model_and_steps_that_passes_know(affine):
    model = lively(nn.BatchNorm2d(4, affine=affine))
    captured = graph_of(model, image((2, 4, 3, 3)))
    assert names(captured) == ["batch_norm"]
    graph, _ = through(captured, lower)
    assert names(graph)[-2:] == ["mul", "add"]
    assert set(names(graph)) <= {"add", "rsqrt", "mul", "neg", "sub", "regroup"}
    x = image((2, 4, 3, 3), seed=6)
    for rewrites in ("all", "none"):
        compiled = medtorch.compile(model, x, rewrites=rewrites)
        assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


# -- gates -------------------------------------------------------------------------------------------------------------


class Gated(nn.Module):
    def __init__(self, **conv):
        super().__init__()
        self.gate, self.conv = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 4, **conv)

    def forward(self, x):
        return self.conv(x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid())


def test_a_gate_goes_into_the_convolution_of_places_behind_it_and_no_bit_changes():
    model, x = Gated(kernel_size=1).eval(), image((2, 6, 9, 8))
    compiled = medtorch.compile(model, x)
    assert compiled.stats()["plan"]["rewrites"]["gates folded into convolutions"] == 1
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


@pytest.mark.parametrize(
    "conv", [{"kernel_size": 3}, {"kernel_size": 1, "stride": 2}, {"kernel_size": 1, "padding": 1}]
)
def test_a_gate_before_windows_strides_or_padding_stays_a_step_of_its_own(conv):
    model, x = Gated(**conv).eval(), image((2, 6, 9, 8))
    compiled = medtorch.compile(model, x)
    assert compiled.stats()["plan"]["rewrites"]["gates folded into convolutions"] == 0


def test_a_gated_image_that_others_take_too_is_made():
    model, x = Gated(kernel_size=1).eval(), image((1, 6, 4, 4))

    def twice(x):
        gated = x * model.gate(x.mean((2, 3), keepdim=True)).sigmoid()
        return model.conv(gated), gated

    assert medtorch.compile(twice, x).stats()["plan"]["rewrites"]["gates folded into convolutions"] == 0


def test_a_gate_that_does_not_fit_is_refused_by_name():
    op = ConvGated("none", 0.0, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    x, weight, gate = (
        Spec(shape, medtorch.float32, medtorch.device("cpu")) for shape in ((1, 6, 4, 4), (2, 6, 1, 1), (1, 3, 1, 1))
    )
    with pytest.raises(ShapeError, match="gate needs one number for each channel"):
        op.check(x, weight, None, None, gate)


# -- dead code, identities, constants ----------------------------------------------------------------------------------


def test_dead_nodes_and_constants_go():
    def wasteful(x):
        (x * 3).exp()
        return x + 1

    graph, counts = through(graph_of(wasteful, image((2,))), drop_dead)
    assert names(graph) == ["add"]
    assert len(graph.constants) == 1
    assert counts["dead nodes removed"] == 2


def test_a_node_with_one_wanted_result_stays():
    graph, _ = through(graph_of(lambda x: x.topk(2)[1].float(), image((5,))), drop_dead)
    assert "argsort" in names(graph)


def test_identities_go():
    def idle(x):
        y = x.clone().to(medtorch.float32).reshape(2, 6).view(2, 6).expand(2, 6)[:, 0:6].permute(0, 1)
        z = medtorch.cat((y.contiguous(memory_format="contiguous_format"),), 1)
        w = medtorch.empty(2, 6)
        w.copy_(z)
        return F.dropout(w, 0.5, training=False) + 1

    graph, counts = through(graph_of(idle, image((2, 6))), drop_identities, drop_dead)
    assert names(graph) == ["add"]
    assert counts["identities removed"] >= 5


def test_neighbouring_reshapes_and_permutations_become_one():
    def turned(x):
        return x.reshape(4, 3, 2).reshape(2, 12).permute(1, 0).reshape(12, 2).t().permute(1, 0) * 2

    graph, _ = through(graph_of(turned, image((2, 3, 4))), lower, drop_identities, drop_identities)
    assert names(graph) == ["regroup", "permute", "mul"]
    x = image((2, 3, 4), seed=3)
    assert medtorch.compile(turned, image((2, 3, 4)))(x).numpy().tobytes() == turned(x).numpy().tobytes()


def test_a_value_that_others_need_stays_between_reshapes():
    def forked(x):
        y = x.reshape(6, 2)
        return y.reshape(3, 4).sum() + y.sum()

    graph, _ = through(graph_of(forked, image((2, 6))), lower, drop_identities)
    assert sum(isinstance(node.op, Regroup) for node in graph.nodes) == 2


def test_what_follows_from_constants_is_computed_once():
    weight = image((3, 3))

    def costly(x):
        return x * (weight.exp().sum(0) / 2).softmax(0)

    graph, counts = through(graph_of(costly, image((2, 3))), fold_constants, drop_dead)
    assert names(graph) == ["mul"]
    assert counts["constants folded"] == 4
    (constant,) = graph.constants.values()
    assert constant.array.tobytes() == (weight.exp().sum(0) / 2).softmax(0).numpy().tobytes()


def test_growing_concatenations_are_nested():
    def dense(x):
        a, b = x.exp(), x.tanh()
        first = medtorch.cat((x, a), 1)
        second = medtorch.cat((x, a, b), 1)
        other = medtorch.cat((a, x), 1)
        along = medtorch.cat((x, a, b), 0)
        third = medtorch.cat((x, a, b, first.sum(1, keepdim=True)), 1)
        return first, second, other, along, third

    graph, counts = through(graph_of(dense, image((2, 3))), nest_concatenations)
    assert counts["concatenations nested"] == 2
    cats = [node for node in graph.nodes if node.op.name == "cat"]
    assert [len(node.inputs) for node in cats] == [2, 2, 2, 3, 2]
    assert cats[1].inputs[0] == cats[0].outputs[0]
    assert cats[4].inputs[0] == cats[1].outputs[0]
    x = image((2, 3), seed=5)
    for found, wanted in zip(medtorch.compile(dense, image((2, 3)))(x), dense(x), strict=True):
        assert found.numpy().tobytes() == wanted.numpy().tobytes()


# -- scales and shifts -------------------------------------------------------------------------------------------------


def folded_exactly(weight, bias, norm, channel):
    """Weight and bias after batch norm, in float64 from the norm's own numbers, rounded once: the formula."""
    w, mean, var = (t.detach().numpy().astype(np.float64) for t in (weight, norm.running_mean, norm.running_var))
    scale = norm.weight.detach().numpy().astype(np.float64) / np.sqrt(var + norm.eps)
    shape = [1] * w.ndim
    shape[channel] = -1
    b = np.zeros(len(scale)) if bias is None else bias.detach().numpy().astype(np.float64)
    shift = (b - mean) * scale + norm.bias.detach().numpy().astype(np.float64)
    return (w * scale.reshape(shape)).astype(np.float32), shift.astype(np.float32)


def lively_norm(norm, seed=0):
    rng = np.random.default_rng(seed)
    with medtorch.no_grad():
        norm.weight.copy_(tensor(rng.uniform(0.5, 2, norm.weight.shape)))
        norm.bias.copy_(tensor(rng.normal(0, 1, norm.bias.shape)))
    return norm


@pytest.mark.parametrize(
    ("product", "norm", "shape", "channel"),
    [
        (nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), (2, 3, 6, 6), 0),
        (nn.Conv2d(4, 8, 3, groups=2), nn.BatchNorm2d(8), (2, 4, 6, 6), 0),
        (nn.Conv1d(3, 8, 3), nn.BatchNorm1d(8), (2, 3, 6), 0),
        (nn.Conv3d(1, 8, 2), nn.BatchNorm3d(8), (2, 1, 3, 3, 3), 0),
        (nn.ConvTranspose2d(3, 8, 2, stride=2), nn.BatchNorm2d(8), (2, 3, 4, 4), 1),
        (nn.Linear(5, 8), nn.BatchNorm1d(8), (4, 5), 0),
        (nn.Linear(5, 8, bias=False), nn.BatchNorm1d(8), (4, 5), 0),
    ],
)
def test_batch_norm_goes_into_the_product_before_it_with_one_rounding(product, norm, shape, channel):
    model = lively(nn.Sequential(product, lively_norm(norm)))
    graph, counts = through(graph_of(model, image(shape)), lower, fold_affine, drop_dead)
    assert len(graph.nodes) == 1
    assert counts["scales folded into weights"] == 1
    assert changes_numbers(counts)
    weight, bias = folded_exactly(product.weight, product.bias, norm, channel)
    node = graph.nodes[0]
    have = [graph.constants[value].array for value in node.inputs[1:3]]
    # One unit in the last place of the largest: 1 / sqrt against sqrt and division differ in the last bit of a double.
    np.testing.assert_allclose(have[0], weight, rtol=1.2e-7, atol=0)
    np.testing.assert_allclose(have[1], bias, rtol=1.2e-7, atol=1e-7)
    x = image(shape, seed=8)
    assert gap(medtorch.compile(model, image(shape))(x), eager(model, x)) < 2e-6


def test_batch_norm_goes_into_a_grouped_transposed_convolution():
    product, norm = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), lively_norm(nn.BatchNorm2d(6))
    model, x = lively(nn.Sequential(product, norm)), image((2, 4, 4, 4), seed=8)
    compiled = medtorch.compile(model, image((2, 4, 4, 4)))
    assert compiled.stats()["plan"]["kernels"] == {"conv_transpose_fused": 1}
    assert gap(compiled(x), eager(model, x)) < 2e-6


def test_a_linear_layers_bias_is_joined_without_a_change_of_any_bit():
    model, x = nn.Linear(5, 8).eval(), image((2, 3, 5), seed=8)
    compiled = medtorch.compile(model, image((2, 3, 5)))
    plan = compiled.stats()["plan"]
    assert plan["rewrites"]["biases joined"] == 1
    assert not plan["accuracy"]["folded"]
    assert plan["kernels"]["linear_fused"] == 1
    assert "add" not in plan["kernels"]
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


def test_what_follows_a_linear_layer_of_many_rows_goes_into_it():
    layer = nn.Linear(6, 6).eval()

    def model(x):
        return (layer(x) + x).relu()

    compiled, x = medtorch.compile(model, image((2, 3, 6))), image((2, 3, 6), seed=8)
    plan = compiled.stats()["plan"]
    assert plan["kernels"] == {"linear_fused": 1}
    assert plan["rewrites"]["reshapes around linear layers removed"] == 1
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


def test_reshapes_around_a_linear_layer_that_do_more_stay():
    layer = nn.Linear(6, 6).eval()

    def model(x):
        return layer(x.reshape(-1, 6)).reshape(3, 2, 6)  # other leading dims than before

    compiled, x = medtorch.compile(model, image((2, 3, 6))), image((2, 3, 6), seed=8)
    assert compiled.stats()["plan"]["kernels"] == {"linear_fused": 1, "regroup": 2}

    def crossed(x):
        rows = medtorch.mm(x.permute(1, 0, 2).reshape(-1, 6), layer.weight.t())
        return rows.reshape(2, 3, 6) + layer.bias

    compiled = medtorch.compile(crossed, image((2, 3, 6)))
    plan = compiled.stats()["plan"]
    assert plan["rewrites"]["biases moved before reshapes"] == 1
    assert "add_activated" not in plan["kernels"]
    assert compiled(x).numpy().tobytes() == eager(crossed, x).numpy().tobytes()

    def by_rows(x):  # what is added goes by rows: it must stay behind the reshape
        return medtorch.mm(x.reshape(-1, 6), layer.weight.t()).reshape(2, 3, 6) + medtorch.ones(3, 1) * layer.bias[:1]

    compiled = medtorch.compile(by_rows, image((2, 3, 6)))
    assert compiled(x).numpy().tobytes() == eager(by_rows, x).numpy().tobytes()

    x = image((2, 3, 6), seed=8)
    compiled = medtorch.compile(model, image((2, 3, 6)))
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


class Twice(nn.Module):
    """A convolution whose result is wanted before and after its batch norm."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)

    def forward(self, x):
        y = self.conv(x)
        return y.sum() + self.norm(y)


def test_a_product_that_others_need_is_left_alone_and_its_norm_becomes_one_step():
    model, x = lively(Twice()), image((1, 1, 5, 5))
    compiled = medtorch.compile(model, x)
    plan = compiled.stats()["plan"]
    assert plan["rewrites"]["scales folded into weights"] == 0
    assert plan["rewrites"]["scales and shifts joined"] == 1
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


def test_a_product_that_goes_out_itself_is_left_alone():
    conv, norm, x = nn.Conv2d(1, 2, 3).eval(), lively(lively_norm(nn.BatchNorm2d(2))), image((1, 1, 5, 5), seed=6)

    def model(x):
        y = conv(x)
        return y, norm(y).relu(), y + 1

    compiled = medtorch.compile(model, image((1, 1, 5, 5)))
    assert compiled.stats()["plan"]["rewrites"]["scales folded into weights"] == 0
    for found, wanted in zip(compiled(x), eager(model, x), strict=True):
        assert found.numpy().tobytes() == wanted.numpy().tobytes()


@pytest.mark.parametrize(
    "after",
    [
        lambda y: y * image((1, 2, 3, 3), seed=1),  # a number of its own for each pixel
        lambda y: y * image((3,), seed=1),  # by column
        lambda y: y * medtorch.ones(3, 2, 1, 1),  # a larger batch
        lambda y: y * y.mean((2, 3), keepdim=True),  # not constant
        lambda y: 1 - y,
        lambda y: y * medtorch.ones(2, 1, 1, dtype=medtorch.float64),  # another dtype
    ],
)
def test_scales_that_do_not_go_by_channel_are_left_alone(after):
    conv, x = nn.Conv2d(1, 2, 3).eval(), image((1, 1, 5, 5))

    def model(x):
        return after(conv(x))

    compiled = medtorch.compile(model, x)
    counts = compiled.stats()["plan"]["rewrites"]
    assert counts["scales folded into weights"] == counts["shifts folded into biases"] == 0
    other = image((1, 1, 5, 5), seed=6)
    assert compiled(other).numpy().tobytes() == eager(model, other).numpy().tobytes()


def test_plain_scales_and_shifts_fold_in_the_order_in_which_they_come():
    conv = nn.Conv2d(1, 2, 3).eval()

    def model(x):
        return (conv(x) * 2 + 1) * 0.5 - medtorch.tensor([[[3.0]], [[4.0]]])

    compiled, x = medtorch.compile(model, image((1, 1, 5, 5))), image((1, 1, 5, 5), seed=6)
    assert compiled.stats()["plan"]["steps"] == 1
    assert gap(compiled(x), eager(model, x)) < 1e-6


def test_a_scale_and_a_shift_without_a_product_keep_their_two_roundings():
    norm, x = lively(lively_norm(nn.BatchNorm2d(3))), image((2, 3, 4, 4), seed=2)
    graph, counts = through(graph_of(norm, image((2, 3, 4, 4))), lower, fold_affine, fold_constants, join_scale_shift)
    assert names(graph) == ["scale_shift"]
    assert counts["scales and shifts joined"] == 1
    assert medtorch.compile(norm, image((2, 3, 4, 4)))(x).numpy().tobytes() == eager(norm, x).numpy().tobytes()


@pytest.mark.parametrize("layer", [nn.LayerNorm(6), nn.InstanceNorm2d(3, affine=True), nn.GroupNorm(1, 3)])
def test_norms_of_the_inputs_own_moments_keep_every_bit(layer):
    lively_norm(layer).eval()
    compiled, x = medtorch.compile(layer, image((2, 3, 4, 6))), image((2, 3, 4, 6), seed=2)
    assert compiled(x).numpy().tobytes() == eager(layer, x).numpy().tobytes()


@pytest.mark.parametrize("ending", [nn.LeakyReLU(0.01), nn.ReLU(), nn.SiLU()])
def test_an_activation_ends_the_norm_before_it(ending):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), lively_norm(nn.InstanceNorm2d(4, affine=True)), ending).eval()
    compiled, x = medtorch.compile(model, image((2, 3, 8, 8))), image((2, 3, 8, 8), seed=2)
    assert compiled.stats()["plan"]["kernels"] == {"conv_fused": 1, "normalize_fused": 1}
    assert compiled.stats()["plan"]["rewrites"]["activations fused"] == 1
    assert compiled.stats()["plan"]["python_steps"] == {}
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


def test_a_norm_whose_moments_are_used_stays_as_it_is():
    def model(x):
        y, mean, var = Normalize((2, 3), 1e-5)(x, medtorch.ones(3), medtorch.zeros(3))
        return y.relu() + mean, var

    graph, _ = through(graph_of(model, image((2, 3, 4, 4))), lower)
    assert "norm" in "".join(names(graph))
    assert not any(isinstance(node.op, NormalizeFused) for node in graph.nodes)


# -- what follows a product --------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """A convolution, something added, an activation."""

    def __init__(self, activation, how):
        super().__init__()
        self.one, self.other = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 1)
        self.activation, self.how = activation, how

    def forward(self, x):
        y = self.one(x)
        added = {"input": x, "left": x, "conv": self.other(x), "self": y, "pooled": x.mean((2, 3), keepdim=True)}[
            self.how
        ]
        return self.activation(added + y if self.how == "left" else y + added)


@pytest.mark.parametrize("activation", [F.relu, F.relu6, lambda x: F.leaky_relu(x, 0.2), lambda x: x.clamp(0, 6)])
@pytest.mark.parametrize(("how", "fused"), [("input", 1), ("left", 1), ("conv", 1), ("self", 0), ("pooled", 0)])
def test_residuals_and_activations_go_into_the_product_without_a_change_of_any_bit(activation, how, fused):
    model, x = Residual(activation, how).eval(), image((2, 2, 5, 5), seed=4)
    graph, counts = through(graph_of(model, image((2, 2, 5, 5))), lower, fold_affine, fuse_epilogues, drop_dead)
    assert counts["residuals fused"] == fused
    assert counts["activations fused"] == 1
    assert not changes_numbers(counts)
    assert graph.nodes[-1].op.activation != "none"
    assert medtorch.compile(model, image((2, 2, 5, 5)))(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


OTHERS = [F.selu, F.softshrink, F.logsigmoid, lambda x: x.clamp(0, 5), lambda x: F.softplus(x, 2)]


@pytest.mark.parametrize("activation", OTHERS)
def test_other_activations_stay_steps_of_their_own(activation):
    conv, x = nn.Conv2d(2, 2, 1).eval(), image((2, 2, 5, 5), seed=4)

    def model(x):
        return activation(conv(x))

    compiled = medtorch.compile(model, image((2, 2, 5, 5)))
    assert compiled.stats()["plan"]["steps"] == 2
    assert compiled(x).numpy().tobytes() == eager(model, x).numpy().tobytes()


def test_whole_numbers_and_doubles_are_rewritten_only_where_the_kernels_take_them():
    def whole(x):
        return (x * 2 + 1).relu()

    x = medtorch.arange(6).reshape(2, 3) - 3
    assert medtorch.compile(whole, x)(x).numpy().tobytes() == whole(x).numpy().tobytes()
    model = lively(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())).double()
    y = image((1, 1, 5, 5)).double()
    compiled = medtorch.compile(model, y)
    assert compiled.stats()["plan"]["accuracy"]["bound"] == {"float64": 2.0**-42}
    assert gap(compiled(y), eager(model, y)) < 1e-14


# -- permutations ------------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """A ConvNeXt block's shape: a layer along the last dim, back, a scale by channel, the input added."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.scale = nn.Parameter(tensor(np.random.default_rng(2).uniform(0.5, 1.5, (4, 1, 1))))

    def forward(self, x):
        return self.linear(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) * self.scale + x


def test_a_scale_and_a_residual_behind_a_permutation_go_into_the_layer_before_it():
    model, x = Block().eval(), image((2, 4, 5, 3))
    compiled = medtorch.compile(model, x, poison=True)
    plan = compiled.stats()["plan"]
    assert plan["kernels"].get("mul", 0) == plan["kernels"].get("add_activated", 0) == 0
    assert plan["rewrites"]["permutations moved back"] == 2
    assert plan["rewrites"]["scales folded into weights"] == plan["rewrites"]["residuals fused"] == 1
    other = image((2, 4, 5, 3), seed=8)
    weight, bias = (p.detach().numpy().astype(np.float64) for p in (model.linear.weight, model.linear.bias))
    wanted = np.einsum("nchw,oc->nohw", other.numpy().astype(np.float64), weight) + bias[:, None, None]
    wanted = wanted * model.scale.detach().numpy() + other.numpy()
    assert np.abs(compiled(other).numpy() - wanted).max() < 1e-6 * np.abs(wanted).max()


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: (x * 2).permute(2, 0, 1) - y,
        lambda x, y: y - (x * 2).permute(2, 0, 1),
        lambda x, y: medtorch.relu((x * 2).permute(2, 0, 1)) + y,
        lambda x, y: (x * 2).permute(2, 0, 1) + y[0],  # an operand of fewer dims that changes: left alone
        lambda x, y: (x * 2).permute(2, 0, 1) * medtorch.arange(3.0) + 1.5,
        lambda x, y: ((x * 2).permute(2, 0, 1), (x * 2).permute(2, 0, 1) + y),
    ],
)
def test_moving_permutations_changes_no_bit(function):
    x, y = image((2, 3, 4)), image((4, 2, 3), seed=2)
    compiled = medtorch.compile(function, x, y, poison=True)
    other = image((2, 3, 4), seed=5)
    for one, two in zip(leaves(compiled(other, y)), leaves(eager(function, other, y)), strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()
        assert one.shape == two.shape


# -- attention ---------------------------------------------------------------------------------------------------------


def _written_out(query, key, value):
    return (query * 0.25).matmul(key.transpose(-2, -1)).softmax(-1).matmul(value)


def _heads(seed):
    """As a layer leaves them: (length, batch, width), taken apart into 3 heads."""
    return image((70, 2, 48), seed=seed)


def _in_heads(x):
    return x.reshape(70, 2, 3, 16).permute(1, 2, 0, 3)


@pytest.mark.parametrize(
    "function",
    [
        lambda q, k, v: _written_out(_in_heads(q), _in_heads(k), _in_heads(v)).permute(2, 0, 1, 3).reshape(70, 2, 48),
        lambda q, k, v: _written_out(q, k, v) + q,
        lambda q, k, v: q.matmul(k.transpose(1, 2)).softmax(2).matmul(v),
        lambda q, k, v: (q * q[..., :1]).matmul(k.permute(0, 2, 1)).softmax(-1).matmul(v),
    ],
)
def test_attention_written_out_becomes_one_step_without_a_change_of_any_bit(function):
    given = [_heads(seed) for seed in (1, 2, 3)]
    compiled = medtorch.compile(function, *given, poison=True)
    plan = compiled.stats()["plan"]
    assert plan["rewrites"]["attentions fused"] == plan["kernels"]["scaled_dot_product_attention"] == 1
    assert plan["kernels"].get("matmul", 0) == plan["kernels"].get("softmax", 0) == 0
    others = [_heads(seed) for seed in (4, 5, 6)]
    assert compiled(*others).numpy().tobytes() == eager(function, *others).numpy().tobytes()


@pytest.mark.parametrize(
    "function",
    [
        lambda q, k, v: (q.matmul(k.transpose(1, 2)) + medtorch.ones(2, 2)).softmax(-1).matmul(v),  # a mask
        lambda q, k, v: q.matmul(k.transpose(1, 2)).softmax(1).matmul(v),
        lambda q, k, v: (lambda s: (s, s.matmul(v)))(q.matmul(k.transpose(1, 2)).softmax(-1)),
        lambda q, k, v: (lambda s: s.softmax(-1).matmul(v) + s.sum())(q.matmul(k.transpose(1, 2))),
        lambda q, k, v: q[0].matmul(k.transpose(1, 2)).softmax(-1).matmul(v),  # another stack
        lambda q, k, v: _written_out(q.double(), k.double(), v.double()),
    ],
)
def test_attention_whose_scores_are_needed_or_masked_stays_as_it_is(function):
    given = [image((70, 2, 48), seed=seed) for seed in (1, 2, 3)]
    compiled = medtorch.compile(function, *given, poison=True)
    assert compiled.stats()["plan"]["rewrites"]["attentions fused"] == 0
    for one, two in zip(leaves(compiled(*given)), leaves(eager(function, *given)), strict=True):
        assert one.numpy().tobytes() == two.numpy().tobytes()
