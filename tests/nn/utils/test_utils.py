"""Clipping gradients, parameters as a vector, folding batch norms."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ModuleError, ModuleTypeError, ShapeError, TrainingError, UnsupportedError
from medtorch.nn import utils
from tests.nn.modules.layer_cases import fill, numbers

pytestmark = pytest.mark.requirement("REQ-F-NN-009")


def with_gradients(*gradients):
    out = []
    for gradient in gradients:
        parameter = nn.Parameter(medtorch.zeros(len(gradient), dtype=medtorch.float64))
        parameter.grad = medtorch.tensor(gradient, dtype=medtorch.float64)
        out.append(parameter)
    return out


@pytest.mark.parametrize(
    ("p", "norm"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0), (3.0, (27 + 64 + 1728) ** (1 / 3)), (0, 2.0)]
)
def test_clipping_scales_all_gradients_together(p, norm):
    parameters = [*with_gradients([3.0, -4.0], [12.0]), nn.Parameter(medtorch.zeros(1))]
    if p == 0:
        norm = 2.0  # of two tensors whose own norms are not zero, as in torch
    total = utils.clip_grad_norm_(iter(parameters), 1.0, norm_type=p)
    assert total.item() == pytest.approx(norm, rel=1e-12)
    factor = 1.0 / (norm + 1e-6)
    np.testing.assert_allclose(parameters[0].grad.numpy(), np.array([3.0, -4.0]) * factor, rtol=1e-12)
    np.testing.assert_allclose(parameters[1].grad.numpy(), [12.0 * factor], rtol=1e-12)
    assert parameters[2].grad is None


def test_small_gradients_stay_to_the_bit():
    (parameter,) = with_gradients([0.1, 0.2])
    utils.clip_grad_norm_(parameter, 1.0)
    assert parameter.grad.tolist() == [0.1, 0.2]


def test_a_norm_whose_square_would_overflow_is_still_right():
    parameter = nn.Parameter(medtorch.zeros(2))
    parameter.grad = medtorch.tensor([3e30, 4e30])
    assert utils.clip_grad_norm_(parameter, 1.0).item() == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(parameter.grad.numpy(), [0.6, 0.8], rtol=1e-6)


def test_nothing_to_clip_has_norm_zero():
    assert utils.clip_grad_norm_([nn.Parameter(medtorch.zeros(1))], 1.0).item() == 0.0
    assert utils.clip_grad_norm_(with_gradients([0.0, 0.0]), 1.0).item() == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_no_number_can_be_an_error(bad):
    parameters = with_gradients([1.0, bad], [1.0])
    with pytest.raises(
        TrainingError, match=rf"total norm of order 2.0 for gradients is {bad}, so it cannot be clipped"
    ):
        utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert parameters[1].grad.tolist() == [1.0]
    utils.clip_grad_norm_(parameters, 1.0)
    expected = [math.nan] if math.isnan(bad) else [0.0]
    np.testing.assert_array_equal(parameters[1].grad.numpy(), expected)


def test_clipping_by_value_cuts_each_number_off():
    (parameter,) = with_gradients([-3.0, 0.5, 2.0])
    utils.clip_grad_value_(parameter, 1.0)
    assert parameter.grad.tolist() == [-1.0, 0.5, 1.0]
    with pytest.raises(ArgumentError, match="clip_value must not be negative, got -1"):
        utils.clip_grad_value_(parameter, -1)


def test_foreach_is_refused_by_name():
    with pytest.raises(UnsupportedError, match="foreach=True is not supported"):
        utils.clip_grad_norm_(with_gradients([1.0]), 1.0, foreach=True)
    with pytest.raises(UnsupportedError, match="foreach=True is not supported"):
        utils.clip_grad_value_(with_gradients([1.0]), 1.0, foreach=True)


@pytest.mark.parametrize("p", [2.0, 1.0, 3.5, math.inf, 0.0])
def test_clipping_is_torchs(p, needs_torch, rng):
    torch, gradients = needs_torch, [rng.normal(size=5), rng.normal(size=3)]
    ours = with_gradients(*gradients)
    theirs = [torch.nn.Parameter(torch.zeros(len(g), dtype=torch.float64)) for g in gradients]
    for parameter, gradient in zip(theirs, gradients, strict=True):
        parameter.grad = torch.tensor(gradient)
    a = utils.clip_grad_norm_(ours, 0.7, p)
    b = torch.nn.utils.clip_grad_norm_(theirs, 0.7, p)
    assert a.item() == pytest.approx(b.item(), rel=1e-12)
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12)


def test_parameters_become_a_vector_and_come_back():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = utils.parameters_to_vector(model.parameters())
    assert vector.shape == (13,)
    assert vector.requires_grad
    weight = model[0].weight
    utils.vector_to_parameters(medtorch.arange(13).float(), model.parameters())
    assert model[0].weight is weight
    assert weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert model[1].bias.tolist() == [12]
    with pytest.raises(ShapeError, match="vector_to_parameters: 3 numbers for parameters of 13"):
        utils.vector_to_parameters(medtorch.zeros(3), model.parameters())
    with pytest.raises(ModuleTypeError, match="expected a tensor, got list"):
        utils.vector_to_parameters([1.0], model.parameters())


FUSED = [
    ("Conv1d", (4, 6, 3), {"groups": 2}, "BatchNorm1d", (2, 4, 9), False),
    ("Conv2d", (4, 6, 3), {"bias": False, "padding": 1}, "BatchNorm2d", (2, 4, 9, 8), False),
    ("Conv3d", (4, 6, 2), {}, "BatchNorm3d", (2, 4, 3, 4, 5), False),
    ("ConvTranspose2d", (4, 6, 3), {"stride": 2}, "BatchNorm2d", (2, 4, 5, 6), True),
    ("ConvTranspose2d", (4, 6, 3), {"groups": 2}, "BatchNorm2d", (2, 4, 5, 6), True),
]


@pytest.mark.parametrize(("kind", "args", "options", "norm", "shape", "transpose"), FUSED)
@pytest.mark.parametrize("affine", [True, False])
def test_a_folded_convolution_computes_what_the_two_did(kind, args, options, norm, shape, transpose, affine):
    conv = getattr(nn, kind)(*args, **options).double().eval()
    bn = getattr(nn, norm)(6, affine=affine, eps=1e-3).double().eval()
    fill(medtorch, conv)
    fill(medtorch, bn)
    x = medtorch.tensor(numbers(shape, 0.1))
    fused = utils.fuse_conv_bn_eval(conv, bn, transpose)
    assert type(fused) is type(conv)
    np.testing.assert_allclose(fused(x).detach().numpy(), bn(conv(x)).detach().numpy(), rtol=1e-12, atol=1e-12)
    assert isinstance(fused.weight, nn.Parameter)
    assert fused.weight is not conv.weight


def test_a_folded_linear_layer_computes_what_the_two_did():
    linear, bn = nn.Linear(3, 4).double().eval(), nn.BatchNorm1d(4).double().eval()
    fill(medtorch, linear)
    fill(medtorch, bn)
    x = medtorch.tensor(numbers((5, 3), 0.1))
    found = utils.fuse_linear_bn_eval(linear, bn)(x)
    np.testing.assert_allclose(found.detach().numpy(), bn(linear(x)).detach().numpy(), rtol=1e-12)


def test_what_cannot_be_folded_is_refused():
    conv, bn = nn.Conv2d(1, 2, 3).eval(), nn.BatchNorm2d(2).eval()
    with pytest.raises(ModuleError, match="Fusion only for eval!"):
        utils.fuse_conv_bn_eval(conv, nn.BatchNorm2d(2))
    with pytest.raises(ModuleError, match="Fusion only for eval!"):
        utils.fuse_conv_bn_eval(nn.Conv2d(1, 2, 3), bn)
    with pytest.raises(ModuleError, match="Fusion needs a batch norm that tracks running statistics"):
        utils.fuse_conv_bn_eval(conv, nn.BatchNorm2d(2, track_running_stats=False).eval())
    with pytest.raises(ModuleError, match="4 features out of linear, 2 into bn"):
        utils.fuse_linear_bn_eval(nn.Linear(3, 4).eval(), nn.BatchNorm1d(2).eval())


@pytest.mark.requirement("REQ-F-NN-009")
def test_gradients_are_clipped_by_a_norm_that_is_known():
    p = medtorch.ones(2).requires_grad_()
    p.grad = medtorch.tensor([3.0, 4.0])
    nn.utils.clip_grads_with_norm_([p], 1.0, medtorch.tensor(10.0))
    assert p.grad.tolist() == pytest.approx([0.3, 0.4], rel=1e-5)
    with pytest.raises(UnsupportedError, match="clip_grads_with_norm_: foreach=True is not supported"):
        nn.utils.clip_grads_with_norm_([p], 1.0, medtorch.tensor(1.0), foreach=True)


@pytest.mark.requirement("REQ-F-NN-009")
def test_a_module_is_made_without_drawing_its_weights():
    medtorch.manual_seed(0)
    first = medtorch.rand(1).item()
    medtorch.manual_seed(0)
    layer = nn.utils.skip_init(nn.Linear, 3, 2)
    assert layer.weight.shape == (2, 3)
    assert medtorch.rand(1).item() == first
    with pytest.raises(ModuleTypeError, match="Module must support a 'device' arg"):
        nn.utils.skip_init(nn.ReLU)
    with pytest.raises(ModuleTypeError, match="Expected a Module; got 3"):
        nn.utils.skip_init(3)


@pytest.mark.requirement("REQ-F-NN-009")
def test_weights_change_layout_and_keep_their_numbers():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv3d(2, 4, 3), nn.Linear(2, 2))
    before = [p.tolist() for p in net.parameters()]
    nn.utils.convert_conv2d_weight_memory_format(net, medtorch.channels_last)
    nn.utils.convert_conv3d_weight_memory_format(net, medtorch.channels_last_3d)
    assert net[0].weight.is_contiguous(memory_format=medtorch.channels_last)
    assert net[1].weight.is_contiguous(memory_format=medtorch.channels_last_3d)
    assert [p.tolist() for p in net.parameters()] == before


@pytest.mark.requirement("REQ-F-NN-009")
def test_a_module_is_called_with_other_parameters():
    layer = nn.Linear(1, 1)
    other = {"weight": medtorch.tensor([[2.0]]), "bias": medtorch.tensor([1.0])}
    out = nn.utils.stateless.functional_call(layer, other, (medtorch.ones(1, 1),))
    assert out.item() == 3.0
