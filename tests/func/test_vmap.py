"""vmap: every op of the catalogue on batches against a loop over the samples, and what vmap promises beyond that."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.errors import ArgumentError, DimError, MedtorchError, UnsupportedError
from medtorch.func import grad, vmap
from tests.core.ops.catalogue import OpRow, Sample, _leaves, has_floats, tensors_out
from tests.core.ops.test_catalogue import ROWS

pytestmark = pytest.mark.requirement("REQ-F-AUT-011")


def _batched(row: OpRow, sample: Sample) -> tuple[list[Any], list[Any]]:
    """The row's outputs on three samples at once, and one by one."""
    points, filled = _leaves(sample)
    many = [medtorch.stack([p, p * 0.97, p * 1.02]) for p in points]

    def function(*values: Any) -> Any:
        args, kwargs = filled(values)
        return tuple(tensors_out(row.function(*args, **kwargs)))

    singles = [function(*(m[i] for m in many)) for i in range(3)]
    expected = [medtorch.stack([single[nr] for single in singles]) for nr in range(len(singles[0]))]
    return list(vmap(function)(*many)), expected


@pytest.mark.parametrize("row", [r for r in ROWS if any(has_floats(s) for s in r.drawn())], ids=lambda row: row.name)
def test_a_batch_gives_what_its_samples_give(row: OpRow) -> None:
    for sample in [s for s in row.drawn() if has_floats(s)][:6]:
        try:
            found, expected = _batched(row, sample)
        except MedtorchError as refused:
            said = isinstance(refused, UnsupportedError) and str(refused).startswith("vmap: ")
            if not said and ("vmap" in str(refused) or isinstance(refused, UnsupportedError)):
                raise
            continue  # the sample is not one to be scaled: an index, a matrix that has to stay positive definite
        for a, b in zip(found, expected, strict=True):
            assert a.dtype is b.dtype, f"{row.name}{sample}"
            np.testing.assert_allclose(
                a.numpy(force=True), b.numpy(force=True), rtol=1e-9, atol=1e-9, err_msg=f"{row.name}{sample}"
            )


def test_dims_go_in_and_out_where_they_are_told() -> None:
    x, w = medtorch.arange(6.0).reshape(2, 3), medtorch.arange(4.0).reshape(2, 2)
    found = vmap(lambda a, b: b @ a, in_dims=(1, None), out_dims=1)(x, w)
    np.testing.assert_array_equal(found.numpy(), w.numpy() @ x.numpy())
    tree = vmap(lambda d: {"sum": d["a"] + d["b"][0], "b": d["b"][1]}, in_dims=({"a": 0, "b": (None, 0)},))(
        {"a": medtorch.ones(3), "b": (medtorch.tensor(2.0), medtorch.arange(3))}
    )
    assert (tree["sum"].tolist(), tree["b"].tolist()) == ([3.0, 3.0, 3.0], [0, 1, 2])


def test_nested_batches_are_an_outer_product() -> None:
    x, y = medtorch.arange(3.0), medtorch.arange(4.0)
    outer = vmap(vmap(lambda a, b: a * b, in_dims=(None, 0)), in_dims=(0, None))(x, y)
    np.testing.assert_array_equal(outer.numpy(), np.outer(x.numpy(), y.numpy()))


def test_gradients_of_samples_are_the_rows_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    w, x = medtorch.from_numpy(rng.normal(size=(3, 3))), medtorch.from_numpy(rng.normal(size=(5, 3)))

    def loss(weight: Any, sample: Any) -> Any:
        return (weight @ sample).sin().sum()

    found = vmap(grad(loss), in_dims=(None, 0))(w, x)
    expected = np.cos(x.numpy() @ w.numpy().T)[:, :, None] * x.numpy()[:, None, :]
    np.testing.assert_allclose(found.numpy(), expected)


def test_a_parameter_outside_gets_the_sum_of_all_samples_gradients() -> None:
    rng = np.random.default_rng(1)
    w = medtorch.from_numpy(rng.normal(size=(3, 3))).requires_grad_()
    x = medtorch.from_numpy(rng.normal(size=(5, 3)))
    vmap(lambda sample: (w @ sample).sin().sum())(x).sum().backward()
    wx = x.numpy() @ w.detach().numpy().T
    np.testing.assert_allclose(w.grad.numpy(), np.cos(wx).T @ x.numpy())


def test_a_change_in_place_stays_in_its_sample() -> None:
    found = vmap(lambda a: a.clone().mul_(2).add_(a))(medtorch.arange(3.0))
    assert found.tolist() == [0.0, 3.0, 6.0]


def test_chunks_change_nothing() -> None:
    x = medtorch.arange(10.0).reshape(5, 2)
    whole, parts = vmap(lambda a: a.sum() * a, out_dims=1)(x), vmap(lambda a: a.sum() * a, out_dims=1, chunk_size=2)(x)
    np.testing.assert_array_equal(whole.numpy(), parts.numpy())


def test_random_numbers_follow_the_word_given() -> None:
    x = medtorch.zeros(4, 3)
    with pytest.raises(UnsupportedError, match=r'^vmap: random numbers need randomness="same" or "different"'):
        vmap(lambda a: a + medtorch.rand(3))(x)
    same = vmap(lambda a: a + medtorch.rand(3), randomness="same")(x)
    different = vmap(lambda a: a + medtorch.rand(3), randomness="different")(x)
    assert bool((same == same[0]).all())
    assert len({tuple(row) for row in different.tolist()}) == 4
    dropped = vmap(lambda a: medtorch.nn.functional.dropout(a + 1, 0.5), randomness="different")(medtorch.zeros(4, 64))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert len({tuple(row) for row in dropped.tolist()}) == 4


def test_numbers_cannot_steer_python_inside() -> None:
    x = medtorch.tensor([1.0, -1.0])
    with pytest.raises(UnsupportedError, match=r"^vmap: item\(\) of a batched tensor is not supported"):
        vmap(lambda a: a if a > 0 else -a)(x)
    with pytest.raises(UnsupportedError, match=r"^vmap: nonzero gives a shape that depends on the numbers"):
        vmap(lambda a: a.nonzero())(medtorch.tensor([[1.0, 0.0], [1.0, 2.0]]))
    with pytest.raises(UnsupportedError, match=r"^vmap: the numbers of a batched tensor cannot leave it"):
        vmap(lambda a: medtorch.zeros(2).copy_(a))(medtorch.ones(3, 2))


def test_what_does_not_fit_is_refused_by_name() -> None:
    x = medtorch.ones(2, 3)
    with pytest.raises(DimError, match=r"^vmap: in_dims gives dim 2 for a tensor of shape \(2, 3\)"):
        vmap(lambda a: a, in_dims=2)(x)
    with pytest.raises(ArgumentError, match=r"^vmap: the arguments differ in size along in_dims: \[2, 3\]"):
        vmap(lambda a, b: a, in_dims=(0, 1))(x, x)
    with pytest.raises(ArgumentError, match=r"^vmap: the arguments need at least one dim that is not None"):
        vmap(lambda a: a, in_dims=None)(x)
    with pytest.raises(ArgumentError, match=r"^vmap: the function must return tensors, returned int"):
        vmap(lambda a: 3)(x)
    with pytest.raises(ArgumentError, match=r"^vmap: out_dims=None is for outputs that are the same"):
        vmap(lambda a: a, out_dims=None)(x)
    with pytest.raises(ArgumentError, match=r"^vmap: randomness must be one of error, same, different"):
        vmap(lambda a: a, randomness="other")
