"""Architectures, built by name. state_dict keys are those of each origin, so that its checkpoints load strictly.

Requires  REQ-F-MOD-001
"""

from __future__ import annotations

from medtorch.models.registry import get_model, get_model_builder, list_models

__all__ = ["get_model", "get_model_builder", "list_models"]
