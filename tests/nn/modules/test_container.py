"""Modules and parameters in rows and by name."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ArgumentError, DimError, ModuleTypeError

pytestmark = pytest.mark.requirement("REQ-F-NN-004")


class Add(nn.Module):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, x):
        return f"{x}{self.number}"

    def extra_repr(self):
        return str(self.number)


def row(kind, *numbers):
    modules = [Add(number) for number in numbers]
    return kind(*modules) if kind is nn.Sequential else kind(modules)


def numbers(modules):
    return [module.number for module in modules]


def test_sequential_calls_one_after_the_other():
    assert row(nn.Sequential, 1, 2, 3)("x") == "x123"
    named = nn.Sequential(OrderedDict(first=Add(1), second=Add(2)))
    assert named("x") == "x12"
    assert list(named._modules) == ["first", "second"]
    assert named.first is named[0]
    assert list(named[1:]._modules) == ["second"]


@pytest.mark.parametrize("kind", [nn.Sequential, nn.ModuleList])
def test_a_row_is_a_list(kind):
    modules = row(kind, 1, 2, 3)
    assert len(modules) == 3
    assert modules[-1].number == 3
    assert numbers(modules[1:]) == [2, 3]
    assert isinstance(modules[1:], kind)
    modules[0] = Add(9)
    assert numbers(modules) == [9, 2, 3]
    del modules[1]
    assert numbers(modules) == [9, 3]
    assert list(modules._modules) == ["0", "1"]
    modules.append(Add(4)).extend([Add(5), Add(6)])
    modules.insert(1, Add(7))
    assert numbers(modules) == [9, 7, 3, 4, 5, 6]
    assert modules.pop(0).number == 9
    del modules[1:3]
    assert numbers(modules) == [7, 5, 6]
    modules += row(kind, 1)
    assert numbers(modules + row(kind, 2)) == [7, 5, 6, 1, 2]
    assert list(modules._modules) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("kind", [nn.Sequential, nn.ModuleList])
def test_a_place_out_of_range_is_refused(kind):
    modules = row(kind, 1)
    for act in (
        lambda: modules[1],
        lambda: modules[-2],
        lambda: modules.__delitem__(3),
        lambda: modules.__setitem__(1, Add(1)),
    ):
        with pytest.raises(DimError, match="is out of range"):
            act()


def test_sequential_times_a_number_repeats_the_same_modules():
    modules = row(nn.Sequential, 1, 2)
    assert numbers(modules * 2) == [1, 2, 1, 2]
    assert (2 * modules)[2] is modules[0]
    modules *= 3
    assert numbers(modules) == [1, 2] * 3
    with pytest.raises(ArgumentError, match="Non-positive multiplication factor 0"):
        _ = modules * 0
    with pytest.raises(ModuleTypeError, match="unsupported operand type"):
        _ = modules * 1.5
    with pytest.raises(ArgumentError, match="only objects of Sequential class, but int is given"):
        _ = modules + 1
    with pytest.raises(DimError, match="Index out of range: 9"):
        modules.insert(9, Add(1))


def test_what_is_no_module_cannot_be_in_a_row():
    with pytest.raises(ModuleTypeError, match="int is not a Module subclass"):
        nn.Sequential(3)
    with pytest.raises(ModuleTypeError, match=r"ModuleList.insert: expected a Module, got int"):
        nn.ModuleList().insert(0, 3)
    with pytest.raises(ModuleTypeError, match=r"ModuleList.extend should be called with an iterable, but got int"):
        nn.ModuleList(3)


def test_equal_neighbours_in_a_list_print_once():
    text = "ModuleList(\n  (0-1): 2 x Add(1)\n  (2): Add(2)\n)"
    assert repr(row(nn.ModuleList, 1, 1, 2)) == text
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_a_dict_of_modules_is_a_dict():
    modules = nn.ModuleDict({"a": Add(1)})
    modules["b"] = Add(2)
    modules.update([("c", Add(3)), ["a", Add(9)]])
    modules.update(nn.ModuleDict({"d": Add(4)}))
    assert list(modules) == list(modules.keys()) == ["a", "b", "c", "d"]
    assert numbers(modules.values()) == [9, 2, 3, 4]
    assert dict(modules.items())["c"].number == 3
    assert "b" in modules
    assert len(modules) == 4
    assert modules.pop("b").number == 2
    del modules["c"]
    assert list(modules) == ["a", "d"]
    modules.clear()
    assert len(modules) == 0


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (3, ModuleTypeError, r"ModuleDict.update should be called with an iterable of key/value pairs, but got int"),
        ([3], ModuleTypeError, "ModuleDict update sequence element #0 should be Iterable; is int"),
        ([("a", Add(1), 3)], ArgumentError, "ModuleDict update sequence element #0 has length 3; 2 is required"),
    ],
)
def test_what_is_no_pair_is_refused(source, error, text):
    with pytest.raises(error, match=text):
        nn.ModuleDict(source)


def test_a_list_of_parameters_makes_parameters_of_tensors():
    listed = nn.ParameterList([medtorch.zeros(2), nn.Parameter(medtorch.ones(1)), "note"])
    assert [type(value).__name__ for value in listed] == ["Parameter", "Parameter", "str"]
    assert list(listed.state_dict()) == ["0", "1"]
    listed[0] = medtorch.ones(3)
    assert listed[0].shape == (3,)
    listed.append(medtorch.zeros(1))
    listed += [medtorch.zeros(1)]
    assert len(listed) == 5
    assert [p.shape[0] for p in listed[3:]] == [1, 1]
    with pytest.raises(DimError, match="index 7 is out of range"):
        listed[7]
    with pytest.raises(
        ModuleTypeError, match=r"ParameterList.extend should be called with an iterable, but got Tensor"
    ):
        listed.extend(medtorch.zeros(3))


def test_a_dict_of_parameters_is_a_dict():
    named = nn.ParameterDict({"a": medtorch.zeros(1)})
    named["b"] = medtorch.ones(2)
    named.update({"c": nn.Parameter(medtorch.zeros(3))})
    assert list(named) == ["a", "b", "c"]
    assert list(reversed(named)) == ["c", "b", "a"]
    assert list(named.state_dict()) == ["a", "b", "c"]
    assert named.get("x", 5) == 5
    assert named.setdefault("d", medtorch.zeros(4)).shape == (4,)
    assert named.pop("a").shape == (1,)
    assert named.popitem()[0] == "d"
    other = named | nn.ParameterDict({"e": medtorch.zeros(5)})
    assert list(other.keys()) == ["b", "c", "e"]
    assert other["b"] is named["b"]
    named |= other
    assert len(named) == 3
    assert [value.shape[0] for value in named.values()] == [2, 3, 5]
    assert dict(named.items())["e"].shape == (5,)
    assert list(named.fromkeys(["x", "y"], 1)) == ["x", "y"]
    named.clear()
    assert "b" not in named
    with pytest.raises(ModuleTypeError, match="as it is not a string"):
        named[3] = medtorch.zeros(1)
    with pytest.raises(ModuleTypeError, match="ParameterDict should not be called"):
        named(3)


def test_lists_and_dicts_of_parameters_print_their_sizes():
    values = [medtorch.zeros(2, 3), "note"]
    lines = "Parameter containing: [medtorch.float32 of size 2x3]\n    ({}): Object of type: str\n)"
    assert repr(nn.ParameterList(values)) == "ParameterList(\n    (0): " + lines.format(1)
    assert repr(nn.ParameterDict(zip("ab", values, strict=True))) == "ParameterDict(\n    (a): " + lines.format("b")


def test_a_list_of_parameters_prints_as_torchs(needs_torch):
    ours, theirs = (library.nn.ParameterList([library.zeros(2, 3), "note"]) for library in (medtorch, needs_torch))
    assert repr(ours) == repr(theirs).replace("torch.", "medtorch.")
