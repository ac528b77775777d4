"""Faults in what keeps hostile files and changed services out."""

from __future__ import annotations

from medtorch.serialize.bundle import _check_files, _read_checked
from medtorch.serialize.ed25519 import verify
from medtorch.serialize.jsontext import _object
from medtorch.serialize.known import find_global
from medtorch.serialize.limits import Limits
from medtorch.serialize.rebuild import _whole_numbers, rebuild_parameter
from medtorch.serialize.ziparchive import _check_local, open_zip
from medtorch.serve.startup.checks import start
from medtorch.serve.startup.log import _check
from tests.falsifiers.seeding import Seeding, falsifies

BUNDLE = "tests/serialize/test_bundle.py"
BUNDLE_ATTACKS = "tests/attacks/test_bundle_attacks.py"
CORPUS = "tests/attacks/test_corpus.py"
ED25519 = "tests/serialize/test_ed25519.py"
FUZZ = "tests/attacks/test_fuzz.py"
JSONTEXT = "tests/serialize/test_jsontext.py"
LIMITS = "tests/serialize/test_limits.py"
START = "tests/serve/startup/test_start.py"


@falsifies("REQ-S-SEC-001", noticed_by=f"{CORPUS}::test_a_hostile_pytorch_file_is_refused[zip reduce os.system]")
def test_a_reader_that_gives_any_class(fault: Seeding):
    fault.edit(find_global, "key in _REBUILDERS or key in _MARKERS", "True")


@falsifies("REQ-S-SEC-002", noticed_by=f"{BUNDLE}::test_the_bytes_that_were_checked_are_the_bytes_that_are_used")
def test_bytes_that_are_read_again_after_the_check(fault: Seeding):
    fault.edit(_read_checked, "return source", "return container.read(name)")


@falsifies(
    "REQ-S-SEC-007",
    noticed_by=(
        f"{JSONTEXT}::test_what_is_not_strict_json_is_refused"
        '[{"a": 1, "a": 2}-^x: key \'a\' stands twice in one object$]'
    ),
)
def test_keys_that_stand_twice(fault: Seeding):
    fault.edit(_object, "if len(result) != len(pairs):", "if False:")


@falsifies("REQ-S-SEC-010", noticed_by=f"{ED25519}::test_a_scalar_beyond_the_order_of_the_group_does_not_hold")
def test_a_signature_whose_scalar_may_be_anything(fault: Seeding):
    fault.edit(verify, "or scalar >= GROUP_ORDER", "or False")


@falsifies("REQ-S-SEC-004", noticed_by=f"{CORPUS}::test_a_hostile_pytorch_file_is_refused[zip negative stride]")
def test_strides_that_lead_backwards(fault: Seeding):
    fault.edit(_whole_numbers, "if value < 0:", "if False:")


@falsifies("REQ-S-SEC-005", noticed_by=f"{CORPUS}::test_a_hostile_pytorch_file_is_refused[zip name twice]")
def test_two_entries_of_one_name(fault: Seeding):
    fault.edit(open_zip, "if entry.name in entries:", "if False:")


@falsifies("REQ-S-SEC-005", noticed_by=f"{CORPUS}::test_a_hostile_pytorch_file_is_refused[zip local size]")
def test_a_local_header_that_tells_another_story(fault: Seeding):
    fault.edit(
        _check_local,
        "(lflags, lmethod) != (flags, method) or not (late or (lcrc, lpacked, lsize) == (crc, packed, size))",
        "False",
    )


@falsifies("REQ-S-SEC-011", noticed_by=f"{START}::test_a_log_that_was_changed_stops_the_start[head cut]")
def test_a_log_of_starts_that_may_be_cut(fault: Seeding):
    fault.edit(_check, "if named != previous:", "if False:")


@falsifies("REQ-S-SEC-011", noticed_by=f"{START}::test_a_changed_bundle_does_not_start")
def test_a_service_that_starts_although_a_check_says_no(fault: Seeding):
    fault.edit(start, "if bad or loaded is None:", "if False:")


@falsifies("REQ-S-SEC-003", noticed_by=f"{LIMITS}::test_holding_names_the_bound_and_both_numbers")
def test_limits_that_hold_nothing(fault: Seeding):
    fault.edit(Limits.hold, "if value > bound:", "if False:")


@falsifies("REQ-S-SEC-008", noticed_by=f"{FUZZ}::test_the_valid_files_are_taken[_torch]")
def test_a_valid_file_that_is_refused(fault: Seeding):
    fault.edit(rebuild_parameter, "args, 3, 3", "args, 4, 4")


@falsifies("REQ-S-SEC-006", noticed_by=f"{BUNDLE_ATTACKS}::test_files_that_do_not_belong_there_are_refused")
def test_a_bundle_whose_files_are_not_counted(fault: Seeding):
    fault.edit(_check_files, "if present - listed:", "if False:")
