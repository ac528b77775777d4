"""State dictionaries: what is in them, and what loading one says."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest

import medtorch
from medtorch import nn
from medtorch.errors import ModuleError, ModuleTypeError, StateDictError

pytestmark = pytest.mark.requirement("REQ-F-NN-003")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.register_buffer("scratch", medtorch.zeros(1), persistent=False)


def test_keys_versions_and_memory_are_those_of_the_module():
    net = Net()
    state = net.state_dict()
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(state) == ["conv.weight", "conv.bias", *(f"norm.{n}" for n in norm)]
    assert state._metadata == {"": {"version": 1}, "conv": {"version": 1}, "norm": {"version": 2}}
    assert not state["conv.weight"].requires_grad
    state["conv.weight"].fill_(2)
    assert net.conv.weight.detach().numpy().min() == 2
    assert net.state_dict(keep_vars=True)["conv.weight"] is net.conv.weight
    assert next(iter(net.state_dict(prefix="a."))) == "a.conv.weight"
    mine = {}
    assert net.state_dict(destination=mine) is mine


def test_loading_copies_into_the_same_parameters():
    source, target = Net(), Net()
    weight = target.conv.weight
    assert str(target.load_state_dict(source.state_dict())) == "<All keys matched successfully>"
    assert target.conv.weight is weight
    np.testing.assert_array_equal(weight.detach().numpy(), source.conv.weight.detach().numpy())
    with medtorch.no_grad():
        source.conv.weight.fill_(9)
    assert weight.detach().numpy().max() < 9


def test_every_problem_is_reported_at_once():
    state = Net().state_dict()
    del state["conv.bias"]
    state["norm.weight"] = medtorch.zeros(3)
    state["norm.bias"] = [1.0, 2.0]
    state["extra"] = medtorch.zeros(1)
    state["conv.deep.weight"] = medtorch.zeros(1)
    with pytest.raises(StateDictError) as caught:
        Net().load_state_dict(state)
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Net:\n"
        '\tMissing key(s) in state_dict: "conv.bias". \n'
        '\tUnexpected key(s) in state_dict: "extra", "conv.deep.weight". \n'
        "\tsize mismatch for norm.weight: copying a param with shape medtorch.Size([3]) from checkpoint, "
        "the shape in current model is medtorch.Size([2]).\n"
        '\tWhile copying the parameter named "norm.bias", expected a Tensor from checkpoint but received list'
    )


def test_the_report_names_the_same_keys_as_torchs(needs_torch):
    torch = needs_torch
    torch_nn = torch.nn
    texts = []
    for lib, modules, zeros in ((medtorch, nn, medtorch.zeros), (torch, torch_nn, torch.zeros)):
        net = modules.Sequential(OrderedDict(conv=modules.Conv2d(1, 2, 3), norm=modules.BatchNorm2d(2)))
        state = net.state_dict()
        del state["conv.bias"], state["norm.running_var"]
        state["norm.weight"], state["extra"], state["norm.deep.x"] = zeros(3), zeros(1), zeros(1)
        with pytest.raises(RuntimeError) as caught:
            net.load_state_dict(state)
        texts.append(str(caught.value).replace(f"{lib.__name__}.Size", "Size"))
    assert texts[0] == texts[1]


def test_without_strict_names_may_differ_and_shapes_may_not():
    state = Net().state_dict()
    del state["conv.bias"]
    state["extra"] = medtorch.zeros(1)
    report = Net().load_state_dict(state, strict=False)
    assert report.missing_keys == ["conv.bias"]
    assert report.unexpected_keys == ["extra"]
    assert "missing_keys=['conv.bias']" in str(report)
    state["conv.weight"] = medtorch.zeros(1)
    with pytest.raises(StateDictError, match=r"size mismatch for conv.weight"):
        Net().load_state_dict(state, strict=False)


def test_what_is_no_mapping_is_refused():
    with pytest.raises(ModuleTypeError, match="Expected state_dict to be dict-like, got list"):
        Net().load_state_dict([])


def test_the_given_dictionary_stays_as_it_is():
    state = Net().state_dict()
    del state["norm.num_batches_tracked"]
    state._metadata["norm"]["version"] = 1
    before = list(state), dict(state._metadata["norm"])
    Net().load_state_dict(state)
    assert (list(state), dict(state._metadata["norm"])) == before


@pytest.mark.parametrize("metadata", [None, {"norm": {"version": 1}}])
def test_a_checkpoint_older_than_the_count_of_batches_loads_strictly(metadata):
    state = OrderedDict((k, v) for k, v in Net().state_dict().items() if not k.endswith("num_batches_tracked"))
    if metadata is not None:
        state._metadata = metadata
    target = Net()
    target.norm.num_batches_tracked.fill_(5)
    target.load_state_dict(state)
    assert target.norm.num_batches_tracked.item() == 5


def test_a_checkpoint_of_today_without_the_count_of_batches_is_refused():
    state = Net().state_dict()
    del state["norm.num_batches_tracked"]
    with pytest.raises(StateDictError, match=r'Missing key\(s\) in state_dict: "norm.num_batches_tracked"'):
        Net().load_state_dict(state)


def test_a_number_saved_as_one_element_loads_as_a_number():
    state = Net().state_dict()
    state["norm.num_batches_tracked"] = medtorch.tensor([4])
    target = Net()
    target.load_state_dict(state)
    assert target.norm.num_batches_tracked.item() == 4
    assert target.norm.num_batches_tracked.shape == ()


def test_numbers_are_cast_to_the_dtype_of_the_parameter():
    state = Net().double().state_dict()
    target = Net()
    target.load_state_dict(state)
    assert target.conv.weight.dtype is medtorch.float32


def test_assign_puts_the_tensors_themselves_in():
    state = Net().double().state_dict()
    target = Net()
    target.load_state_dict(state, assign=True)
    assert target.conv.weight.dtype is medtorch.float64
    assert isinstance(target.conv.weight, nn.Parameter)
    assert target.conv.weight.requires_grad
    assert target.conv.weight.data_ptr() == state["conv.weight"].data_ptr()
    assert target.norm.running_mean is state["norm.running_mean"]


class Counter(nn.Module):
    def __init__(self):
        super().__init__()
        self.count = 3

    def get_extra_state(self):
        return {"count": self.count}

    def set_extra_state(self, state):
        self.count = state["count"]


def test_extra_state_travels_along():
    source = nn.Sequential(Counter())
    source[0].count = 8
    state = source.state_dict()
    assert state["0._extra_state"] == {"count": 8}
    target = nn.Sequential(Counter())
    target.load_state_dict(state)
    assert target[0].count == 8
    del state["0._extra_state"]
    with pytest.raises(StateDictError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        target.load_state_dict(state)
    with pytest.raises(StateDictError, match=r'Unexpected key\(s\) in state_dict: "0._extra_state"'):
        nn.Sequential(nn.Identity()).load_state_dict(source.state_dict())
    with pytest.raises(ModuleError, match="Identity has no extra state"):
        nn.Identity().get_extra_state()


def test_a_module_may_read_what_an_older_version_wrote():
    class Renamed(nn.Module):
        _version = 2

        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(medtorch.zeros(1))

        def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
            if local_metadata.get("version", 1) < 2:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    net = nn.Sequential(Renamed())
    old = OrderedDict({"0.kernel": medtorch.ones(1)})
    old._metadata = {"0": {"version": 1}}
    net.load_state_dict(old)
    assert net[0].weight.item() == 1.0
    assert net.state_dict()._metadata["0"] == {"version": 2}


def test_hooks_of_saving_see_the_module_and_may_change_the_dictionary():
    net, seen = Net(), []
    net.register_state_dict_pre_hook(lambda module, prefix, keep: seen.append((module is net, prefix, keep)))
    net.register_state_dict_post_hook(lambda module, state, prefix, meta: state.__delitem__(prefix + "conv.bias"))
    net._register_state_dict_hook(lambda module, state, prefix, meta: OrderedDict(reversed(state.items())))
    assert next(iter(net.state_dict())) == "norm.num_batches_tracked"
    assert "conv.bias" not in net.state_dict()
    assert seen[0] == (True, "", False)
    net.register_state_dict_post_hook(lambda *args: {})
    with pytest.raises(ModuleError, match="state_dict post-hook must return None"):
        net.state_dict()


def test_hooks_of_loading_may_rename_and_forgive():
    net = Net()
    state = net.state_dict()
    state["conv.kernel"] = state.pop("conv.weight")
    del state["norm.bias"]

    def rename(module, state_dict, prefix, *rest):
        assert module is net.conv
        state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")

    net.conv.register_load_state_dict_pre_hook(rename)
    net.register_load_state_dict_post_hook(lambda module, keys: keys.missing_keys.remove("norm.bias"))
    assert net.load_state_dict(state).missing_keys == []
    net.register_load_state_dict_post_hook(lambda module, keys: keys)
    with pytest.raises(ModuleError, match="post-hook must return None"):
        net.load_state_dict(state)
