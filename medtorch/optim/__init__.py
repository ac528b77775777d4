"""Optimizers and schedules of their learning rate, under torch's names.

Requires  REQ-F-OPT-001
"""

from __future__ import annotations

from medtorch.optim import lr_scheduler as lr_scheduler
from medtorch.optim.adam import Adam as Adam
from medtorch.optim.adamw import AdamW as AdamW
from medtorch.optim.optimizer import Optimizer as Optimizer
from medtorch.optim.rmsprop import RMSprop as RMSprop
from medtorch.optim.sgd import SGD as SGD
