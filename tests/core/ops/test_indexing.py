"""Indexing beyond single calls: what shares memory, what the tape knows after an assignment, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import medtorch
from medtorch.errors import AutogradError, DimError, ModifiedError, ShapeError

pytestmark = pytest.mark.requirement("REQ-F-OPS-003")

KEYS = [
    0,
    -1,
    slice(None, None, 2),
    (slice(None), 1),
    (Ellipsis, 0),
    None,
    (0, slice(1, None), None),
    (slice(None), slice(0, 2), 3),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_basic_keys_give_views_of_the_same_memory(key: Any) -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    x = medtorch.from_numpy(array)
    part = x[key]
    part.fill_(-1)
    expected = np.arange(24.0).reshape(2, 3, 4)
    expected[key] = -1
    np.testing.assert_array_equal(array, expected)
    assert part._version == x._version == 1


@pytest.mark.parametrize("key", [[0], (slice(None), [True, False, True]), [[0, 1], [1, 0]]], ids=str)
def test_advanced_keys_give_copies(key: Any) -> None:
    x = medtorch.zeros(2, 3)
    x[key].fill_(1)
    assert x.sum().item() == 0


def test_every_numpy_key_gives_numpys_numbers(rng: np.random.Generator) -> None:
    array = rng.normal(size=(3, 4, 5, 2))
    choices: list[Any] = [
        slice(None),
        slice(1, 3),
        slice(None, None, 2),
        np.array([0, 2, 1]),
        np.array([1, 0, 2]),
        np.array([[0], [1]]),
    ]
    for _ in range(200):
        key = tuple(choices[i] for i in rng.integers(len(choices), size=rng.integers(1, 5)))
        tensors = tuple(medtorch.from_numpy(k) if isinstance(k, np.ndarray) else k for k in key)
        limits = [max((int(np.max(k)) if isinstance(k, np.ndarray) else 0) for k in key)]
        if limits[0] >= min(array.shape[: len(key)]):
            continue
        np.testing.assert_array_equal(medtorch.from_numpy(array)[tensors].numpy(), array[key])


def test_an_int_beside_index_tensors_is_followed_first_unlike_in_numpy() -> None:
    x = medtorch.from_numpy(np.arange(24).reshape(2, 3, 4))
    assert x[0, :, medtorch.tensor([0, 1, 3])].shape == (3, 3)  # NumPy brings the indexed dim to the front
    np.testing.assert_array_equal(x[0, :, medtorch.tensor([0, 3])].numpy(), x.numpy()[0][:, [0, 3]])


def test_assignment_through_views_reaches_the_tape() -> None:
    x = medtorch.ones(2, 3, dtype=medtorch.float64, requires_grad=True)
    v = medtorch.tensor([2.0, 5.0], dtype=medtorch.float64, requires_grad=True)
    y = x * 3
    y[0][1:] = v * v
    y[1, [0, 2]] *= 10
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [[18, 0, 0], [1800, 18, 1800]])
    np.testing.assert_allclose(v.grad.numpy(), [4 * 2.0**3, 4 * 5.0**3])


def test_a_value_that_requires_grad_brings_its_history_into_a_plain_tensor() -> None:
    x, v = medtorch.zeros(3), medtorch.ones(2, requires_grad=True)
    x[1:] = v * 4
    assert x.requires_grad
    x.sum().backward()
    assert v.grad.tolist() == [4.0, 4.0]


def test_a_value_overwritten_before_backward_is_noticed() -> None:
    x = medtorch.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y[0] = 5
    with pytest.raises(ModifiedError, match=r"^MulBackward0: a tensor saved for backward was changed in place"):
        z.sum().backward()


def test_leaves_are_not_assigned_to_while_recording() -> None:
    x = medtorch.ones(3, requires_grad=True)
    with pytest.raises(
        AutogradError, match=r"^setitem: a view of a leaf that requires grad cannot be changed in place"
    ):
        x[0] = 1
    with pytest.raises(AutogradError, match=r"^setitem: a leaf that requires grad cannot be changed in place"):
        x[[0]] = 1
    with medtorch.no_grad():
        x[0] = 7
    assert x.tolist() == [7.0, 1.0, 1.0]


def test_values_are_stretched_cast_and_checked() -> None:
    x = medtorch.zeros(2, 3, dtype=medtorch.int64)
    x[0] = 2.9
    x[:, 0] = medtorch.tensor([[7], [8]]).reshape(1, 1, 2)
    assert x.tolist() == [[7, 2, 2], [8, 0, 0]]
    x[x > 5] = -1
    assert x.tolist() == [[-1, 2, 2], [-1, 0, 0]]
    with pytest.raises(ShapeError, match=r"^copy_: the value does not stretch to the tensor's shape\n  tensor"):
        x[0] = medtorch.zeros(2, dtype=medtorch.int64)


def test_gathers_gradient_adds_up_what_was_read_twice() -> None:
    x = medtorch.zeros(3, requires_grad=True)
    x[[0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 1.0]


def test_index_put_accumulates_where_asked() -> None:
    x = medtorch.zeros(3)
    index = (medtorch.tensor([0, 0, 2]),)
    assert x.index_put(index, medtorch.ones(3)).tolist() == [1.0, 0.0, 1.0]
    assert x.index_put_(index, medtorch.ones(3), accumulate=True).tolist() == [2.0, 0.0, 1.0]


def test_adding_twice_in_one_place_is_exact_in_sixteen_bits_and_wraps_in_small_whole_numbers() -> None:
    index = medtorch.zeros(1000, dtype=medtorch.int64)
    half = medtorch.zeros(1, dtype=medtorch.float16).index_add(
        0, index, medtorch.full((1000,), 0.1, dtype=medtorch.float16)
    )
    assert half.item() == pytest.approx(1000 * float(np.float16(0.1)), rel=1e-3)
    bytes_ = medtorch.zeros(1, dtype=medtorch.uint8).index_add(0, index, medtorch.ones(1000, dtype=medtorch.uint8))
    assert bytes_.item() == 1000 % 256


def test_an_index_out_of_range_is_an_index_error() -> None:
    with pytest.raises(DimError, match=r"^indexing: index -4 is out of range for dim 0 of size 3"):
        medtorch.zeros(3)[medtorch.tensor([-4])]
    assert issubclass(DimError, IndexError)


def test_iteration_and_unpacking_follow_the_first_dim() -> None:
    a, b = medtorch.tensor([[1, 2], [3, 4]])
    assert (a.tolist(), b.tolist()) == ([1, 2], [3, 4])
    with pytest.raises(TypeError, match=r"^iteration over a 0-d tensor"):
        iter(medtorch.tensor(1))
