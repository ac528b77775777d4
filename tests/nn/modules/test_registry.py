"""Members of a module: taken in by assignment, found again by name, once each."""

from __future__ import annotations

import copy

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, ModuleAttributeError, ModuleKeyError, ModuleTypeError

pytestmark = pytest.mark.requirement("REQ-F-NN-001")


def tensor(*shape):
    return medtorch.zeros(*(shape or (2,)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(tensor(3))
        self.register_buffer("seen", tensor(3))
        self.register_buffer("scratch", tensor(3), persistent=False)
        self.inner = nn.Linear(2, 2)
        self.plain = 7


class Tied(nn.Module):
    """A parameter and a module, each under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.second = nn.Linear(2, 2, bias=False)
        self.second.weight = self.first.weight
        self.again = self.first


def test_assignment_puts_each_kind_where_it_belongs():
    block = Block()
    assert list(block._parameters) == ["scale"]
    assert list(block._buffers) == ["seen", "scratch"]
    assert list(block._modules) == ["inner"]
    assert block.__dict__["plain"] == 7


def test_names_are_paths_in_order_of_registration():
    outer = nn.Sequential(Block(), Block())
    assert [name for name, _ in outer.named_parameters()][:3] == ["0.scale", "0.inner.weight", "0.inner.bias"]
    assert [name for name, _ in outer.named_buffers()] == ["0.seen", "0.scratch", "1.seen", "1.scratch"]
    assert [name for name, _ in outer.named_modules()] == ["", "0", "0.inner", "1", "1.inner"]
    assert [name for name, _ in outer.named_children()] == ["0", "1"]
    assert [name for name, _ in outer.named_parameters(prefix="net", recurse=False)] == []
    assert next(outer.named_parameters(prefix="net"))[0] == "net.0.scale"


def test_shared_members_come_once_unless_asked_for_twice():
    tied = Tied()
    assert [name for name, _ in tied.named_parameters()] == ["first.weight"]
    assert [name for name, _ in tied.named_parameters(remove_duplicate=False)] == [
        "first.weight",
        "second.weight",
        "again.weight",
    ]
    assert [name for name, _ in tied.named_modules()] == ["", "first", "second"]
    assert [name for name, _ in tied.named_modules(remove_duplicate=False)] == ["", "first", "second", "again"]
    assert list(tied.state_dict()) == ["first.weight", "second.weight", "again.weight"]


def test_a_deep_copy_shares_nothing_with_the_original_and_keeps_its_own_sharing():
    tied = Tied()
    other = copy.deepcopy(tied)
    assert other.first.weight is other.second.weight
    assert other.again is other.first
    assert isinstance(other.first.weight, nn.Parameter)
    with medtorch.no_grad():
        other.first.weight.fill_(5)
    assert tied.first.weight.detach().numpy().max() < 1


def test_what_is_assigned_anew_takes_the_place_of_what_was_there():
    block = Block()
    block.inner = nn.Identity()
    assert isinstance(block.inner, nn.Identity)
    block.scale = None
    assert list(block.parameters()) == []
    block.plain = nn.Parameter(tensor())
    assert "plain" not in block.__dict__
    assert [name for name, _ in block.named_parameters()] == ["scale", "plain"][1:]
    block.seen = tensor(4)
    assert block.get_buffer("seen").shape == (4,)
    block.inner = nn.Parameter(tensor())
    assert list(block.children()) == []


def test_a_member_can_be_deleted():
    block = Block()
    del block.scale, block.seen, block.scratch, block.inner, block.plain
    assert list(block.state_dict()) == []
    assert block._non_persistent_buffers_set == set()
    with pytest.raises(AttributeError, match="'Block' object has no attribute 'scale'"):
        _ = block.scale
    with pytest.raises(AttributeError):
        del block.scale


def test_a_buffer_class_registers_by_assignment():
    block = nn.Module()
    block.kept = nn.Buffer(tensor())
    block.lost = nn.Buffer(tensor(), persistent=False)
    assert [name for name, _ in block.named_buffers()] == ["kept", "lost"]
    assert list(block.state_dict()) == ["kept"]
    block.lost = tensor(5)
    assert list(block.state_dict()) == ["kept"]


def test_a_parameter_shares_memory_and_wants_gradients():
    data = tensor(2)
    parameter = nn.Parameter(data)
    data.fill_(3)
    assert parameter.tolist() == [3.0, 3.0]
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert not nn.Parameter(data, requires_grad=False).requires_grad
    assert nn.Parameter().shape == (0,)
    assert type(parameter * 2) is medtorch.Tensor
    assert type(parameter.detach()) is medtorch.Tensor


def test_a_parameter_prints_as_one():
    assert repr(nn.Parameter(tensor(2))) == "Parameter containing:\ntensor([0., 0.], requires_grad=True)"


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (lambda b: setattr(b, "scale", 3), ModuleTypeError, "cannot assign 'int' as parameter 'scale'"),
        (lambda b: setattr(b, "scale", tensor()), ModuleTypeError, "cannot assign 'Tensor' as parameter 'scale'"),
        (lambda b: setattr(b, "inner", 3), ModuleTypeError, "cannot assign 'int' as child module 'inner'"),
        (lambda b: setattr(b, "seen", 3), ModuleTypeError, "cannot assign 'int' as buffer 'seen'"),
        (lambda b: b.register_parameter("a.b", None), ModuleKeyError, 'parameter name can\'t contain "."'),
        (lambda b: b.register_parameter("", None), ModuleKeyError, "parameter name can't be empty string"),
        (lambda b: b.register_parameter(3, None), ModuleTypeError, "parameter name should be a string, got int"),
        (lambda b: b.register_parameter("plain", None), ModuleKeyError, "^attribute 'plain' already exists$"),
        (
            lambda b: b.register_parameter("x", tensor()),
            ModuleTypeError,
            "cannot assign 'Tensor' object to parameter 'x'",
        ),
        (lambda b: b.register_buffer("plain", None), ModuleKeyError, "attribute 'plain' already exists"),
        (lambda b: b.register_buffer("x", 3), ModuleTypeError, "cannot assign 'int' object to buffer 'x'"),
        (lambda b: b.add_module("x", 3), ModuleTypeError, "int is not a Module subclass"),
        (lambda b: b.add_module("plain", nn.Identity()), ModuleKeyError, "attribute 'plain' already exists"),
        (lambda b: b.add_module("a.b", nn.Identity()), ModuleKeyError, 'module name can\'t contain "."'),
        (lambda b: b.get_submodule("nothing"), ModuleAttributeError, "Block has no attribute `nothing`"),
        (lambda b: b.get_submodule("plain"), ModuleAttributeError, "`plain` is not an nn.Module"),
        (lambda b: b.get_parameter("seen"), ModuleAttributeError, "`seen` is not an nn.Parameter"),
        (lambda b: b.get_buffer("scale"), ModuleAttributeError, "`scale` is not a buffer"),
        (lambda b: b.get_buffer("inner.x"), ModuleAttributeError, "Linear has no attribute `x`"),
        (lambda b: b.set_submodule("", nn.Identity()), ArgumentError, "without a target name"),
        (lambda b: b.set_submodule("plain", nn.Identity()), ModuleAttributeError, "`plain` is not an nn.Module"),
        (lambda b: b.set_submodule("new", nn.Identity(), strict=True), ModuleAttributeError, "no attribute `new`"),
        (lambda b: b.set_submodule("inner", 3), ArgumentError, "`module` is not an nn.Module"),
    ],
)
def test_what_cannot_be_a_member_is_refused_by_name(change, error, text):
    with pytest.raises(error, match=text):
        change(Block())


def test_a_computed_tensor_cannot_be_a_parameter():
    block = Block()
    made = nn.Parameter(tensor())
    made._set_node((made * 2).grad_fn, 0)
    with pytest.raises(
        ArgumentError, match="cannot assign a computed tensor to parameter 'x': model parameters must be leaves"
    ):
        block.register_parameter("x", made)


@pytest.mark.parametrize("value", [nn.Parameter(tensor()), nn.Identity(), nn.Buffer(tensor())])
def test_members_before_init_are_refused(value):
    class Hasty(nn.Module):
        def __init__(self):
            self.member = value

    with pytest.raises(ModuleAttributeError, match=r"before Module.__init__\(\) call"):
        Hasty()


def test_paths_lead_to_members():
    outer = nn.Sequential(Block())
    assert outer.get_submodule("") is outer
    assert outer.get_submodule("0.inner") is outer[0].inner
    assert outer.get_parameter("0.inner.weight") is outer[0].inner.weight
    assert outer.get_buffer("0.seen") is outer[0].seen
    outer.set_submodule("0.inner", nn.Identity())
    assert isinstance(outer[0].inner, nn.Identity)


def test_dir_lists_members_but_no_numbers():
    names = dir(nn.Sequential(Block()))
    assert "forward" in names
    assert "0" not in names
    assert {"scale", "seen", "inner", "plain"} <= set(dir(Block()))
