"""Faults in the validation system itself."""

from __future__ import annotations

from medtorch.serialize.digest import check_sha256
from medtorch.serve.decision import decide
from tests.falsifiers.seeding import Seeding, falsifies
from validation.advisories.osv import _in_range
from validation.advisories.review import advisory_findings
from validation.agreement import _sources
from validation.bundles import bundle_findings
from validation.capabilities import _cuda_devices
from validation.classify import classify
from validation.evaluate import _integrity
from validation.image.content import file_entry
from validation.merge import _chosen
from validation.reassess import reassess
from validation.services import _findings
from validation.signing.sign import check_signatures
from validation.soup.locks import _against_record, _installs
from validation.soup.rules import _against_record as rules_against_record
from validation.states import verdict
from validation.subject import describe_subject
from validation.trace import fingerprint
from validation.verify import _files
from validation.verify_standalone import work_out

ACCEPTANCE = "tests/services/test_acceptance.py"
ADVISORIES = "tests/validation/test_advisories.py"
AGREEMENT = "tests/validation/test_agreement.py"
BUNDLE = "tests/services/test_bundle.py"
BUNDLES = "tests/validation/test_bundles.py"
CLASSIFY = "tests/validation/test_classify.py"
DIFF = "tests/validation/test_diff.py"
ENVIRONMENT = "tests/validation/test_environment.py"
EVALUATE = "tests/validation/test_evaluate.py"
IMAGE = "tests/validation/test_image.py"
LOCKS = "tests/validation/test_locks.py"
MERGE = "tests/validation/test_merge.py"
REPOSITORY = "tests/validation/test_repository.py"
RUN = "tests/validation/test_run.py"
SERVICES = "tests/validation/test_services.py"
SIGNING = "tests/validation/test_signing.py"
SOUP = "tests/validation/test_soup.py"
STANDALONE = "tests/validation/test_standalone.py"
STATES = "tests/validation/test_states.py"
TRACE_RULES = "tests/validation/test_trace_rules.py"
VERIFY = "tests/validation/test_verify.py"


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


@falsifies(
    "REQ-F-VAL-005",
    "REQ-F-VAL-007",
    noticed_by=(
        f"{EVALUATE}::test_a_record_with_a_gap_is_never_a_pass[events4-FAIL-R18]",
        f"{RUN}::test_changing_the_trace_during_the_run_is_a_fail",
    ),
)
def test_a_plan_that_may_change_after_the_run(fault: Seeding):
    fault.edit(_integrity, 'ends[0]["plan_sha256"] != plan_sha256 or', "False and")


@falsifies(
    "REQ-F-VAL-006",
    noticed_by=(
        f"{CLASSIFY}::test_anything_else_has_its_own_state[facts0-NO_EVIDENCE-R08-without a single executed assertion]"
    ),
)
def test_a_test_without_an_assertion_that_passes(fault: Seeding):
    fault.edit(classify, 'if raw["assertions"] == 0:', "if False:")


@falsifies("REQ-F-VAL-007", noticed_by=f"{STATES}::test_pass_needs_something_passed_nothing_open_and_no_broken_rule")
def test_not_verified_that_counts_as_passed(fault: Seeding):
    fault.edit(
        verdict,
        "state in (State.PASSED, State.NOT_APPLICABLE)",
        "state in (State.PASSED, State.NOT_APPLICABLE, State.NOT_VERIFIED)",
    )


@falsifies("REQ-F-VAL-013", noticed_by=f"{BUNDLES}::test_another_digest_is_named")
def test_another_bundle_than_was_expected(fault: Seeding):
    fault.edit(bundle_findings, 'elif bundle["expected_sha256"] != bundle["sha256"]:', "elif False:")


@falsifies("REQ-F-VAL-016", noticed_by=f"{ADVISORIES}::test_the_last_affected_version_is_affected[1.5-True]")
def test_an_advisory_whose_range_ends_too_early(fault: Seeding):
    fault.edit(_in_range, 'here > Version(event["last_affected"])', 'here >= Version(event["last_affected"])')


@falsifies("REQ-F-VAL-016", noticed_by=f"{ADVISORIES}::test_the_command_lists_hits_and_ends_with_1_while_one_is_open")
def test_a_hit_that_nobody_has_evaluated(fault: Seeding):
    fault.edit(advisory_findings, 'if said is None or said["disposition"] == "open":', "if False:")


@falsifies("REQ-F-VAL-019", noticed_by=f"{MERGE}::test_parts_that_contradict_each_other_are_refused")
def test_parts_of_other_plans_that_are_merged(fault: Seeding):
    fault.edit(_chosen, "if len(states) > 1:", "if False:")


@falsifies(
    "REQ-F-VAL-021",
    noticed_by=(
        f"{DIFF}::test_a_report_is_held_against_newer_advisories_and_the_answer_is_signed[2.0-1-NO LONGER VALID]"
    ),
)
def test_new_hits_that_leave_a_report_valid(fault: Seeding):
    fault.edit(reassess, '"still_valid": not pending', '"still_valid": True')


@falsifies("REQ-F-VAL-011", noticed_by=f"{SERVICES}::test_what_does_not_fit_is_named[changes4-expected4]")
def test_a_service_that_excludes_what_it_claims(fault: Seeding):
    fault.edit(_findings, 'elif "cuda" in service.devices and "gpu" in requirement.capabilities:', "elif False:")


@falsifies(
    "REQ-F-VAL-011",
    noticed_by=f"{REPOSITORY}::test_the_services_of_the_source_record_are_templates_on_their_version_line",
)
def test_a_template_that_is_run(fault: Seeding):
    fault.edit(describe_subject, "if service.template or service.bundle is None:", "if False:")


@falsifies(
    "REQ-S-VAL-007",
    noticed_by=(
        f"{LOCKS}::test_a_lock_that_the_records_do_not_know_is_found"
        "[1111111111111111111111111111111111111111111111111111111111111111-333333333333333333333333"
        "3333333333333333333333333333333333333333-1 of 2 wheels of alpha 1.0 are not those that its"
        " record names: 3333333333333333...]"
    ),
)
def test_wheels_that_the_record_does_not_know(fault: Seeding):
    fault.edit(
        _against_record,
        "elif unknown := sorted(set(entry.artifacts) - set(record.artifacts(entry.version))):",
        "elif unknown := []:",
    )


@falsifies(
    "REQ-S-VAL-007",
    noticed_by=(
        f"{LOCKS}::test_an_installation_that_asks_for_no_digests_is_found"
        "[$pip -r /requirements/image.txt-installs from a list without --require-hashes: $pip -r ]"
    ),
)
def test_an_installation_without_digests(fault: Seeding):
    fault.edit(_installs, '"--require-hashes" not in command', "False")


@falsifies(
    "REQ-S-VAL-004", noticed_by=f"{SIGNING}::test_both_verifiers_refuse_the_attack_with_its_code[remove_signature-I10]"
)
def test_a_signature_that_is_missing(fault: Seeding):
    fault.edit(check_signatures, "if missing or not found:", "if False:")


@falsifies("REQ-F-VAL-008", noticed_by=f"{ENVIRONMENT}::test_a_gpu_counts_only_if_it_computes_rightly[False-False]")
def test_a_gpu_that_computes_wrongly_and_counts(fault: Seeding):
    fault.edit(_cuda_devices, "!= 332833500", "== -1")


@falsifies("REQ-F-VAL-012", noticed_by=f"{SOUP}::test_altered_files_are_found")
def test_altered_files_that_are_not_told(fault: Seeding):
    fault.edit(rules_against_record, "if entry.altered:", "if False:")


@falsifies("REQ-S-VAL-001", noticed_by=f"{VERIFY}::test_a_flipped_byte_of_any_file_is_found[0-junit.xml]")
def test_a_file_that_was_changed(fault: Seeding):
    fault.edit(_files, "file_sha256(folder / name) != recorded[name]", "False")


@falsifies(
    "REQ-S-VAL-005", noticed_by=f"{STANDALONE}::test_both_give_the_same_states_and_the_same_verdict_on_3000_runs"
)
def test_a_second_verifier_that_believes_the_first(fault: Seeding):
    fault.edit(work_out, "clean = not errors and not waiting and", "clean = ")


@falsifies("REQ-S-VAL-006", noticed_by=f"{IMAGE}::test_any_change_of_a_file_gives_another_digest[mode]")
def test_a_content_without_the_modes_of_its_files(fault: Seeding):
    fault.edit(file_entry, "{stat.S_IMODE(mode):04o} {size}", "{0:04o} {size}")


@falsifies(
    "REQ-F-VAL-014",
    noticed_by=(
        f"{BUNDLE}::test_it_does_not_load_under_another_digest"
        "[0000000000000000000000000000000000000000000000000000000000000000]"
    ),
)
def test_a_service_whose_bundle_may_be_another(fault: Seeding):
    fault.edit(check_sha256, "if not hmac.compare_digest(wanted, found):", "if False:")


@falsifies("REQ-F-VAL-015", noticed_by=f"{ACCEPTANCE}::test_the_model_meets_every_criterion_of_its_service")
def test_a_service_that_says_the_opposite(fault: Seeding):
    fault.edit(decide, "probabilities_of(scores, reading)", "probabilities_of(-scores, reading)")
