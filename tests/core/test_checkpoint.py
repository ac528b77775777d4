"""Checkpoints: the same gradients, fewer tensors kept, the same random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.autograd import grad
from medtorch.autograd.graph import saved_tensors_hooks
from medtorch.errors import ArgumentError, AutogradError, ModifiedError, UnsupportedError
from medtorch.utils.checkpoint import checkpoint, checkpoint_sequential

pytestmark = pytest.mark.requirement("REQ-F-AUT-006")

WEIGHT = medtorch.tensor([0.5, 2.0], dtype=medtorch.float64, requires_grad=True)


def leaf() -> Any:
    return medtorch.tensor([1.0, 2.0], dtype=medtorch.float64, requires_grad=True)


def wavy(x: Any) -> Any:
    return ((x * WEIGHT).sin() * x).exp()


def slopes(function: Any) -> tuple[list[float], list[float]]:
    x = leaf()
    WEIGHT.grad = None
    function(x * 2).sum().backward()
    return x.grad.tolist(), WEIGHT.grad.tolist()


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradients_are_those_of_the_plain_function_bit_for_bit(reentrant: bool) -> None:
    assert slopes(lambda x: checkpoint(wavy, x, use_reentrant=reentrant)) == slopes(wavy)


def test_nothing_said_means_reentrant_as_in_torch() -> None:
    assert checkpoint(wavy, leaf()).grad_fn.name() == "_ReentrantBackward"


def test_gradients_can_be_differentiated_again() -> None:
    x = leaf()
    found = []
    for function in (wavy, lambda v: checkpoint(wavy, v, use_reentrant=False)):
        (first,) = grad(function(x).sum(), x, create_graph=True)
        found.append(grad(first.sum(), x)[0].tolist())
    assert found[0] == found[1]


def test_gradients_of_gradients_through_reentrant_are_refused() -> None:
    x = leaf()
    with pytest.raises(AutogradError, match=r"^checkpoint: gradients of gradients need use_reentrant=False"):
        grad(checkpoint(wavy, x, use_reentrant=True).sum(), x, create_graph=True)


def test_the_graph_can_be_gone_through_twice() -> None:
    x = leaf()
    y = checkpoint(wavy, x, use_reentrant=False).sum()
    assert grad(y, x, retain_graph=True)[0].tolist() == grad(y, x)[0].tolist()


def test_nothing_large_is_kept_between_forward_and_backward() -> None:
    kept: list[int] = []
    x = medtorch.rand(1000, dtype=medtorch.float64).requires_grad_()

    def many(v: Any) -> Any:
        for _ in range(5):
            v = v.sin() * v
        return v

    with saved_tensors_hooks(lambda t: kept.append(t.nbytes) or t, lambda t: t):
        y = many(x)
    assert sum(kept) > 40_000
    calls = []
    z = checkpoint(lambda v: calls.append(1) or many(v), x, use_reentrant=False)
    nodes, stack = set(), [z.grad_fn]
    while stack:
        node = stack.pop()
        if node is None or id(node) in nodes:
            continue
        nodes.add(id(node))
        for saved in (part for parts in (getattr(node, "saved", None) or {}).values() for part in parts):
            assert isinstance(saved._packed, int) if saved._unpack is not None else saved._tensor is x
        stack.extend(edge for edge, _ in node.next_functions)
    (again,) = grad(z.sum(), x)
    assert calls == [1, 1]
    np.testing.assert_array_equal(again.numpy(), grad(y.sum(), x)[0].numpy())


@pytest.mark.parametrize("reentrant", [True, False])
def test_random_numbers_are_drawn_again_alike_and_the_stream_goes_on(reentrant: bool) -> None:
    def noisy(v: Any) -> Any:
        return v * medtorch.rand(2, dtype=medtorch.float64)

    x = leaf()
    medtorch.manual_seed(3)
    y = checkpoint(noisy, x, use_reentrant=reentrant)
    after = medtorch.get_rng_state()
    (dx,) = grad(y.sum(), x)
    np.testing.assert_array_equal(dx.numpy(), (y / x).detach().numpy())
    assert medtorch.equal(medtorch.get_rng_state(), after)


def test_without_preserving_other_random_numbers_are_drawn() -> None:
    x = leaf()
    medtorch.manual_seed(3)
    y = checkpoint(
        lambda v: v * medtorch.rand(2, dtype=medtorch.float64), x, use_reentrant=False, preserve_rng_state=False
    )
    (dx,) = grad(y.sum(), x)
    assert not np.allclose(dx.numpy(), (y / x).detach().numpy())


def test_a_function_that_changes_between_the_runs_is_found_out() -> None:
    runs: list[int] = []

    def fickle(v: Any) -> Any:
        runs.append(1)
        return v.sin() if len(runs) == 1 else v[:1].sin().sum() * v

    x = leaf() * 1
    with pytest.raises(AutogradError, match=r"^checkpoint: saved tensor 0 is another when computed again"):
        checkpoint(fickle, x, use_reentrant=False).sum().backward()


def test_an_argument_changed_in_place_is_found_out() -> None:
    x = leaf() * 1
    y = checkpoint(lambda v: (v * 2).sin(), x, use_reentrant=False)
    x.add_(1)
    with pytest.raises(ModifiedError, match=r"^checkpoint: an argument was changed in place before backward"):
        y.sum().backward()


def test_keyword_arguments_go_along() -> None:
    x = leaf()
    y = checkpoint(lambda v, *, power: v**power, x, power=3, use_reentrant=False)
    np.testing.assert_allclose(grad(y.sum(), x)[0].numpy(), [3.0, 12.0])


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^checkpoint: keyword arguments and context_fn need use_reentrant=False"):
        checkpoint(wavy, leaf(), power=3)
    with pytest.raises(UnsupportedError, match=r"^checkpoint: debug=True"):
        checkpoint(wavy, leaf(), debug=True)
    with pytest.raises(ArgumentError, match=r"^checkpoint: unknown determinism_check 'sometimes'"):
        checkpoint(wavy, leaf(), determinism_check="sometimes")
    with pytest.raises(ArgumentError, match=r"^checkpoint_sequential: 3 segments of 2 functions"):
        checkpoint_sequential([medtorch.sin, medtorch.cos], 3, leaf())


@pytest.mark.parametrize("segments", [1, 2, 3, 5])
@pytest.mark.parametrize("reentrant", [True, False])
def test_a_sequence_in_segments_gives_the_gradients_of_the_sequence(segments: int, reentrant: bool) -> None:
    steps = [medtorch.sin, medtorch.exp, medtorch.cos, medtorch.tanh, medtorch.square]
    x = leaf()
    found = grad(checkpoint_sequential(steps, segments, x, use_reentrant=reentrant).sum(), x)[0]
    np.testing.assert_array_equal(found.numpy(), grad(x.sin().exp().cos().tanh().square().sum(), x)[0].numpy())


def test_checkpoints_may_stand_inside_each_other() -> None:
    def outer(v: Any) -> Any:
        return checkpoint(wavy, v.cos(), use_reentrant=False) * v

    assert slopes(lambda x: checkpoint(outer, x, use_reentrant=False)) == slopes(lambda x: wavy(x.cos()) * x)


def test_without_recording_the_function_just_runs() -> None:
    with medtorch.no_grad():
        assert checkpoint(wavy, leaf(), use_reentrant=False).grad_fn is None
