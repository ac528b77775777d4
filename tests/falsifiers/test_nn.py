"""Faults in modules and losses."""

from __future__ import annotations

from medtorch.nn.modules._registry import Registry
from medtorch.nn.modules._state import State
from medtorch.nn.modules.batchnorm import _BatchNorm
from medtorch.nn.modules.container import Sequential
from medtorch.nn.modules.loss import CrossEntropyLoss
from medtorch.nn.modules.module import Module
from medtorch.nn.modules.rnn import RNNBase
from medtorch.nn.modules.segmentation_loss import DiceLoss, _OverlapLoss
from medtorch.nn.modules.transformer import Transformer
from medtorch.nn.utils.clip_grad import _scale
from tests.falsifiers.seeding import Seeding, falsifies

BEHAVIOUR = "tests/nn/modules/test_behaviour.py"
CONTAINER = "tests/nn/modules/test_container.py"
LOSS = "tests/nn/modules/test_loss.py"
MODULE = "tests/nn/modules/test_module.py"
REGISTRY = "tests/nn/modules/test_registry.py"
RNN = "tests/nn/modules/test_rnn.py"
SEGMENTATION_LOSS = "tests/nn/modules/test_segmentation_loss.py"
STATE = "tests/nn/modules/test_state.py"
TRANSFORMER = "tests/nn/modules/test_transformer.py"
UTILS = "tests/nn/utils/test_utils.py"


@falsifies("REQ-F-NN-001", noticed_by=f"{MODULE}::test_train_and_eval_reach_every_module")
def test_training_mode_that_stays_at_the_outermost_module(fault: Seeding):
    fault.edit(Module.train, "module.train(mode)", "pass")


@falsifies("REQ-F-NN-001", noticed_by=f"{REGISTRY}::test_a_computed_tensor_cannot_be_a_parameter")
def test_computed_tensors_that_pass_for_parameters(fault: Seeding):
    fault.edit(Registry.register_parameter, "if param is not None and param.grad_fn is not None:", "if False:")


@falsifies("REQ-F-NN-003", noticed_by=f"{STATE}::test_a_checkpoint_of_today_without_the_count_of_batches_is_refused")
def test_missing_keys_that_are_not_told(fault: Seeding):
    fault.edit(
        State._load_from_state_dict,
        "elif strict:\n                missing_keys.append(key)",
        "elif False:\n                missing_keys.append(key)",
    )


@falsifies("REQ-F-NN-003", noticed_by=f"{STATE}::test_every_problem_is_reported_at_once")
def test_a_shape_that_does_not_fit_and_is_copied(fault: Seeding):
    fault.edit(State._load_one, "if value.shape != target.shape:", "if False:")


@falsifies("REQ-F-NN-004", noticed_by=f"{CONTAINER}::test_sequential_calls_one_after_the_other")
def test_a_sequence_that_leaves_out_its_last_module(fault: Seeding):
    fault.edit(Sequential.forward, "for module in self:", "for module in list(self)[:-1]:")


@falsifies("REQ-F-NN-005", noticed_by=f"{BEHAVIOUR}::test_batch_norm_follows_its_batches_with_momentum")
def test_batch_norm_that_learns_nothing_of_its_batches(fault: Seeding):
    fault.edit(_BatchNorm._count_batch, "return 0.0 if self.momentum is None else self.momentum", "return 0.0")


@falsifies("REQ-F-NN-005", noticed_by=f"{BEHAVIOUR}::test_batch_norm_follows_its_batches_with_momentum")
def test_batch_norm_that_takes_the_batch_in_evaluation(fault: Seeding):
    fault.edit(_BatchNorm.forward, "use_batch = self.training or", "use_batch = True or")


@falsifies(
    "REQ-F-NN-007",
    noticed_by=(f"{LOSS}::test_a_loss_gives_what_was_recorded_from_torch[CrossEntropyLoss(weight=...) 3x4x5f 3x5i]"),
)
def test_a_loss_that_ignores_the_weights_of_classes(fault: Seeding):
    fault.edit(CrossEntropyLoss.forward, "weight=self.weight", "weight=None")


@falsifies(
    "REQ-F-NN-008",
    noticed_by=f"{SEGMENTATION_LOSS}::test_a_loss_gives_what_was_recorded_from_monai[DiceLoss(softmax=True) one-hot]",
)
def test_dice_loss_with_false_positives_left_out(fault: Seeding):
    fault.edit(DiceLoss._overlap, "else probability + truth).sum(dims)", "else truth + truth).sum(dims)")


@falsifies(
    "REQ-F-NN-008",
    noticed_by=(
        f"{SEGMENTATION_LOSS}::test_a_loss_gives_what_was_recorded_from_monai"
        "[DiceLoss(softmax=True, include_background=False) one-hot]"
    ),
)
def test_a_background_that_always_counts(fault: Seeding):
    fault.edit(_OverlapLoss.forward, "probability, truth = probability[:, 1:], truth[:, 1:]", "pass")


@falsifies("REQ-F-NN-009", noticed_by=f"{UTILS}::test_a_norm_that_is_no_number_can_be_an_error[inf]")
def test_gradients_that_are_not_clipped(fault: Seeding):
    fault.edit(_scale, "min(factor, 1.0)", "max(factor, 1.0)")


@falsifies("REQ-F-NN-010", noticed_by=f"{RNN}::test_dropout_is_between_layers_in_training_only")
def test_dropout_between_layers_in_evaluation(fault: Seeding):
    fault.edit(RNNBase._run, "F.dropout(rows, self.dropout, self.training)", "F.dropout(rows, self.dropout, True)")


@falsifies(
    "REQ-F-NN-010",
    noticed_by=(
        f"{RNN}::test_a_batch_is_run_as_its_sequences_are"
        "[RNN_TANH-{'num_layers': 1, 'bidirectional': True, 'bias': False}]"
    ),
)
def test_both_directions_that_read_forwards(fault: Seeding):
    fault.edit(RNNBase._run, "direction == 1", "False")


@falsifies("REQ-F-NN-011", noticed_by=f"{TRANSFORMER}::test_a_causal_mask_is_minus_infinity_above_the_diagonal")
def test_a_mask_that_lets_the_future_through(fault: Seeding):
    fault.edit(Transformer.generate_square_subsequent_mask, "-math.inf", "0.0")
