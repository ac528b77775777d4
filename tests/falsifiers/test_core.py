"""Faults in tensors, gradients and the names of PyTorch."""

from __future__ import annotations

from medtorch.compat.torch.torch_version import _numbers
from medtorch.core.autograd import _common_device, assert_unchanged
from medtorch.core.backends.cuda.door import usable_count
from medtorch.core.batching_rules import elementwise_rule
from medtorch.core.creation import _like
from medtorch.core.cuda import get_device_capability, manual_seed
from medtorch.core.dtypes import promote_types
from medtorch.core.forward import _viewed, make_dual
from medtorch.core.inplace import _guard_recorded
from medtorch.core.laid_out import is_view_in_torch, refuse_change
from medtorch.core.modes import no_grad
from medtorch.core.ops.arithmetic import Mul
from medtorch.core.ops.copy import Cast
from medtorch.core.random import manual_seed as random_manual_seed
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.spec import describe
from medtorch.core.tensor import Tensor
from medtorch.distributions.bernoulli import Bernoulli
from medtorch.distributions.normal import Normal
from tests.falsifiers.seeding import Seeding, falsifies

AUTOGRAD = "tests/core/test_autograd.py"
FACTORY = "tests/core/test_factory.py"
FORMULAS = "tests/distributions/test_formulas.py"
FORWARD = "tests/core/test_forward.py"
LAID_OUT = "tests/core/test_laid_out.py"
MEMBERS = "tests/core/test_members.py"
OVERRIDES = "tests/core/test_overrides.py"
SAMPLES = "tests/distributions/test_samples.py"
SEAM = "tests/core/backends/cuda/test_seam.py"
SHAPES = "tests/core/test_shapes.py"
STUBS = "tests/compat/test_stubs.py"
TENSOR = "tests/core/test_tensor.py"
TRAINING_BITS = "tests/core/test_training_bits.py"
VMAP = "tests/func/test_vmap.py"


@falsifies("REQ-F-AUT-001", noticed_by=f"{AUTOGRAD}::TestInPlace::test_a_change_that_backward_does_not_need_is_fine")
def test_a_gradient_with_the_wrong_sign(fault: Seeding):
    fault.edit(Mul.vjp, "sum_to(dy * b.conj(), a_spec)", "sum_to(-dy * b.conj(), a_spec)")


@falsifies("REQ-F-AUT-002", noticed_by=f"{AUTOGRAD}::test_nothing_is_recorded_under_no_grad")
def test_no_grad_that_records(fault: Seeding):
    fault.edit(no_grad.__init__, "grad=False", "grad=True")


@falsifies("REQ-F-AUT-003", noticed_by=f"{AUTOGRAD}::TestInPlace::test_a_saved_value_that_was_changed_is_a_named_error")
def test_a_saved_value_that_may_change(fault: Seeding):
    fault.edit(assert_unchanged, "tensor._version != version", "False")


@falsifies("REQ-F-AUT-003", noticed_by=f"{AUTOGRAD}::TestInPlace::test_leaves_are_protected_while_recording")
def test_a_leaf_that_may_be_changed_while_recording(fault: Seeding):
    fault.edit(_guard_recorded, "if owner.requires_grad and owner.grad_fn is None:", "if False:")


@falsifies("REQ-F-AUT-010", noticed_by=f"{FORWARD}::test_a_view_moves_with_its_base")
def test_a_view_whose_tangent_stays_behind(fault: Seeding):
    fault.edit(_viewed, "tangent = found[nr] if isinstance(found, tuple) else found", "pass")


@falsifies("REQ-F-AUT-010", noticed_by=f"{FORWARD}::test_what_does_not_fit_is_refused_by_name")
def test_a_tangent_of_another_shape(fault: Seeding):
    fault.edit(make_dual, "if tensor.shape != tangent.shape:", "if False:")


@falsifies("REQ-F-AUT-011", noticed_by=f"{VMAP}::test_a_batch_gives_what_its_samples_give[leaky_relu]")
def test_samples_aligned_with_the_wrong_dims(fault: Seeding):
    fault.edit(elementwise_rule, "ndim = max(h.ndim - batched", "ndim = max(h.ndim + batched")


@falsifies("REQ-F-CPT-003", noticed_by=f"{STUBS}::test_versions_compare_by_their_numbers")
def test_versions_compared_as_words(fault: Seeding):
    fault.edit(_numbers, '.partition("+")[0]', '.partition("+")[2]')


@falsifies("REQ-F-CPT-005", noticed_by=f"{FACTORY}::test_torchs_own_keywords_are_taken")
def test_a_fill_value_that_is_ignored(fault: Seeding):
    fault.edit(_like, "new_full(tuple(input.shape), value,", "new_full(tuple(input.shape), 0,")


@falsifies("REQ-F-CPT-006", noticed_by=f"{LAID_OUT}::test_a_part_of_a_result_is_viewed_as_if_it_lay_in_order")
def test_a_view_that_torch_would_refuse(fault: Seeding):
    fault.edit(is_view_in_torch, "if base is None:", "if True:")


@falsifies(
    "REQ-F-CPT-006",
    noticed_by=(f"{LAID_OUT}::test_of_a_tensor_that_others_look_at_the_view_is_a_copy_that_cannot_be_changed[detach]"),
)
def test_a_copied_view_that_may_be_changed(fault: Seeding):
    fault.edit(refuse_change, "if owner._copy_of is not None:", "if False:")


@falsifies("REQ-F-CPT-007", noticed_by=f"{OVERRIDES}::test_attributes_can_be_copied_whole_without_the_numbers")
def test_subclasses_that_see_no_calls(fault: Seeding):
    fault.edit(
        Tensor.__torch_function__,
        "NotImplemented if overrides.STATE.off else",
        "NotImplemented if not overrides.STATE.off else",
    )


@falsifies(
    "REQ-F-GPU-001",
    "REQ-F-GPU-003",
    noticed_by=f"{SEAM}::test_tensors_on_different_devices_are_refused_by_name[cpu-cuda:0]",
)
def test_tensors_of_two_devices_that_meet(fault: Seeding):
    fault.edit(_common_device, 'if len(far) != 1 or op.promotes == "none":', "if False:")


@falsifies("REQ-F-GPU-003", noticed_by=f"{SEAM}::test_a_driver_that_does_not_answer_is_named")
def test_a_driver_that_fails_unnoticed(fault: Seeding):
    fault.edit(usable_count, "return 0", "return 1")


@falsifies(
    "REQ-F-GPU-001", noticed_by=f"{SEAM}::TestNamespace::test_seeding_starts_the_stream_that_all_devices_draw_from"
)
def test_seeding_that_leaves_the_devices_out(fault: Seeding):
    fault.edit(manual_seed, "random.manual_seed(seed)", "pass")


@falsifies("REQ-F-TEN-001", noticed_by=f"{TENSOR}::test_an_error_names_the_op_and_every_input")
def test_an_error_that_leaves_the_dtypes_out(fault: Seeding):
    fault.edit(describe, "{s.dtype.name}  {s.device}", "{s.device}")


@falsifies("REQ-F-TEN-002", noticed_by=f"{TENSOR}::test_promotion_follows_the_ranks_of_dims_scalars_and_numbers")
def test_the_smaller_of_two_dtypes(fault: Seeding):
    fault.edit(promote_types, "_WIDTH[a] > _WIDTH[b]", "_WIDTH[a] < _WIDTH[b]")


@falsifies("REQ-F-TEN-004", noticed_by=f"{SHAPES}::test_shapes_that_do_not_broadcast_are_refused")
def test_broadcasting_that_keeps_the_first_size(fault: Seeding):
    fault.edit(broadcast_shapes, "out[place] not in (1, size)", "False")


@falsifies("REQ-F-TEN-005", noticed_by=f"{MEMBERS}::test_types_construct_and_are_asked_for")
def test_a_cast_that_is_forgotten(fault: Seeding):
    fault.edit(Cast.forward, "return kernels.cast(x, self.to)", "return x")


@falsifies("REQ-F-RND-001", noticed_by=f"{SAMPLES}::test_samples_have_the_mean_and_the_variance[Normal]")
def test_samples_without_their_scale(fault: Seeding):
    fault.edit(Normal.rsample, "* self.scale", "* 1.0")


@falsifies("REQ-F-RND-001", noticed_by=f"{FORMULAS}::test_probabilities_sum_to_one_and_give_the_entropy[Bernoulli]")
def test_log_probabilities_with_the_wrong_sign(fault: Seeding):
    fault.edit(Bernoulli.log_prob, "return -binary", "return binary")


@falsifies("REQ-F-AUT-020", noticed_by=f"{TRAINING_BITS}::test_another_seed_gives_other_weights")
def test_a_generator_that_ignores_its_seed(fault: Seeding):
    fault.edit(random_manual_seed, "manual_seed(seed)", "manual_seed(0)")


@falsifies("REQ-F-GPU-001", noticed_by=f"{SEAM}::TestNamespace::test_devices_are_waited_for_and_named")
def test_a_capability_told_wrongly(fault: Seeding):
    fault.edit(get_device_capability, "int(found[:-1]), int(found[-1])", "int(found[:-1]), int(found[:-1])")
