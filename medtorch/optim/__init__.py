"""Optimizers and schedules of their learning rate, under torch's names.

Requires  REQ-F-OPT-001
"""

from __future__ import annotations

from medtorch.optim import lr_scheduler as lr_scheduler
from medtorch.optim import swa_utils as swa_utils
from medtorch.optim.adadelta import Adadelta as Adadelta
from medtorch.optim.adafactor import Adafactor as Adafactor
from medtorch.optim.adagrad import Adagrad as Adagrad
from medtorch.optim.adam import Adam as Adam
from medtorch.optim.adamax import Adamax as Adamax
from medtorch.optim.adamw import AdamW as AdamW
from medtorch.optim.asgd import ASGD as ASGD
from medtorch.optim.lbfgs import LBFGS as LBFGS
from medtorch.optim.muon import Muon as Muon
from medtorch.optim.nadam import NAdam as NAdam
from medtorch.optim.optimizer import Optimizer as Optimizer
from medtorch.optim.radam import RAdam as RAdam
from medtorch.optim.rmsprop import RMSprop as RMSprop
from medtorch.optim.rprop import Rprop as Rprop
from medtorch.optim.sgd import SGD as SGD
from medtorch.optim.sparse_adam import SparseAdam as SparseAdam
