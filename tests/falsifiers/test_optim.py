"""Faults in optimizers."""

from __future__ import annotations

from medtorch.core.backends.reference.optimizer import OptimizerKernels
from medtorch.optim.adam import Adam
from medtorch.optim.optimizer import Optimizer
from medtorch.optim.rmsprop import RMSprop
from medtorch.optim.sgd import SGD
from medtorch.optim.swa_utils import get_swa_avg_fn, update_bn
from tests.falsifiers.seeding import Seeding, falsifies

CPU_OPTIMIZER = "tests/core/backends/cpu/test_optimizer.py"
OPTIMIZER = "tests/optim/test_optimizer.py"
RESUME = "tests/optim/test_resume.py"
RULES = "tests/optim/test_rules.py"
SWA_UTILS = "tests/optim/test_swa_utils.py"


@falsifies("REQ-F-OPT-001", noticed_by=f"{OPTIMIZER}::test_a_group_can_come_later")
def test_groups_that_lose_their_own_options(fault: Seeding):
    fault.edit(Optimizer.add_param_group, "group.setdefault(name, default)", "group[name] = default")


@falsifies(
    "REQ-F-OPT-001", noticed_by=f"{OPTIMIZER}::test_step_hooks_are_called_around_each_step_also_of_ones_own_optimizers"
)
def test_hooks_that_are_not_called(fault: Seeding):
    fault.edit(Optimizer.__init_subclass__, 'if "step" in cls.__dict__:', "if False:")


@falsifies(
    "REQ-F-OPT-002",
    noticed_by=(
        f"{CPU_OPTIMIZER}::test_one_call_and_the_loop_over_parameters_give_the_same_bits[float32-SGD with momentum]"
    ),
)
def test_momentum_that_is_left_out(fault: Seeding):
    fault.edit(SGD._update, 'grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer', "pass")


@falsifies(
    "REQ-F-OPT-002",
    noticed_by=(
        f"{CPU_OPTIMIZER}::test_one_call_and_the_loop_over_parameters_give_the_same_bits[float32-SGD with momentum]"
    ),
)
def test_weight_decay_with_the_wrong_sign(fault: Seeding):
    fault.edit(SGD._update, 'alpha=group["weight_decay"]', 'alpha=-group["weight_decay"]')


@falsifies(
    "REQ-F-OPT-003",
    noticed_by=f"{CPU_OPTIMIZER}::test_one_call_and_the_loop_over_parameters_give_the_same_bits[float64-AdamW]",
)
def test_adam_without_the_correction_of_its_start(fault: Seeding):
    fault.edit(Adam._update, "-lr / (1 - beta1**step)", "-lr")


@falsifies("REQ-F-OPT-006", noticed_by=f"{RESUME}::test_a_resumed_run_gives_the_same_bits[SGD-options0-float32]")
def test_an_optimizer_that_forgets_what_it_is_loaded_with(fault: Seeding):
    fault.edit(Optimizer.load_state_dict, "self.state, self.param_groups = state, groups", "self.param_groups = groups")


@falsifies("REQ-F-OPT-009", noticed_by=f"{SWA_UTILS}::test_buffers_are_those_of_the_last_model_or_averaged_too")
def test_an_average_that_weighs_the_newest_too_much(fault: Seeding):
    fault.edit(get_swa_avg_fn, "(num_averaged + 1)", "num_averaged")


@falsifies("REQ-F-OPT-009", noticed_by=f"{SWA_UTILS}::test_update_bn_takes_the_mean_of_the_batches_statistics")
def test_statistics_that_keep_their_momentum(fault: Seeding):
    fault.edit(update_bn, "layer.momentum = None", "pass")


@falsifies(
    "REQ-F-OPT-020",
    noticed_by=f"{CPU_OPTIMIZER}::test_adam_gives_the_same_bits_everywhere[((0.9, 0.999), 0.0, False, False, False)]",
)
def test_adam_in_the_reference_with_another_rounding(fault: Seeding):
    fault.edit(
        OptimizerKernels.adam_step,
        "mean + one(near) * gap if near < 0.5 else g - gap * one(1 - near)",
        "mean * one(1 - near) + g * one(near)",
    )


@falsifies("REQ-F-OPT-004", noticed_by=f"{RULES}::test_twelve_steps_in_float64_follow_the_formula[RMSprop-options52]")
def test_a_mean_of_squares_with_its_weights_exchanged(fault: Seeding):
    fault.edit(RMSprop._update, "square.mul_(alpha)", "square.mul_(1 - alpha)")
