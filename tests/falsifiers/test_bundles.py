"""Faults in bundles, and on the way from a bundle to an answer."""

from __future__ import annotations

from medtorch.cli.bundle import verify
from medtorch.cli.convert import read_checkpoint
from medtorch.cli.predict import _entry, unique_stems
from medtorch.serialize.atomic import _put_in_place, write_file
from medtorch.serialize.bundle import read_bundle
from medtorch.serialize.digest import check_sha256
from medtorch.serialize.manifest import pack_manifest
from medtorch.serialize.selftest import _compare, _same_bits
from medtorch.serve.decision import _place, decide, probabilities_of
from medtorch.serve.http import Application
from medtorch.serve.postprocessing import parse_reading
from medtorch.serve.save import _check_same
from medtorch.serve.tiles import window_weight
from tests.falsifiers.seeding import Seeding, falsifies

AGES = "tests/serve/test_ages.py"
ATOMIC = "tests/serialize/test_atomic.py"
BUNDLE = "tests/serialize/test_bundle.py"
BUNDLE_ATTACKS = "tests/attacks/test_bundle_attacks.py"
CLI_BUNDLE = "tests/cli/test_bundle.py"
CONVERT = "tests/cli/test_convert.py"
DECISION = "tests/serve/test_decision.py"
HTTP = "tests/serve/test_http.py"
LOAD = "tests/serve/test_load.py"
POSTPROCESSING = "tests/serve/test_postprocessing.py"
PREDICT = "tests/cli/test_predict.py"
SAVE = "tests/serve/test_save.py"
SELFTEST = "tests/serialize/test_selftest.py"
TILES = "tests/serve/test_tiles.py"


@falsifies(
    "REQ-F-BUN-002",
    "REQ-S-SEC-006",
    noticed_by=(
        f"{BUNDLE_ATTACKS}::test_an_edited_manifest_with_fitting_digests_is_found_by_the_callers_digest",
        f"{BUNDLE}::test_a_wrong_file_is_not_parsed_before_its_digest_is_checked",
    ),
)
def test_a_reader_that_compares_no_digest(fault: Seeding):
    fault.edit(check_sha256, "not hmac.compare_digest(wanted, found)", "False")


@falsifies("REQ-F-BUN-001", noticed_by=f"{BUNDLE}::test_what_could_not_be_read_is_not_written[0]")
def test_a_description_that_is_not_held_against_its_schema(fault: Seeding):
    fault.edit(pack_manifest, "check_schema(data, SCHEMA, name)", "pass")


@falsifies("REQ-F-BUN-001", noticed_by=f"{BUNDLE}::test_the_callers_digest_is_required")
def test_a_bundle_read_without_a_digest(fault: Seeding):
    fault.edit(read_bundle, "if sha256 is None and not allow_unverified:", "if False:")


@falsifies(
    "REQ-F-BUN-004",
    "REQ-F-MOD-902",
    noticed_by=(
        (
            f"{SELFTEST}::test_another_answer_is_refused"
            "[<lambda>-'ones', output 0: 4 of 4 values differ; at \\\\(0, \\\\d\\\\) the model]"
        ),
        f"{LOAD}::test_a_model_that_does_not_give_its_recorded_answers_is_refused",
    ),
)
def test_known_answers_that_are_not_compared(fault: Seeding):
    fault.edit(_compare, "bad = ~(error <= allowed)", "bad = np.zeros_like(error, bool)")


@falsifies(
    "REQ-F-BUN-007",
    noticed_by=f"{SELFTEST}::test_under_the_arithmetic_that_recorded_them_answers_must_be_equal_bit_for_bit",
)
def test_recorded_bits_that_are_not_compared(fault: Seeding):
    fault.edit(_same_bits, "if found != recorded:", "if False:")


@falsifies(
    "REQ-F-BUN-005",
    noticed_by=f"{ATOMIC}::test_an_error_while_saving_leaves_the_old_bundle_and_nothing_else[_sync_folder-b.zip]",
)
def test_a_half_written_file_that_is_left_behind(fault: Seeding):
    fault.edit(write_file, "temporary.unlink(missing_ok=True)", "pass")


@falsifies("REQ-F-BUN-005", noticed_by=f"{ATOMIC}::test_a_failed_second_rename_puts_the_old_bundle_back")
def test_a_folder_that_is_gone_while_it_is_replaced(fault: Seeding):
    fault.edit(_put_in_place, "old.rename(target)", "pass")


@falsifies("REQ-F-MOD-901", noticed_by=f"{LOAD}::test_no_digest_is_refused")
def test_a_bundle_loaded_without_a_digest(fault: Seeding):
    fault.edit(read_bundle, "if sha256 is None and not allow_unverified:", "if False:")


@falsifies(
    "REQ-F-MOD-904",
    noticed_by=(
        f"{DECISION}::test_scores_that_cannot_be_read_are_refused"
        "[scores1-steps1-^the model gives scores that are not finite$]"
    ),
)
def test_scores_that_are_not_finite(fault: Seeding):
    fault.edit(decide, "if not np.isfinite(scores).all():", "if False:")


@falsifies("REQ-F-MOD-905", noticed_by=f"{TILES}::test_the_weight_is_a_gaussian_of_an_eighth_of_the_side_with_a_floor")
def test_windows_blended_without_weights(fault: Seeding):
    fault.edit(window_weight, "weight = weight * np.exp(-0.5 * place**2)", "weight = weight * np.ones(side)")


@falsifies("REQ-F-MOD-906", noticed_by=f"{SAVE}::test_a_model_that_computes_something_else_is_refused")
def test_another_model_than_was_meant(fault: Seeding):
    fault.edit(_check_same, "if not same:", "if False:")


@falsifies(
    "REQ-F-SRV-001",
    noticed_by=(
        f"{HTTP}::test_what_it_does_not_answer_it_refuses_with_the_status_that_says_why"
        "[request_5-413-may have 1048576 bytes]"
    ),
)
def test_requests_of_any_size(fault: Seeding):
    fault.edit(Application._predict, "if length > self._limit_bytes:", "if False:")


@falsifies("REQ-F-MOD-904", noticed_by=f"{DECISION}::test_a_mask_has_the_likeliest_label_of_each_pixel")
def test_the_worst_label_of_an_image(fault: Seeding):
    fault.edit(_place, "np.argmax(probabilities, axis=0)", "np.argmin(probabilities, axis=0)")


@falsifies("REQ-F-SRV-001", noticed_by=f"{HTTP}::test_a_classifier_answers_what_the_bundle_predicts")
def test_an_answer_without_the_digest_of_its_bundle(fault: Seeding):
    fault.edit(Application._predict, '"bundle_sha256": self._bundle.sha256', '"bundle_sha256": ""')


@falsifies("REQ-F-MOD-904", noticed_by=f"{DECISION}::test_a_mask_comes_back_on_the_original_grid")
def test_one_score_that_is_of_the_first_label(fault: Seeding):
    fault.edit(probabilities_of, "np.concatenate([1 - values, values])", "np.concatenate([values, 1 - values])")


@falsifies("REQ-F-CLI-003", noticed_by=f"{PREDICT}::test_images_of_one_name_do_not_overwrite_each_other")
def test_two_images_of_one_name(fault: Seeding):
    fault.edit(unique_stems, "while name in taken:", "while False:")


@falsifies("REQ-F-CLI-003", noticed_by=f"{PREDICT}::test_one_bad_image_does_not_lose_the_others")
def test_one_bad_image_that_is_told_as_good(fault: Seeding):
    fault.edit(_entry, '"status": "error", "error"', '"status": "ok", "error"')


@falsifies("REQ-F-CLI-004", noticed_by=f"{CLI_BUNDLE}::test_verify_says_no_to_a_model_that_answers_otherwise")
def test_answers_that_differ_and_end_well(fault: Seeding):
    fault.edit(verify.callback, "return complain(str(error), NO)", "return GOOD")


@falsifies("REQ-F-CLI-005", noticed_by=f"{CONVERT}::test_a_wrong_digest_of_the_checkpoint_is_refused")
def test_a_checkpoint_that_is_not_checked(fault: Seeding):
    fault.edit(read_checkpoint, "if sha256 is not None:", "if False:")


@falsifies("REQ-F-BUN-008", noticed_by=f"{AGES}::test_it_predicts_the_mask_that_its_own_line_predicted[first]")
def test_a_threshold_that_is_read_the_other_way_round(fault: Seeding):
    fault.edit(_place, ">= np.float32(reading.threshold)", "< np.float32(reading.threshold)")


@falsifies(
    "REQ-F-MOD-903",
    noticed_by=(
        f"{POSTPROCESSING}::test_what_cannot_be_meant_is_refused"
        "[classification-labels1-steps1-out of order or twice: argmax, softmax$]"
    ),
)
def test_steps_out_of_order(fault: Seeding):
    fault.edit(parse_reading, "if sorted(set(stages)) != stages:", "if False:")
