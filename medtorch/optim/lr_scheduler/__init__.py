"""Schedules of the learning rate, under torch's names."""

from __future__ import annotations

from medtorch.optim.lr_scheduler.base import LRScheduler as LRScheduler
from medtorch.optim.lr_scheduler.base import _LRScheduler as _LRScheduler
from medtorch.optim.lr_scheduler.combined import ChainedScheduler as ChainedScheduler
from medtorch.optim.lr_scheduler.combined import SequentialLR as SequentialLR
from medtorch.optim.lr_scheduler.cosine import CosineAnnealingLR as CosineAnnealingLR
from medtorch.optim.lr_scheduler.cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from medtorch.optim.lr_scheduler.cyclic import CyclicLR as CyclicLR
from medtorch.optim.lr_scheduler.decay import ConstantLR as ConstantLR
from medtorch.optim.lr_scheduler.decay import ExponentialLR as ExponentialLR
from medtorch.optim.lr_scheduler.decay import LinearLR as LinearLR
from medtorch.optim.lr_scheduler.decay import MultiStepLR as MultiStepLR
from medtorch.optim.lr_scheduler.decay import PolynomialLR as PolynomialLR
from medtorch.optim.lr_scheduler.decay import StepLR as StepLR
from medtorch.optim.lr_scheduler.functions import LambdaLR as LambdaLR
from medtorch.optim.lr_scheduler.functions import MultiplicativeLR as MultiplicativeLR
from medtorch.optim.lr_scheduler.one_cycle import OneCycleLR as OneCycleLR
from medtorch.optim.lr_scheduler.plateau import ReduceLROnPlateau as ReduceLROnPlateau
