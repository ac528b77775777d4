"""Subclasses of Tensor: their results, their attributes, and the calls that they see."""

from __future__ import annotations

import copy

import pytest

import medtorch
from medtorch import Tensor
from medtorch.core import overrides
from medtorch.errors import ArgumentError

pytestmark = pytest.mark.requirement("REQ-F-CPT-007")


class Plain(Tensor):
    """A subclass that defines nothing."""


class Tagged(Tensor):
    """A tensor that hands a tag on, as MONAI's and torchvision's tensors do."""

    seen: list[str] = []  # noqa: RUF012

    def __new__(cls, data, tag=None):
        return medtorch.as_tensor(data).as_subclass(cls)

    def __init__(self, data, tag=None):
        super().__init__()
        self.tag = tag

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.seen.append(func.__name__)
        found = super().__torch_function__(func, types, args, kwargs)
        if isinstance(found, Tagged):
            found.__dict__ = args[0].__dict__.copy()
        return found


class Mixin:
    """Another base, with attributes of its own."""

    def __init__(self):
        self.extra = 1


class Mixed(Mixin, Tensor):
    """As MONAI's MetaTensor stands in its family."""


def test_results_are_of_the_subclass():
    x = medtorch.ones(2, 3).as_subclass(Plain)
    found = x + 1, x[0], x.sum(), 2 * x, x.mT, x.max(dim=0).values, *x.split(1)
    assert [type(f) for f in found] == [Plain] * len(found)


def test_the_constructor_takes_what_tensors_does():
    assert Plain([1, 2]).tolist() == [1.0, 2.0]
    assert isinstance(Plain(2, 3), Plain)


def test_a_subclass_sees_the_methods_that_are_called_and_nothing_of_their_inside():
    Tagged.seen.clear()
    x = Tagged(medtorch.ones(3), tag="t")
    found = (x * 2)[1:].softmax(0)
    assert Tagged.seen == ["mul", "getitem", "softmax"]
    assert found.tag == "t"


def test_an_operator_from_the_right_is_seen():
    Tagged.seen.clear()
    assert isinstance(2 - Tagged(medtorch.ones(3)), Tagged)
    assert Tagged.seen == ["rsub"]


def test_attributes_can_be_copied_whole_without_the_numbers():
    x = Tagged(medtorch.arange(3.0), tag="t")
    y = Tagged(medtorch.zeros(2))
    y.__dict__ = x.__dict__.copy()
    assert (y.tag, y.tolist()) == ("t", [0.0, 0.0])
    assert x.__dict__ == {"tag": "t"}


def test_a_second_base_leaves_the_attributes_apart_from_the_numbers():
    x = medtorch.ones(2).as_subclass(Mixed)
    Mixin.__init__(x)
    assert vars(x) == {"extra": 1}
    assert (x + 1).tolist() == [2.0, 2.0]


def test_an_attribute_that_is_not_there_is_named():
    x = Tagged(medtorch.ones(1))
    with pytest.raises(AttributeError, match="'Tagged' object has no attribute 'frob'"):
        x.frob  # noqa: B018
    del x.tag
    assert not hasattr(x, "tag")


def test_a_deep_copy_copies_the_attributes():
    x = medtorch.ones(1).as_subclass(Plain)
    x.tag = ["t"]
    y = copy.deepcopy(x)
    y.tag.append("u")
    assert (x.tag, y.tag, type(y)) == (["t"], ["t", "u"], Plain)


def test_gradients_go_through_a_subclass():
    x = medtorch.ones(3).requires_grad_()
    (x.as_subclass(Plain) * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]
    assert type(x.grad) is Tensor


def test_disabled_gives_the_methods_of_tensor():
    x = Tagged(medtorch.ones(3))
    Tagged.seen.clear()
    with overrides.disabled():
        assert type(x + 1) is Tensor
    assert Tagged.seen == []


def test_parameters_and_plain_tensors_give_plain_tensors():
    assert type(medtorch.nn.Parameter(medtorch.ones(2)) + 1) is Tensor
    assert type(Plain([1.0]).as_subclass(Tensor)) is Tensor


def test_a_class_that_is_no_tensor_is_refused():
    with pytest.raises(ArgumentError, match=r"^as_subclass: <class 'int'> is not a subclass of Tensor$"):
        medtorch.ones(1).as_subclass(int)
