"""A parametrized weight is what its formula makes of the original, in every call, copy and state."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DimError, ModuleError, ShapeError, UnsupportedError
from medtorch.nn.utils import parametrizations, parametrize

pytestmark = pytest.mark.requirement("REQ-F-NN-013")


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, x):
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


class Product(nn.Module):
    def forward(self, a, b):
        return a * b

    def right_inverse(self, x):
        return x / 2, medtorch.full_like(x, 2.0)


def test_the_weight_is_computed_and_the_original_learned():
    layer = nn.Linear(3, 3)
    original = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.weight.tolist() == layer.weight.T.tolist()
    assert layer.parametrizations.weight.original is original
    assert [name for name, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    layer(medtorch.ones(1, 3)).sum().backward()
    assert original.grad is not None
    assert type(layer).__name__ == "ParametrizedLinear"
    assert isinstance(layer, nn.Linear)


def test_assigning_goes_back_through_the_inverse():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Symmetric())
    layer.weight = medtorch.tensor([[1.0, 2.0], [2.0, 5.0]])
    assert layer.weight.tolist() == [[1, 2], [2, 5]]
    assert layer.parametrizations.weight.original.tolist() == [[1, 2], [0, 5]]


def test_parametrizations_follow_one_another():
    layer = nn.Linear(2, 2)
    start = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.weight.tolist() == Symmetric()(2 * start).tolist()
    with pytest.raises(ModuleError, match="parametrization Doubled does not implement right_inverse"):
        layer.weight = start


def test_several_originals_are_registered_by_number():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Product())
    assert {"parametrizations.weight.original0", "parametrizations.weight.original1"} <= set(layer.state_dict())
    assert layer.parametrizations.weight.original1.tolist() == [[2, 2], [2, 2]]
    assert all(p.requires_grad for p in layer.parameters())
    with pytest.raises(ArgumentError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    before = layer.weight.tolist()
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight.tolist() == before
    assert isinstance(layer.weight, nn.Parameter)


@pytest.mark.parametrize("leave", [True, False])
def test_removing_leaves_the_computed_or_the_original_tensor_in_the_same_parameter(leave):
    layer = nn.Linear(2, 2)
    original, start = layer.weight, layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "bias", Doubled())
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
    assert layer.weight is original
    assert layer.weight.tolist() == (2 * start if leave else start).tolist()
    assert parametrize.is_parametrized(layer, "bias")
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear
    assert set(layer.state_dict()) == {"weight", "bias"}


def test_a_copy_lives_its_own_life():
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert parametrize.is_parametrized(twin, "weight")
    assert twin.weight.tolist() == layer.weight.tolist()
    assert twin.parametrizations.weight.original is not layer.weight
    with pytest.raises(UnsupportedError, match="only supported through state_dict"):
        pickle.dumps(twin)


def test_a_state_goes_to_another_module_of_the_same_form():
    first, second = (parametrize.register_parametrization(nn.Linear(3, 2), "weight", Doubled()) for _ in range(2))
    second.load_state_dict(first.state_dict())
    assert second.weight.tolist() == first.weight.tolist()


def test_cached_computes_once():
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x

    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counting())
    calls.clear()
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert len(calls) == 1
    assert layer.weight is not None
    assert len(calls) == 2


def test_buffers_can_be_parametrized_and_everything_be_transferred():
    first = nn.BatchNorm1d(2)
    parametrize.register_parametrization(first, "running_mean", Doubled())
    parametrize.register_parametrization(first, "weight", Doubled())
    second = nn.BatchNorm1d(2)
    parametrize.transfer_parametrizations_and_params(first, second)
    assert second.weight.tolist() == first.weight.tolist()
    assert second.parametrizations.weight.original is first.parametrizations.weight.original
    assert parametrize.is_parametrized(second, "running_mean")
    assert parametrize.type_before_parametrizations(second) is nn.BatchNorm1d
    assert parametrize.type_before_parametrizations(nn.ReLU()) is nn.ReLU


class Flattened(nn.Module):
    def forward(self, x):
        return x.reshape(-1)


class Halved(nn.Module):
    def forward(self, x):
        return x.half()


@pytest.mark.parametrize(
    ("name", "parametrization", "text"),
    [
        ("weight", Flattened(), r"may not change the shape of the tensor, .* from \(2, 2\) to \(4,\)"),
        ("weight", Halved(), "may not change the dtype of the tensor"),
        ("weights", Doubled(), "does not have a parameter, a buffer, or a parametrized element with name 'weights'"),
    ],
)
def test_what_is_no_parametrization_is_refused(name, parametrization, text):
    with pytest.raises(ArgumentError, match=text):
        parametrize.register_parametrization(nn.Linear(2, 2), name, parametrization)
    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Doubled())
    with pytest.raises(ArgumentError, match=text):
        parametrize.register_parametrization(layer, name, parametrization)
    if not isinstance(parametrization, Doubled):
        plain = nn.Linear(2, 2)
        parametrize.register_parametrization(plain, name, parametrization, unsafe=True)
        assert plain.weight.tolist() == parametrization(plain.parametrizations.weight.original).tolist()


def test_removing_what_is_not_there_is_refused():
    with pytest.raises(ArgumentError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(nn.Linear(2, 2), "weight")


# -- the ready ones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_splits_length_from_direction(dim):
    layer = nn.Conv2d(3, 4, 2).double()
    start = layer.weight.detach().numpy().copy()
    parametrizations.weight_norm(layer, dim=dim)
    np.testing.assert_allclose(layer.weight.detach().numpy(), start, rtol=1e-12)
    axes = {0: (1, 2, 3), 1: (0, 2, 3), None: None}[dim]
    lengths = np.sqrt((start**2).sum(axes, keepdims=dim is not None))
    np.testing.assert_allclose(layer.parametrizations.weight.original0.detach().numpy(), lengths, rtol=1e-12)
    with medtorch.no_grad():
        layer.parametrizations.weight.original1.mul_(7)
    np.testing.assert_allclose(layer.weight.detach().numpy(), start, rtol=1e-12)


def test_a_state_of_the_old_weight_norm_is_read():
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    new = parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    assert new.weight.tolist() == old.weight.tolist()


@pytest.mark.parametrize("make", [parametrizations.spectral_norm, nn.utils.spectral_norm])
@pytest.mark.parametrize("layer", [nn.Linear(5, 4), nn.Conv2d(3, 4, 2), nn.ConvTranspose2d(3, 4, 2)], ids=repr)
def test_spectral_norm_brings_the_largest_singular_value_to_one(make, layer):
    layer = make(copy.deepcopy(layer).double(), n_power_iterations=20)
    x = medtorch.ones(1, 5).double() if isinstance(layer, nn.Linear) else medtorch.ones(1, 3, 4, 4).double()
    for _ in range(20):
        layer(x)
    layer.eval()
    layer(x)
    weight = layer.weight.detach().numpy()
    rows = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    matrix = np.moveaxis(weight, rows, 0).reshape(weight.shape[rows], -1)
    assert np.linalg.svd(matrix, compute_uv=False)[0] == pytest.approx(1.0, rel=1e-6)


def test_a_spectral_normed_vector_has_length_one_and_dims_are_checked():
    layer = parametrizations.spectral_norm(nn.Linear(2, 3), "bias")
    assert layer.bias.norm().item() == pytest.approx(1.0)
    with pytest.raises(DimError, match=r"expected to be in range of \[-2, 1\] but got 2"):
        parametrizations.spectral_norm(nn.Linear(2, 3), dim=2)
    with pytest.raises(ArgumentError, match="n_power_iterations to be positive, but got n_power_iterations=0"):
        parametrizations.spectral_norm(nn.Linear(2, 3), n_power_iterations=0)
    with pytest.raises(ArgumentError, match="has no parameter or buffer with name 'w'"):
        parametrizations.spectral_norm(nn.Linear(2, 3), "w")


def test_two_calls_before_backward_are_both_differentiated():
    layer = parametrizations.spectral_norm(nn.Linear(3, 3).double())
    (layer(medtorch.ones(1, 3).double()) - layer(2 * medtorch.ones(1, 3).double())).sum().backward()
    assert layer.parametrizations.weight.original.grad.isfinite().all().item()


@pytest.mark.parametrize("shape", [(4, 4), (6, 4), (4, 6), (3, 5, 4)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("base", [True, False])
def test_an_orthogonal_weight_stays_orthogonal_while_it_is_learned(kind, base, shape, rng):
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(medtorch.tensor(rng.normal(size=shape)))

    holder = parametrizations.orthogonal(Holder(), "weight", kind, use_trivialization=base)
    optimizer = medtorch.optim.SGD(holder.parameters(), lr=0.1)
    goal = medtorch.tensor(rng.normal(size=shape))
    for _ in range(3):
        found = holder.weight.detach().numpy()
        tall = found if shape[-2] >= shape[-1] else np.swapaxes(found, -1, -2)
        expected = np.broadcast_to(np.eye(tall.shape[-1]), (*shape[:-2], tall.shape[-1], tall.shape[-1]))
        np.testing.assert_allclose(np.swapaxes(tall, -1, -2) @ tall, expected, atol=1e-10)
        optimizer.zero_grad()
        ((holder.weight - goal) ** 2).sum().backward()
        optimizer.step()
    assert np.abs(holder.weight.detach().numpy() - found).max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "base"), [("matrix_exp", True), ("cayley", True), ("householder", True), ("householder", False)]
)
@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (3, 5)])
def test_an_orthogonal_matrix_that_is_assigned_is_kept(kind, base, shape, rng):
    layer = nn.Linear(shape[1], shape[0], bias=False).double()
    parametrizations.orthogonal(layer, "weight", kind, use_trivialization=base)
    q = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))[0]
    q = q if shape[0] >= shape[1] else q.T
    layer.weight = medtorch.tensor(q)
    np.testing.assert_allclose(layer.weight.detach().numpy(), q, atol=1e-12)


def test_impossible_orthogonal_matrices_are_refused():
    with pytest.raises(ArgumentError, match=r"Expected a matrix or batch of matrices\. Got a tensor of 1 dimensions"):
        parametrizations.orthogonal(nn.Linear(2, 2), "bias")
    with pytest.raises(ArgumentError, match=r"orthogonal_map has to be one of .* Got: qr"):
        parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="qr")
    layer = parametrizations.orthogonal(nn.Linear(2, 2), orthogonal_map="cayley", use_trivialization=False)
    with pytest.raises(UnsupportedError, match="not possible to assign to the matrix exponential"):
        layer.weight = medtorch.eye(2)
    with pytest.raises(ShapeError, match=r"of shape \(2, 2\)\. Got a tensor of shape \(3, 3\)"):
        layer.weight = medtorch.eye(3)


# -- the old ones -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "undo", "keys"),
    [
        (nn.utils.weight_norm, nn.utils.remove_weight_norm, ["bias", "weight_g", "weight_v"]),
        (nn.utils.spectral_norm, nn.utils.remove_spectral_norm, ["bias", "weight_orig", "weight_u", "weight_v"]),
    ],
)
def test_an_old_norm_is_put_on_used_and_taken_off(make, undo, keys):
    medtorch.manual_seed(0)
    layer = make(nn.Linear(3, 2).double())
    x = medtorch.ones(1, 3).double()
    layer(x).sum().backward()
    assert sorted(layer.state_dict()) == keys
    twin = make(nn.Linear(3, 2).double()).eval()
    twin.load_state_dict(layer.state_dict())
    expected = layer.eval()(x)
    np.testing.assert_allclose(twin(x).detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    with pytest.raises(ModuleError, match=r"Cannot register two .*_norm hooks on the same parameter weight"):
        make(layer)
    undo(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(layer(x).detach().numpy(), expected.detach().numpy(), rtol=1e-12)
    with pytest.raises(ArgumentError, match="_norm of 'weight' not found in Linear"):
        undo(layer)
    with pytest.raises(ArgumentError, match="can't have uninitialized parameters"):
        make(nn.LazyLinear(2))


def test_a_spectral_norm_saved_without_v_is_read():
    layer = nn.utils.spectral_norm(nn.Linear(3, 2).double())
    for _ in range(60):
        layer(medtorch.ones(1, 3).double())
    layer.eval()
    layer(medtorch.ones(1, 3).double())
    state = layer.state_dict()
    state["weight"] = layer.weight.detach()
    v = state.pop("weight_v")
    state._metadata[""].pop("spectral_norm")
    twin = nn.utils.spectral_norm(nn.Linear(3, 2).double())
    twin.load_state_dict(state)
    np.testing.assert_allclose(twin.weight_v.numpy(), v.numpy(), atol=1e-8)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch tells that its old ones are old
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_torch_reads_the_same_keys_and_gives_the_same(name, needs_torch, rng):
    x = rng.normal(size=(2, 3))
    for where in ("parametrizations", None):
        layers = []
        for library in (medtorch, needs_torch):
            utils = library.nn.utils
            make = getattr(importlib_parametrizations(library) if where else utils, name)
            layers.append(make(library.nn.Linear(3, 2).double()))
        ours, theirs = layers
        state = {k: needs_torch.tensor(v.numpy()) for k, v in ours.state_dict().items()}
        theirs.load_state_dict(state)
        assert repr(ours) == repr(theirs)
        for _ in range(2):
            a, b = ours(medtorch.tensor(x)), theirs(needs_torch.tensor(x))
            np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9)


def importlib_parametrizations(library):
    return __import__(f"{library.__name__}.nn.utils.parametrizations", fromlist=["x"])
