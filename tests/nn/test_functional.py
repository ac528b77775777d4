"""nn.functional: torch's names and arguments; in place where asked.

Oracle    PyTorch's own signatures, recorded from 2.13; hand-written numbers
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.errors import AutogradError
from medtorch.nn import functional as F

pytestmark = pytest.mark.requirement("REQ-F-OPS-115")

INPLACE: list[tuple[Any, tuple[Any, ...]]] = [
    (F.relu, ()),
    (F.relu6, ()),
    (F.leaky_relu, (0.2,)),
    (F.elu, (1.3,)),
    (F.celu, (0.7,)),
    (F.selu, ()),
    (F.silu, ()),
    (F.mish, ()),
    (F.hardswish, ()),
    (F.hardsigmoid, ()),
    (F.hardtanh, (-0.5, 0.5)),
    (F.threshold, (0.1, -2.0)),
    (F.rrelu, (0.1, 0.3)),
]


@pytest.mark.parametrize(("function", "args"), INPLACE, ids=lambda v: getattr(v, "__name__", None))
def test_in_place_writes_over_the_input_and_has_the_same_gradient(
    function: Any, args: tuple[Any, ...], rng: np.random.Generator
) -> None:
    values, weight = rng.normal(size=(3, 4)), medtorch.from_numpy(rng.normal(size=(3, 4)))
    leaf = medtorch.from_numpy(values).requires_grad_()
    expected = function(leaf, *args)
    (wanted,) = medtorch.autograd.grad((expected * weight).sum(), leaf)
    written = leaf * 1.0
    found = function(written, *args, inplace=True)
    assert found is written
    np.testing.assert_array_equal(written.detach().numpy(), expected.detach().numpy())
    (grad,) = medtorch.autograd.grad((written * weight).sum(), leaf)
    np.testing.assert_allclose(grad.numpy(), wanted.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("function", "plain"),
    [
        (F.relu_, F.relu),
        (F.leaky_relu_, F.leaky_relu),
        (F.elu_, F.elu),
        (F.celu_, F.celu),
        (F.selu_, F.selu),
        (F.hardtanh_, F.hardtanh),
        (F.rrelu_, F.rrelu),
        (lambda x: F.threshold_(x, 0.5, 2.0), lambda x: F.threshold(x, 0.5, 2.0)),
    ],
)
def test_names_with_an_underscore_write_over_the_input(function: Any, plain: Any) -> None:
    x = medtorch.tensor([-2.0, -0.5, 0.7, 3.0])
    expected = plain(x).tolist()
    assert function(x) is x
    assert x.tolist() == expected


@pytest.mark.parametrize(
    "function", [F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout]
)
def test_dropout_in_place_writes_what_it_would_have_returned(function: Any) -> None:
    shape = {"dropout2d": (2, 3, 4, 4), "dropout3d": (2, 3, 2, 2, 2)}.get(function.__name__, (2, 3, 4))
    x = medtorch.ones(*shape)
    medtorch.manual_seed(3)
    expected = function(x, 0.5, True)
    medtorch.manual_seed(3)
    assert function(x, 0.5, True, True) is x
    np.testing.assert_array_equal(x.numpy(), expected.numpy())


def test_a_leaf_that_requires_grad_is_not_written_over() -> None:
    with pytest.raises(AutogradError, match=r"^silu_: a leaf that requires grad cannot be changed in place"):
        F.silu(medtorch.ones(2, requires_grad=True), inplace=True)


# Arguments that medtorch does not have and why: torch keeps them for other reasons than computing.
INTERNAL = {"_stacklevel", "out"}


@pytest.mark.needs("torch")
def test_arguments_have_pytorchs_names_order_and_defaults(needs_torch: ModuleType) -> None:
    peers = needs_torch.nn.functional
    compared = 0
    for name in F.__all__:
        peer = getattr(peers, name)
        if not inspect.isfunction(peer):
            continue
        wanted = {k: p for k, p in inspect.signature(peer).parameters.items() if k not in INTERNAL}
        if set(wanted) <= {"args", "kwargs"}:  # one name for several signatures: the pools with indices
            wanted = dict(inspect.signature(getattr(peers, name + "_with_indices")).parameters)
        own = inspect.signature(getattr(F, name)).parameters
        ours = [k for k in own if k != "generator"]
        assert ours == list(wanted), name
        for key in ours:
            assert own[key].default == wanted[key].default, f"{name}({key})"
        compared += 1
    assert compared > 50


def test_everything_that_is_promised_is_there() -> None:
    assert sorted(set(F.__all__)) == list(F.__all__)
    assert all(callable(getattr(F, name)) for name in F.__all__)


@pytest.mark.requirement("REQ-F-OPS-115")
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_adaptive_pools_with_indices_give_them_always(dims, rng):
    x = medtorch.tensor(rng.normal(size=(1, 2, *[7] * dims)))
    plain = getattr(F, f"adaptive_max_pool{dims}d")(x, 3, return_indices=True)
    found = getattr(F, f"adaptive_max_pool{dims}d_with_indices")(x, 3)
    assert [part.tolist() for part in found] == [part.tolist() for part in plain]


@pytest.mark.requirement("REQ-F-OPS-115")
def test_conv_tbc_is_a_convolution_along_the_first_dim(rng):
    x, w, b = rng.normal(size=(6, 2, 3)), rng.normal(size=(2, 3, 4)), rng.normal(size=4)
    padded = np.pad(x, ((1, 1), (0, 0), (0, 0)))
    expected = [sum(padded[t + k] @ w[k] for k in range(2)) + b for t in range(7)]
    found = F.conv_tbc(*(medtorch.tensor(v) for v in (x, w, b)), pad=1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@pytest.mark.requirement("REQ-F-NN-007")
def test_the_loss_of_before_0_4_warns_and_is_nll_loss():
    with pytest.warns(FutureWarning, match="NLLLoss2d has been deprecated"):
        loss = medtorch.nn.NLLLoss2d(ignore_index=1)
    assert isinstance(loss, medtorch.nn.NLLLoss)
    assert loss.ignore_index == 1
