"""Pruning sets to zero what matters least, keeps the original, and can be made final."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DimError, ModuleTypeError, ShapeError, UnsupportedError
from medtorch.nn.utils import prune

pytestmark = pytest.mark.requirement("REQ-F-NN-014")

WEIGHT = [[4.0, -1.0, 3.0], [0.5, -6.0, 2.0]]


@pytest.fixture
def layer():
    made = nn.Linear(3, 2)
    with medtorch.no_grad():
        made.weight.copy_(medtorch.tensor(WEIGHT))
    return made


def test_the_smallest_numbers_go_and_the_original_stays(layer):
    original = layer.weight
    prune.l1_unstructured(layer, "weight", 2)
    assert layer.weight.tolist() == [[4, 0, 3], [0, -6, 2]]
    assert layer.weight_orig is original
    assert layer.weight_orig.tolist() == WEIGHT
    assert sorted(layer.state_dict()) == ["bias", "weight_mask", "weight_orig"]
    layer(medtorch.ones(1, 3)).sum().backward()
    assert original.grad.tolist() == [[1, 0, 1], [0, 1, 1]]


def test_a_share_is_rounded_to_a_count(layer):
    prune.l1_unstructured(layer, "weight", 0.5)
    assert (layer.weight == 0).sum().item() == 3


def test_scores_may_say_what_matters(layer):
    prune.l1_unstructured(layer, "weight", 1, importance_scores=medtorch.tensor([[9.0, 9, 9], [9, 0, 9]]))
    assert layer.weight_mask.tolist() == [[1, 1, 1], [1, 0, 1]]


def test_the_next_pruning_counts_what_is_left(layer):
    prune.l1_unstructured(layer, "weight", 2)
    prune.l1_unstructured(layer, "weight", 2)
    assert layer.weight.tolist() == [[4, 0, 0], [0, -6, 0]]
    prune.ln_structured(layer, "weight", 1, n=2, dim=1)
    assert layer.weight.tolist() == [[0, 0, 0], [0, -6, 0]]
    hooks = list(layer._forward_pre_hooks.values())
    assert len(hooks) == 1
    assert [type(m).__name__ for m in hooks[0].function] == ["L1Unstructured", "L1Unstructured", "LnStructured"]
    assert len(hooks[0].function) == 3
    assert isinstance(hooks[0].function[2], prune.LnStructured)


@pytest.mark.parametrize(("n", "expected"), [(1, [[0, -1, 3], [0, -6, 2]]), (float("inf"), [[4, -1, 0], [0.5, -6, 0]])])
def test_slices_of_the_least_norm_go(layer, n, expected):
    prune.ln_structured(layer, "weight", 1, n=n, dim=-1)
    assert layer.weight.tolist() == expected


def test_random_pruning_cuts_as_many_as_asked_for(layer):
    medtorch.manual_seed(0)
    prune.random_unstructured(layer, "weight", 4)
    assert (layer.weight_mask == 0).sum().item() == 4
    other = nn.Conv2d(3, 6, 2)
    prune.random_structured(other, "weight", 0.5, dim=0)
    assert (other.weight_mask.flatten(1).sum(1) == 0).sum().item() == 3
    assert set(other.weight_mask.flatten(1).sum(1).tolist()) == {0.0, 12.0}


def test_identity_and_a_mask_of_ones_own(layer):
    prune.identity(layer, "bias")
    assert layer.bias_mask.tolist() == [1, 1]
    prune.custom_from_mask(layer, "weight", medtorch.tensor([[1, 0, 1], [0, 1, 1]]))
    assert layer.weight.tolist() == [[4, 0, 3], [0, -6, 2]]
    assert prune.is_pruned(nn.Sequential(layer))


def test_several_layers_are_pruned_as_one_vector(layer):
    other = nn.Linear(2, 1)
    with medtorch.no_grad():
        other.weight.copy_(medtorch.tensor([[0.1, 5.0]]))
    prune.global_unstructured([(layer, "weight"), (other, "weight")], prune.L1Unstructured, amount=3)
    assert layer.weight.tolist() == [[4, 0, 3], [0, -6, 2]]
    assert other.weight.tolist() == [[0, 5]]


def test_removing_makes_it_final_in_the_same_parameter(layer):
    original = layer.weight
    prune.l1_unstructured(layer, "weight", 2)
    assert prune.is_pruned(layer)
    prune.remove(layer, "weight")
    assert layer.weight is original
    assert layer.weight.tolist() == [[4, 0, 3], [0, -6, 2]]
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert not prune.is_pruned(layer)
    with pytest.raises(ArgumentError, match=r"Parameter 'weight' of module .* has to be pruned before"):
        prune.remove(layer, "weight")


def test_the_mask_follows_the_original_as_it_is_learned(layer):
    prune.l1_unstructured(layer, "weight", 2)
    with medtorch.no_grad():
        layer.weight_orig.fill_(1.0)
    layer(medtorch.ones(1, 3))
    assert layer.weight.tolist() == [[1, 0, 1], [0, 1, 1]]


def test_a_tensor_is_pruned_without_a_module():
    method = prune.L1Unstructured(amount=1)
    assert method.prune(medtorch.tensor([3.0, -1.0, 2.0])).tolist() == [3, 0, 2]


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda x: prune.l1_unstructured(x, "weight", "half"), ModuleTypeError, "Invalid type for amount: half"),
        (lambda x: prune.l1_unstructured(x, "weight", 1.5), ArgumentError, r"amount=1\.5 should either be a float in"),
        (lambda x: prune.l1_unstructured(x, "weight", 7), ArgumentError, "amount=7 should be smaller than .*=6"),
        (lambda x: prune.ln_structured(x, "bias", 1, 2, 0), ShapeError, "only be applied to multidimensional tensors"),
        (
            lambda x: prune.random_structured(x, "weight", 1, 2),
            DimError,
            r"Invalid index 2 for tensor of size \(2, 3\)",
        ),
        (
            lambda x: prune.custom_from_mask(x, "weight", medtorch.ones(2)),
            ShapeError,
            "mask must have the tensor's shape",
        ),
        (
            lambda x: prune.l1_unstructured(x, "weight", 1, importance_scores=medtorch.ones(1)),
            ShapeError,
            "importance_scores should have the same shape",
        ),
        (
            lambda x: prune.global_unstructured([(x, "weight")], prune.LnStructured, amount=1, n=2),
            ModuleTypeError,
            "Only 'unstructured' PRUNING_TYPE supported",
        ),
        (lambda x: prune.global_unstructured([], prune.L1Unstructured, amount=1), ArgumentError, "got no parameters"),
        (lambda x: prune.PruningContainer("x"), ModuleTypeError, "is not a BasePruningMethod subclass"),
        (
            lambda x: prune.BasePruningMethod.apply(x, "weight"),
            UnsupportedError,
            "BasePruningMethod has no compute_mask",
        ),
    ],
)
def test_what_cannot_be_pruned_is_refused(layer, make, error, text):
    with pytest.raises(error, match=text):
        make(layer)


def test_torch_prunes_the_same(needs_torch, rng):
    weight, found = rng.normal(size=(5, 6)), []
    reference = __import__("torch.nn.utils.prune", fromlist=["x"])
    for library, tools in ((medtorch, prune), (needs_torch, reference)):
        made = library.nn.Linear(6, 5).double()
        with library.no_grad():
            made.weight.copy_(library.tensor(weight))
        tools.ln_structured(made, "weight", 0.4, n=2, dim=0)
        tools.l1_unstructured(made, "weight", 0.3)
        tools.ln_structured(made, "weight", 1, n=1, dim=1)
        found.append((made.weight.detach().numpy(), sorted(made.state_dict())))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
