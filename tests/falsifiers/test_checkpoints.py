"""Faults in the readers of PyTorch's and safetensors files."""

from __future__ import annotations

from medtorch.serialize.legacy import _storage_id
from medtorch.serialize.numpydata import _numbers
from medtorch.serialize.rebuild import _tensor
from medtorch.serialize.safetensors import pack_safetensors
from medtorch.serialize.statedict import _without, find_state_dict
from medtorch.serialize.storages import Storages
from medtorch.serialize.torchscript import _Walk
from medtorch.serialize.torchzip import is_big_endian
from tests.falsifiers.seeding import Seeding, falsifies

SAFETENSORS = "tests/serialize/test_safetensors.py"
STATEDICT = "tests/serialize/test_statedict.py"
TORCHFILE = "tests/serialize/test_torchfile.py"


@falsifies("REQ-F-SER-001", "REQ-F-SER-002", noticed_by=f"{TORCHFILE}::test_a_bare_storage_is_a_flat_tensor")
def test_numbers_of_the_other_byte_order(fault: Seeding):
    fault.edit(
        Storages._prepare, 'self.big_endian != (sys.byteorder == "big")', 'self.big_endian == (sys.byteorder == "big")'
    )


@falsifies("REQ-F-SER-001", noticed_by=f"{TORCHFILE}::test_a_file_without_a_byte_order_is_little_endian")
def test_a_zip_without_byte_order_taken_as_big_endian(fault: Seeding):
    fault.edit(is_big_endian, "return False", "return True")


@falsifies("REQ-F-SER-002", noticed_by=f"{TORCHFILE}::test_a_view_of_a_storage_in_an_old_file_shares_its_memory")
def test_a_view_of_a_storage_that_starts_elsewhere(fault: Seeding):
    fault.edit(_storage_id, "ref.count, start, length)", "ref.count, 0, length)")


@falsifies("REQ-F-SER-004", noticed_by=f"{TORCHFILE}::test_numpy_numbers_and_arrays_are_plain_data")
def test_numpy_numbers_of_the_other_byte_order(fault: Seeding):
    fault.edit(
        _numbers, '("<" if dtype.order in "|=" else dtype.order)', '(">" if dtype.order in "<|=" else dtype.order)'
    )


@falsifies("REQ-F-SER-005", noticed_by=f"{TORCHFILE}::test_a_torchscript_archive_gives_its_tensors_by_path")
def test_scripted_modules_that_are_seen_once(fault: Seeding):
    fault.edit(_Walk._below, "elif self._counts.get(id(value)):", "elif False:")


@falsifies("REQ-F-SER-006", noticed_by=f"{STATEDICT}::test_several_state_dicts_are_listed_and_one_can_be_named")
def test_the_first_of_several_state_dicts_taken_silently(fault: Seeding):
    fault.edit(find_state_dict, "if len(found) > 1:", "if False:")


@falsifies("REQ-F-SER-006", noticed_by=f"{STATEDICT}::test_a_prefix_is_taken_off_only_when_asked")
def test_a_prefix_cut_off_names_that_have_it_not(fault: Seeding):
    fault.edit(_without, "if without:", "if False:")


@falsifies("REQ-F-SER-007", noticed_by=f"{SAFETENSORS}::test_the_safetensors_package_writes_the_same_bytes")
def test_tensors_written_in_another_order(fault: Seeding):
    fault.edit(pack_safetensors, "(-_ORDER[kinds[name]], name)", "(_ORDER[kinds[name]], name)")


@falsifies("REQ-F-SER-003", noticed_by=f"{TORCHFILE}::test_views_keep_their_strides_and_share_their_storage[zip]")
def test_strides_that_are_taken_for_contiguous(fault: Seeding):
    fault.edit(
        _tensor,
        "ref = TensorRef(storage, kind, start, shape, strides,",
        "ref = TensorRef(storage, kind, start, shape, strides[::-1],",
    )


@falsifies("REQ-F-SER-003", noticed_by=f"{TORCHFILE}::test_views_keep_their_strides_and_share_their_storage[zip]")
def test_views_that_start_at_the_first_element(fault: Seeding):
    fault.edit(_tensor, "ref = TensorRef(storage, kind, start,", "ref = TensorRef(storage, kind, 0,")
