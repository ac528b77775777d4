"""What single layers do over time, with state, or when they are asked for the impossible."""

from __future__ import annotations

import math

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ModuleTypeError, ShapeError, UnsupportedError
from tests.nn.modules.layer_cases import fill, numbers

pytestmark = pytest.mark.requirement("REQ-F-NN-005")


def tensor(*shape, phase=0.5):
    return medtorch.tensor(numbers(shape, phase))


def test_batch_norm_follows_its_batches_with_momentum():
    norm = nn.BatchNorm1d(1, momentum=0.25).double()
    norm(medtorch.tensor([[1.0], [3.0]], dtype=medtorch.float64))
    # mean 2, variance with N - 1: 2
    assert norm.running_mean.item() == 0.75 * 0 + 0.25 * 2
    assert norm.running_var.item() == 0.75 * 1 + 0.25 * 2
    assert norm.num_batches_tracked.item() == 1
    norm.eval()(medtorch.tensor([[9.0], [9.5]], dtype=medtorch.float64))
    assert norm.running_mean.item() == 0.5
    assert norm.num_batches_tracked.item() == 1


def test_batch_norm_without_momentum_takes_the_mean_over_all_batches():
    norm = nn.BatchNorm1d(1, momentum=None).double()
    for low in (0.0, 1.0, 5.0):
        norm(medtorch.tensor([[low], [low + 2]], dtype=medtorch.float64))
    assert norm.running_mean.item() == pytest.approx((1 + 2 + 6) / 3)
    assert norm.running_var.item() == pytest.approx(2.0)


def test_batch_norm_can_forget():
    norm = nn.BatchNorm2d(4)
    fill(medtorch, norm)
    norm.num_batches_tracked.fill_(3)
    norm.reset_parameters()
    assert norm.running_mean.tolist() == norm.bias.tolist() == [0.0] * 4
    assert norm.running_var.tolist() == norm.weight.tolist() == [1.0] * 4
    assert norm.num_batches_tracked.item() == 0


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (nn.BatchNorm1d(4), (2, 4, 3, 3), r"BatchNorm1d: expected 2D or 3D input \(got 4D input\)"),
        (nn.BatchNorm2d(4), (2, 4, 3), r"BatchNorm2d: expected 4D input \(got 3D input\)"),
        (nn.BatchNorm3d(4), (2, 4, 3), r"BatchNorm3d: expected 5D input \(got 3D input\)"),
        (nn.SyncBatchNorm(4), (4,), r"SyncBatchNorm: expected at least 2D input \(got 1D input\)"),
        (nn.InstanceNorm1d(4), (4,), r"InstanceNorm1d: expected 2D or 3D input \(got 1D input\)"),
        (nn.InstanceNorm2d(4), (4, 3), r"InstanceNorm2d: expected 3D or 4D input \(got 2D input\)"),
        (nn.InstanceNorm3d(4), (4, 3), r"InstanceNorm3d: expected 4D or 5D input \(got 2D input\)"),
        (nn.InstanceNorm2d(4, affine=True), (2, 3, 5, 5), "InstanceNorm2d: expected 4 channels, got 3"),
        (nn.Softmax2d(), (2, 3), "Softmax2d: expected input to be 3D or 4D, got 2D"),
    ],
)
def test_inputs_of_the_wrong_shape_are_refused_by_name(layer, shape, text):
    with pytest.raises(ShapeError, match=text):
        layer(medtorch.zeros(*shape))


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.Conv2d(3, 4, 1, groups=2), ArgumentError, "in_channels must be divisible by groups, got 3 and 2"),
        (lambda: nn.Conv2d(4, 3, 1, groups=2), ArgumentError, "out_channels must be divisible by groups, got 3 and 2"),
        (lambda: nn.Conv2d(4, 4, 1, groups=0), ArgumentError, "groups must be a positive integer"),
        (lambda: nn.Conv2d(4, 4, 1, padding="full"), ArgumentError, "Invalid padding string 'full'"),
        (lambda: nn.Conv2d(4, 4, 3, 2, padding="same"), ArgumentError, "padding='same' is not supported for strided"),
        (lambda: nn.Conv2d(4, 4, 3, padding_mode="edge"), ArgumentError, "but got padding_mode='edge'"),
        (lambda: nn.ConvTranspose2d(4, 4, 3, padding_mode="reflect"), ArgumentError, 'Only "zeros" padding mode'),
        (lambda: nn.GroupNorm(3, 4), ArgumentError, r"num_channels \(4\) must be divisible by num_groups \(3\)"),
        (lambda: nn.Dropout(1.5), ArgumentError, "probability has to be between 0 and 1, but got 1.5"),
        (lambda: nn.Hardtanh(1, 0), ArgumentError, "max_val must not be less than min_val, got 0 and 1"),
        (lambda: nn.MultiheadAttention(5, 2), ArgumentError, "embed_dim must be a positive multiple of num_heads"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ArgumentError, "padding_idx 3 must be within num_embeddings 3"),
        (lambda: nn.Embedding(3, 2, sparse=True), UnsupportedError, "sparse gradients are not supported"),
        (lambda: nn.Embedding(3, 2, _weight=medtorch.zeros(2, 2)), ShapeError, r"does not match \(3, 2\)"),
        (lambda: nn.Embedding.from_pretrained(medtorch.zeros(2)), ShapeError, "expected to be 2-dimensional"),
        (lambda: nn.Bilinear(0, 1, 1), ArgumentError, "in1_features must be > 0, but got 0"),
        (lambda: nn.Unflatten("C", (2, 2)), UnsupportedError, "named dims are not supported"),
        (lambda: nn.Unflatten(1, 4), ModuleTypeError, "must be a tuple of ints, but found type int"),
        (lambda: nn.Unflatten(1, (2, "2")), ModuleTypeError, "found str at pos 1"),
        (lambda: nn.SyncBatchNorm(2, process_group=1), UnsupportedError, "process_group is not supported"),
    ],
)
def test_impossible_layers_are_refused_by_name(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_an_output_size_that_cannot_be_reached_is_refused():
    layer = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    with pytest.raises(
        ShapeError, match=r"requested an output size of \(9, 7\), but valid sizes range from \(7, 7\) to \(8, 8\)"
    ):
        layer(medtorch.zeros(1, 1, 4, 4), output_size=(9, 7))
    with pytest.raises(ArgumentError, match=r"output_size must have 2 or 4 elements \(got 3\)"):
        layer(medtorch.zeros(1, 1, 4, 4), output_size=(1, 7, 7))


def test_same_padding_of_an_even_kernel_puts_the_odd_one_after():
    layer = nn.Conv1d(1, 1, 4, padding="same", bias=False)
    with medtorch.no_grad():
        layer.weight.copy_(medtorch.tensor([[[1.0, 10.0, 100.0, 1000.0]]]))
    # kernel at -1, 0, 1, 2 around each place
    assert layer(medtorch.tensor([[[1.0, 0.0, 0.0, 0.0]]])).tolist() == [[[10.0, 1.0, 0.0, 0.0]]]


def test_unpooling_puts_numbers_back_where_they_were():
    for n, shape in ((1, (1, 2, 8)), (2, (1, 2, 6, 6)), (3, (1, 1, 4, 4, 4))):
        pooled, places = getattr(nn, f"MaxPool{n}d")(2, return_indices=True)(tensor(*shape))
        back = getattr(nn, f"MaxUnpool{n}d")(2)(pooled, places)
        assert back.shape == shape
        kept = back.numpy() != 0
        assert kept.sum() == pooled.numel()
        np.testing.assert_array_equal(back.numpy()[kept], tensor(*shape).numpy()[kept])


def test_unpooling_can_be_told_the_size():
    pooled, places = nn.MaxPool2d(2, return_indices=True)(tensor(1, 1, 5, 5))
    assert nn.MaxUnpool2d(2)(pooled, places, output_size=(1, 1, 5, 5)).shape == (1, 1, 5, 5)


@pytest.mark.parametrize(
    "name",
    ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SiLU", "Hardswish", "Hardsigmoid", "Mish", "CELU", "SELU", "Hardtanh"],
)
def test_an_activation_in_place_writes_over_its_input_and_has_the_same_gradient(name):
    plain, over = getattr(nn, name)(), getattr(nn, name)(inplace=True)
    first, second = (tensor(3, 5).requires_grad_() for _ in range(2))
    expected = plain(first * 1)
    memory = second * 1
    found = over(memory)
    assert found.data_ptr() == memory.data_ptr()
    np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy())
    expected.sum().backward()
    found.sum().backward()
    np.testing.assert_array_equal(first.grad.numpy(), second.grad.numpy())


@pytest.mark.parametrize(
    ("name", "shape", "channels"),
    [
        ("Dropout", (100, 100), False),
        ("Dropout1d", (100, 50, 4), True),
        ("Dropout2d", (50, 100, 2, 2), True),
        ("Dropout3d", (50, 100, 1, 2, 2), True),
    ],
)
def test_dropout_leaves_out_the_share_it_is_told_and_scales_the_rest(name, shape, channels):
    medtorch.manual_seed(5)
    layer = getattr(nn, name)(0.3)
    out = layer(medtorch.ones(*shape)).numpy()
    assert set(np.unique(out)) == {0.0, np.float32(1 / 0.7)}
    units = out.reshape(*shape[:2], -1)[..., 0] if channels else out
    if channels:
        assert (out.reshape(*shape[:2], -1) == units[..., None]).all()
    assert abs((units == 0).mean() - 0.3) < 4 * math.sqrt(0.21 / units.size)
    assert (layer.eval()(medtorch.ones(*shape)).numpy() == 1).all()


@pytest.mark.parametrize("name", ["AlphaDropout", "FeatureAlphaDropout"])
def test_alpha_dropout_keeps_mean_and_variance(name):
    medtorch.manual_seed(5)
    out = getattr(nn, name)(0.3)(medtorch.randn(200, 500)).numpy()
    assert abs(out.mean()) < 0.02
    assert abs(out.std() - 1) < 0.02


def test_the_seed_decides_what_is_left_out():
    layer, x = nn.Dropout(0.5), medtorch.ones(50)
    results = []
    for seed in (1, 1, 2):
        medtorch.manual_seed(seed)
        results.append(layer(x).tolist())
    assert results[0] == results[1] != results[2]


def test_embedding_looks_rows_up_and_does_not_learn_the_padding_row():
    layer = nn.Embedding(4, 3, padding_idx=1)
    out = layer(medtorch.tensor([[0, 1], [3, 0]]))
    assert out.shape == (2, 2, 3)
    assert out[0, 1].tolist() == [0.0] * 3
    out.sum().backward()
    assert layer.weight.grad.tolist() == [[2.0] * 3, [0.0] * 3, [0.0] * 3, [1.0] * 3]
    frozen = nn.Embedding.from_pretrained(medtorch.ones(4, 2))
    assert not frozen.weight.requires_grad
    assert frozen(medtorch.tensor([2])).tolist() == [[1.0, 1.0]]
    assert repr(nn.Embedding(4, 3, padding_idx=-1, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)) == (
        "Embedding(4, 3, padding_idx=3, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)"
    )


def test_attention_masks_hide_keys(needs_torch):
    torch = needs_torch
    hidden = np.array([[False, True, False], [False, False, True]])
    later = np.triu(np.ones((4, 3), bool), 1)
    for masks in ({"key_padding_mask": hidden}, {"attn_mask": later}, {"attn_mask": later, "key_padding_mask": hidden}):
        out = []
        for library in (medtorch, torch):
            layer = library.nn.MultiheadAttention(6, 2, batch_first=True).double()
            fill(library, layer)
            q, k = library.tensor(numbers((2, 4, 6), 0.1)), library.tensor(numbers((2, 3, 6), 0.2))
            result, weights = layer(q, k, k, **{name: library.tensor(mask) for name, mask in masks.items()})
            out.append((result.detach().numpy(), weights.detach().numpy()))
        np.testing.assert_allclose(out[0][0], out[1][0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(out[0][1], out[1][1], rtol=1e-10, atol=1e-12)


def test_attention_weights_are_probabilities_and_0_where_hidden():
    layer = nn.MultiheadAttention(4, 2)
    x = medtorch.randn(5, 2, 4)
    hidden = medtorch.zeros(2, 5, dtype=medtorch.bool)
    hidden[0, 3] = True
    _, weights = layer(x, x, x, key_padding_mask=hidden)
    np.testing.assert_allclose(weights.detach().numpy().sum(-1), 1.0, rtol=1e-6)
    assert (weights.detach().numpy()[0, :, 3] == 0).all()


def test_batch_norms_are_converted_to_synchronised_ones_with_their_state():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(nn.BatchNorm2d(2, eps=0.1)))
    fill(medtorch, model)
    weight = model[1][0].weight
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model.eval())
    assert converted is model
    norm = model[1][0]
    assert isinstance(norm, nn.SyncBatchNorm)
    assert norm.weight is weight
    assert norm.eps == 0.1
    assert not norm.training


def test_an_instance_norm_of_today_has_no_place_for_the_statistics_of_old_checkpoints():
    norm = nn.InstanceNorm2d(2)
    old = {"running_mean": medtorch.zeros(2), "running_var": medtorch.ones(2)}
    with pytest.raises(
        RuntimeError, match=r"Unexpected running stats buffer\(s\) 'running_mean' and 'running_var' for InstanceNorm2d"
    ):
        norm.load_state_dict(old)
    kept = nn.InstanceNorm2d(2, track_running_stats=True)
    kept.load_state_dict({**old, "num_batches_tracked": medtorch.tensor(0)})


def test_layers_are_made_where_and_as_told(device):
    for layer in (
        nn.Linear(2, 2, device=device, dtype=medtorch.float64),
        nn.BatchNorm1d(2, device=device, dtype=medtorch.float64),
    ):
        assert {p.dtype for p in layer.parameters()} == {medtorch.float64}
        assert {t.device.type for t in (*layer.parameters(), *layer.buffers())} == {device}


def test_base_classes_lie_where_torchs_lie():
    modules = nn.modules
    assert issubclass(nn.BatchNorm3d, modules.batchnorm._BatchNorm)
    assert issubclass(nn.InstanceNorm3d, modules.instancenorm._InstanceNorm)
    assert issubclass(nn.InstanceNorm3d, modules.batchnorm._NormBase)
    assert issubclass(nn.Conv3d, modules.conv._ConvNd)
    assert issubclass(nn.ConvTranspose3d, modules.conv._ConvTransposeNd)
    assert issubclass(nn.Dropout2d, modules.dropout._DropoutNd)
    assert issubclass(nn.CrossEntropyLoss, modules.loss._WeightedLoss)
    assert issubclass(nn.CrossEntropyLoss, modules.loss._Loss)
    assert modules.utils._pair(3) == (3, 3)
    assert modules.utils._triple((1, 2, 3)) == (1, 2, 3)
    assert modules.activation.MultiheadAttention is nn.MultiheadAttention
    assert nn.parameter.Parameter is nn.Parameter
    assert modules.ReLU is nn.ReLU


@pytest.mark.requirement("REQ-F-NN-005")
@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_lua_torchs_response_norm_keeps_the_first_channel_in_its_running_sum(size, rng):
    x, layer = rng.normal(size=(2, 7, 2, 2)), nn.CrossMapLRN2d(size, alpha=0.5, beta=0.6, k=2)
    reach = (size - 1) // 2
    around = [slice(max(0, c - reach), c + reach + 1) for c in range(7)]
    sums = np.stack([(x[:, part] ** 2).sum(1) for part in around], 1)
    sums[:, reach + 1 :] += x[:, :1] ** 2
    np.testing.assert_allclose(layer(medtorch.tensor(x)).numpy(), x / (2 + 0.5 / size * sums) ** 0.6, rtol=1e-12)
    with pytest.raises(ShapeError, match="CrossMapLRN2d: Expected input to be 4D, got 2D"):
        layer(medtorch.ones(2, 2))


@pytest.mark.requirement("REQ-F-NN-004")
def test_data_parallel_of_one_device_is_the_module_under_another_key():
    layer = nn.Linear(2, 3)
    parallel = nn.DataParallel(layer, device_ids=["cpu"])
    assert list(parallel.state_dict()) == ["module.weight", "module.bias"]
    assert parallel(medtorch.ones(1, 2)).tolist() == layer(medtorch.ones(1, 2)).tolist()
    with pytest.raises(UnsupportedError, match=r"several devices are not supported, got device_ids=\[0, 1\]"):
        nn.DataParallel(layer, device_ids=[0, 1])


@pytest.mark.requirement("REQ-F-NN-005")
@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax", "Softmin"])
@pytest.mark.parametrize(("shape", "dim"), [((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4, 2), 1)])
def test_without_a_dim_torchs_guess_is_taken_and_warned_of(name, shape, dim, rng):
    x = medtorch.tensor(rng.normal(size=shape))
    with pytest.warns(UserWarning, match="an implied dim is deprecated; pass dim"):
        found = getattr(nn, name)()(x)
    assert found.tolist() == getattr(nn, name)(dim)(x).tolist()
