"""Training from a description: data, model, loss, optimizer, schedule; exact resume; the best epoch becomes a bundle.

Public names: read_config, parse_config, train, TrainingConfig, Outcome, Observer, Plan.
"""

from medtorch.training.config import TrainingConfig
from medtorch.training.log import Record
from medtorch.training.loop import Outcome, train
from medtorch.training.observer import Observer, Plan, Silent
from medtorch.training.parse import parse_config, read_config

__all__ = [
    "Observer", "Outcome", "Plan", "Record", "Silent", "TrainingConfig", "parse_config", "read_config", "train",
]  # fmt: skip
