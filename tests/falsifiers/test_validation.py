"""Faults in the validation system itself."""

from __future__ import annotations

from tests.falsifiers.seeding import Seeding, falsifies
from validation.agreement import _sources, _trace_to_tests
from validation.trace import fingerprint

AGREEMENT = "tests/validation/test_agreement.py"
TRACE_RULES = "tests/validation/test_trace_rules.py"


@falsifies("REQ-F-VAL-003", noticed_by=f"{AGREEMENT}::test_a_deleted_file_of_tests_is_found")
def test_a_deleted_test_that_is_not_missed(fault: Seeding):
    fault.edit(_trace_to_tests, "if node not in collected.functions:", "if False:")


@falsifies(
    "REQ-F-VAL-003",
    noticed_by=(
        f"{AGREEMENT}::test_a_moved_test_is_found"
        "[value + 1 > value-True-R25  tests/test_all.py: was edited since the trace was linked]"
    ),
)
def test_test_sources_that_may_be_edited(fault: Seeding):
    fault.edit(_sources, "elif now[path] != trace.test_files[path]:", "elif False:")


@falsifies("REQ-F-VAL-004", noticed_by=f"{TRACE_RULES}::test_a_fingerprint_made_anew_by_hand_lacks_its_history")
def test_a_threshold_that_may_be_lowered(fault: Seeding):
    fault.edit(fingerprint, "for key in FINGERPRINTED", 'for key in ("text",)')
