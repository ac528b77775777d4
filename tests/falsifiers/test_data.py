"""Faults between image files and batches."""

from __future__ import annotations

from medtorch.data.augment import RandomFlip
from medtorch.data.collate import default_collate
from medtorch.data.dataset import random_split
from medtorch.data.dicom import _through_window, _windowed
from medtorch.data.exif import upright
from medtorch.data.fetch import fetch
from medtorch.data.geometry import Cropped
from medtorch.data.image_dataset import ImageMasks
from medtorch.data.loader_state import Order
from medtorch.data.nifti import _image
from medtorch.data.png_chunks import check_pixels_complete
from medtorch.data.raster import read_raster
from medtorch.data.read import read
from medtorch.data.taps import apply_taps
from medtorch.data.value_steps import _luma
from medtorch.data.write import encode_png
from medtorch.training.cases import read_mask, split
from tests.falsifiers.seeding import Seeding, falsifies

AUGMENT = "tests/data/test_augment.py"
CASES = "tests/training/test_cases.py"
DATASET = "tests/data/test_dataset.py"
DICOM = "tests/data/test_dicom.py"
IMAGE_DATASET = "tests/data/test_image_dataset.py"
LOADER = "tests/data/test_loader.py"
NIFTI = "tests/data/test_nifti.py"
PIPELINE = "tests/data/test_pipeline.py"
READ = "tests/data/test_read.py"
RESIZE = "tests/data/test_resize.py"
WRITE = "tests/data/test_write.py"


@falsifies("REQ-F-DAT-001", "REQ-S-DAT-003", noticed_by=f"{READ}::test_a_png_with_too_few_pixels_is_refused")
def test_pixels_that_are_missing(fault: Seeding):
    fault.edit(check_pixels_complete, "if found != wanted:", "if False:")


@falsifies("REQ-F-DAT-002", noticed_by=f"{READ}::test_a_window_for_a_raster_file_is_refused")
def test_an_option_that_is_ignored(fault: Seeding):
    fault.edit(read_raster, 'if options.window != "none":', "if False:")


@falsifies("REQ-F-DAT-003", noticed_by=f"{READ}::test_exif_orientation_of_a_jpeg_is_applied_or_left[6]")
def test_pictures_turned_the_wrong_way(fault: Seeding):
    fault.edit(upright, "np.rot90(array, -1)", "np.rot90(array, 1)")


@falsifies("REQ-F-DAT-004", noticed_by=f"{RESIZE}::test_floats_equal_pillows_float_mode[before0-after0-box]")
def test_a_filter_with_another_weight(fault: Seeding):
    fault.edit(apply_taps, "chosen.weights[:, tap].reshape(shape) *", "chosen.weights[:, 0].reshape(shape) *")


@falsifies("REQ-F-DAT-006", noticed_by=f"{PIPELINE}::test_a_mask_comes_back_exactly_where_it_was[steps0]")
def test_a_mask_that_is_put_back_at_the_corner(fault: Seeding):
    fault.edit(
        Cropped.undo,
        "whole[_box(self.start, self.after)] = values",
        "whole[_box((0,) * len(self.start), self.after)] = values",
    )


@falsifies("REQ-F-DAT-007", noticed_by=f"{NIFTI}::test_spacing_is_turned_into_millimetres[1-1000.0]")
def test_spacing_without_its_unit(fault: Seeding):
    fault.edit(_image, "step * factor for step in steps", "step for step in steps")


@falsifies("REQ-F-DAT-008", noticed_by=f"{DICOM}::test_a_window_on_monochrome1_shows_high_values_dark")
def test_monochrome1_that_is_not_inverted(fault: Seeding):
    fault.edit(_windowed, "if inverted:", "if False:")


@falsifies("REQ-F-DAT-008", noticed_by=f"{DICOM}::test_a_given_window_maps_its_ends_to_0_and_1")
def test_a_window_that_is_shifted_by_half_a_grey(fault: Seeding):
    fault.edit(_through_window, "(values - centre) / width + 0.5", "(values - centre) / width")


@falsifies("REQ-F-DAT-009", noticed_by=f"{DATASET}::test_a_random_split_shares_out_every_sample_once")
def test_samples_that_are_in_two_parts(fault: Seeding):
    fault.edit(random_split, "order[end - count : end]", "order[:count]")


@falsifies("REQ-F-DAT-010", noticed_by=f"{LOADER}::test_shuffling_takes_every_sample_once_in_another_order_each_epoch")
def test_an_order_that_the_seed_does_not_give(fault: Seeding):
    fault.edit(Order.tasks, "self._order.manual_seed(self._wanted.epoch_seed)", "self._order.manual_seed(0)")


@falsifies("REQ-F-DAT-012", noticed_by=f"{LOADER}::test_any_number_of_workers_gives_the_same_batches[spawn-1]")
def test_random_samples_that_depend_on_the_batch(fault: Seeding):
    fault.edit(fetch, "task.first + offset", "offset")


@falsifies("REQ-F-DAT-013", noticed_by=f"{LOADER}::test_a_run_that_was_cut_anywhere_goes_on_with_the_same_batches[1-0]")
def test_a_resumed_epoch_that_starts_over(fault: Seeding):
    fault.edit(Order.tasks, "if number < self._wanted.batches:", "if False:")


@falsifies("REQ-F-DAT-014", noticed_by=f"{AUGMENT}::test_every_pixel_keeps_its_label[random_flip-2]")
def test_a_mask_that_is_not_mirrored_with_its_image(fault: Seeding):
    fault.edit(RandomFlip.__call__, "mask[rows, columns]", "mask")


@falsifies("REQ-F-DAT-015", noticed_by=f"{WRITE}::test_what_is_written_is_read_back[array1]")
def test_sixteen_bits_written_as_eight(fault: Seeding):
    fault.edit(encode_png, "np.ascontiguousarray(pixels)", "np.ascontiguousarray(pixels.astype(np.uint8))")


@falsifies("REQ-S-DAT-004", noticed_by=f"{READ}::test_too_many_bytes_are_refused")
def test_images_beyond_the_limit_of_bytes(fault: Seeding):
    fault.edit(read, "if len(content) > max_bytes:", "if False:")


@falsifies("REQ-F-TRN-002", noticed_by=f"{CASES}::test_a_column_says_what_is_held_out")
def test_cases_that_are_held_out_and_trained_on(fault: Seeding):
    fault.edit(split, "if case.name not in held]", "]")


@falsifies("REQ-F-TRN-002", noticed_by=f"{CASES}::test_a_number_that_is_no_label_is_refused")
def test_a_truth_with_labels_that_are_not_there(fault: Seeding):
    fault.edit(read_mask, "if int(numbers.max()) >= labels:", "if False:")


@falsifies("REQ-F-DAT-009", noticed_by=f"{IMAGE_DATASET}::test_a_mask_of_another_size_is_refused")
def test_a_mask_of_another_size(fault: Seeding):
    fault.edit(ImageMasks._pair, "stored.size != image.size", "False")


@falsifies("REQ-F-DAT-005", noticed_by=f"{PIPELINE}::test_grey_of_floats_weighs_red_green_and_blue")
def test_grey_of_equal_parts(fault: Seeding):
    fault.edit(_luma, "np.sum(array * _LUMA_FLOAT, axis=-1, keepdims=True)", "np.mean(array, axis=-1, keepdims=True)")


@falsifies("REQ-F-DAT-011", noticed_by=f"{DATASET}::test_a_batch_has_the_structure_of_its_samples")
def test_numbers_of_python_that_lose_half_their_bits(fault: Seeding):
    fault.edit(default_collate, "tensor(list(batch), dtype=float64)", "tensor(list(batch))")
