"""Small members of Tensor and the constructors of before `medtorch.tensor`."""

from __future__ import annotations

import numpy as np
import pytest

import medtorch
from medtorch import Tensor
from medtorch.errors import ArgumentError, AutogradError, DtypeError, ShapeError, UnsupportedError

pytestmark = pytest.mark.requirement("REQ-F-TEN-005")


def test_the_constructor_takes_sizes_or_numbers():
    assert Tensor().shape == (0,)
    assert Tensor(2, 3).shape == (2, 3)
    assert Tensor(medtorch.Size([4])).shape == (4,)
    assert Tensor([[1, 2]]).tolist() == [[1.0, 2.0]]
    assert Tensor(np.array([1, 2])).dtype is medtorch.float32


def test_the_constructor_shares_a_tensor_of_the_default_dtype():
    x = medtorch.zeros(2)
    Tensor(x)[0] = 5
    assert x.tolist() == [5.0, 0.0]
    with pytest.raises(DtypeError, match=r"^Tensor: takes tensors of float32; use to\(\)$"):
        Tensor(medtorch.zeros(2, dtype=medtorch.int64))
    with pytest.raises(ArgumentError, match=r"^Tensor: takes sizes, or one sequence of numbers, got 2 arguments$"):
        Tensor([1], [2])


def test_types_construct_and_are_asked_for():
    x = medtorch.LongTensor([1, 2])
    assert (x.dtype, x.type(), medtorch.typename(x)) == (medtorch.int64, "torch.LongTensor", "torch.LongTensor")
    assert isinstance(x, medtorch.LongTensor)
    assert not isinstance(x, medtorch.FloatTensor)
    assert medtorch.ByteTensor(2, 2).shape == (2, 2)
    assert x.type("torch.FloatTensor").dtype is medtorch.float32
    assert x.type(medtorch.BoolTensor).tolist() == [True, True]
    with pytest.raises(DtypeError, match=r"^FloatTensor: got a tensor of int64; use to\(float32\)$"):
        medtorch.FloatTensor(x)


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda x: x.unsqueeze_(0), (1, 2, 3, 1)),
        (lambda x: x.squeeze_(), (2, 3)),
        (lambda x: x.transpose_(0, 1), (3, 2, 1)),
        (lambda x: x.squeeze_(-1).t_(), (3, 2)),
    ],
)
def test_a_shape_changes_in_place(change, shape):
    x = medtorch.arange(6.0).reshape(2, 3, 1).clone()
    assert change(x) is x
    assert x.shape == shape


def test_a_gradient_goes_through_a_shape_that_changed_in_place():
    x = medtorch.arange(3.0).requires_grad_()
    y = x * 2
    y.unsqueeze_(0)
    (y * medtorch.tensor([[1.0, 2.0, 3.0]])).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]


def test_a_shape_that_others_look_at_does_not_change():
    x = medtorch.zeros(2, 3)
    part = x[0]
    with pytest.raises(UnsupportedError, match=r"^t_: other tensors share its memory\n  tensor  \(2, 3\)"):
        x.t_()
    assert part.shape == (3,)
    with pytest.raises(AutogradError, match=r"^unsqueeze_: a leaf that requires grad"):
        medtorch.zeros(2).requires_grad_().unsqueeze_(0)


def test_diagonals_are_filled():
    assert medtorch.zeros(2, 3).fill_diagonal_(1).tolist() == [[1, 0, 0], [0, 1, 0]]
    tall = np.zeros((7, 3), np.float32)
    np.fill_diagonal(tall, 5, wrap=True)
    assert medtorch.zeros(7, 3).fill_diagonal_(5, wrap=True).tolist() == tall.tolist()
    assert medtorch.zeros(2, 2, 2).fill_diagonal_(1).sum().item() == 2
    with pytest.raises(ShapeError, match=r"^fill_diagonal_: needs a matrix, or dims of one length"):
        medtorch.zeros(2, 3, 2).fill_diagonal_(1)


def test_questions():
    x = medtorch.zeros(2, 3)
    assert medtorch.is_floating_point(x)
    assert not medtorch.is_complex(x)
    assert medtorch.is_nonzero(medtorch.tensor([3]))
    assert x.is_same_size(medtorch.ones(2, 3))
    assert (x.is_cpu, x.is_sparse, x.is_quantized, x.layout) == (True, False, False, "strided")
    assert medtorch.get_device(x) == -1
    assert x[1:].storage_offset() == 3
    assert medtorch.typename(3) == "int"
    with pytest.raises(ShapeError, match=r"^is_nonzero: only a tensor of one element has a truth"):
        x.is_nonzero()


def test_a_python_function_is_applied_to_every_number():
    assert medtorch.tensor([1.0, 2.0]).apply_(lambda v: v + 1).tolist() == [2.0, 3.0]
    with pytest.raises(UnsupportedError, match=r"^apply_: cannot be differentiated"):
        medtorch.ones(1).requires_grad_().apply_(abs)


def test_new_makes_tensors_of_the_same_dtype():
    x = medtorch.zeros(1, dtype=medtorch.int32)
    assert (x.new(2, 3).shape, x.new([1, 2]).dtype, x.new().shape) == ((2, 3), medtorch.int32, (0,))


def test_comparisons_in_place_keep_the_dtype():
    x = medtorch.tensor([1.0, 2.0])
    assert x.gt_(1).tolist() == [0.0, 1.0]
    assert x.dtype is medtorch.float32


def test_a_list_with_a_slice_in_it_is_a_key_as_a_tuple_is():
    x = medtorch.arange(24).reshape(2, 3, 4)
    assert medtorch.equal(x[[slice(None), 1]], x[:, 1])
    assert medtorch.equal(x[[slice(None), slice(0, 2), 0]], x[:, :2, 0])
    assert x[[0, 1]].shape == (2, 3, 4)
