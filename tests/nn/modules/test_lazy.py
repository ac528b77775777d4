"""A lazy layer is, after its first call or after loading, the layer that knew its channels from the start."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ModuleError, ShapeError, StateDictError, UnsupportedError
from medtorch.nn.modules.lazy import LazyModuleMixin
from medtorch.nn.parameter import is_lazy

pytestmark = pytest.mark.requirement("REQ-F-NN-012")

SPATIAL = {1: (9,), 2: (9, 8), 3: (6, 7, 8)}
CASES = [
    ("LazyLinear", (5,), (4, 6), (6, 5)),
    *((f"LazyConv{d}d", (4, 3), (2, 6, *SPATIAL[d]), (6, 4, 3)) for d in SPATIAL),
    *((f"LazyConvTranspose{d}d", (4, 3), (2, 6, *SPATIAL[d]), (6, 4, 3)) for d in SPATIAL),
    *((f"LazyBatchNorm{d}d", (), (2, 6, *SPATIAL[d]), (6,)) for d in SPATIAL),
    *((f"LazyInstanceNorm{d}d", (), (2, 6, *SPATIAL[d]), (6, 1e-5, 0.1, True, True)) for d in SPATIAL),
]


@pytest.mark.parametrize(("name", "args", "shape", "known"), CASES, ids=[case[0] for case in CASES])
def test_the_first_call_makes_it_the_layer_it_stands_for(name, args, shape, known, rng):
    lazy = getattr(nn, name)(*args).double()
    assert lazy.has_uninitialized_params()
    assert all(is_lazy(p) for p in lazy.parameters())
    x = medtorch.tensor(rng.normal(size=shape))
    first = lazy(x)
    plain = getattr(nn, name.removeprefix("Lazy"))(*known).double()
    assert type(lazy) is type(plain)
    assert {k: tuple(v.shape) for k, v in lazy.state_dict().items()} == {
        k: tuple(v.shape) for k, v in plain.state_dict().items()
    }
    assert all(v.dtype is plain.state_dict()[k].dtype for k, v in lazy.state_dict().items())
    assert repr(lazy) == repr(plain)
    plain.load_state_dict(lazy.state_dict())
    np.testing.assert_allclose(lazy.eval()(x).detach().numpy(), plain.eval()(x).detach().numpy(), rtol=1e-12)
    first.sum().backward()
    assert all(p.grad is not None for p in lazy.parameters())


@pytest.mark.parametrize(("name", "args", "shape", "known"), CASES, ids=[case[0] for case in CASES])
def test_a_loaded_state_gives_the_shapes_too(name, args, shape, known, rng):
    plain = getattr(nn, name.removeprefix("Lazy"))(*known)
    lazy = getattr(nn, name)(*args)
    lazy.load_state_dict(plain.state_dict())
    assert not lazy.has_uninitialized_params()
    x = medtorch.tensor(rng.normal(size=shape).astype(np.float32))
    assert lazy(x).tolist() == plain(x).tolist()
    assert type(lazy) is type(plain)


def test_weights_are_drawn_as_the_known_layers_are():
    medtorch.manual_seed(4)
    known = nn.Linear(6, 5)
    lazy = nn.LazyLinear(5)
    medtorch.manual_seed(4)
    lazy(medtorch.ones(1, 6))
    assert lazy.weight.tolist() == known.weight.tolist()
    assert lazy.bias.tolist() == known.bias.tolist()


def test_a_copy_and_a_state_without_shapes_stay_lazy():
    lazy = nn.Sequential(nn.LazyConv2d(4, 3, bias=False), nn.LazyBatchNorm2d())
    twin = copy.deepcopy(lazy)
    twin.load_state_dict(lazy.state_dict())
    twin(medtorch.ones(1, 2, 5, 5))
    assert twin[0].weight.shape == (4, 2, 3, 3)
    assert is_lazy(lazy[0].weight)
    assert repr(lazy[0].weight) == "<UninitializedParameter>"
    assert lazy.half()[0].weight.data.dtype is medtorch.float16


def test_what_has_no_shape_cannot_be_used():
    lazy = nn.LazyLinear(2)
    with pytest.raises(ModuleError, match="Can't access the shape of an uninitialized parameter or buffer"):
        _ = lazy.weight.shape
    with pytest.raises(ModuleError, match="Can't access the numbers of an uninitialized"):
        lazy.weight * 2
    with pytest.raises(StateDictError, match='"weight": one of both is uninitialized'):
        nn.Linear(3, 2).load_state_dict(lazy.state_dict())


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.LazyConv2d(4, 3)(medtorch.ones(2, 3)), ShapeError, r"Expected 3D \(unbatched\) or 4D \(batched\)"),
        (lambda: nn.LazyConv2d(4, 3, groups=2)(medtorch.ones(1, 3, 5, 5)), ArgumentError, "in_channels must be div"),
        (lambda: nn.LazyConv2d(3, 3, groups=2), ArgumentError, "out_channels must be divisible by groups"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_a_lazy_module_of_ones_own_must_say_how_it_begins():
    class Own(LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.UninitializedParameter()

    class Forgetful(Own):
        def initialize_parameters(self, x):
            self.seen = x.shape

    with pytest.raises(UnsupportedError, match="initialize_parameters is not implemented for Own"):
        Own()(medtorch.ones(1))
    with pytest.raises(ModuleError, match="module Forgetful has not been fully initialized"):
        Forgetful()(medtorch.ones(1))


def test_a_linear_layer_loaded_for_other_features_is_refused():
    lazy = nn.LazyLinear(2)
    lazy.load_state_dict(nn.Linear(3, 2).state_dict())
    with pytest.raises(ShapeError, match=r"inferred from input: 4 is not equal to in_features from self.weight: 3"):
        lazy(medtorch.ones(1, 4))
