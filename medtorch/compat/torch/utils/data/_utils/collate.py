"""torch.utils.data._utils.collate's names."""

from __future__ import annotations

import re

from medtorch.data import default_collate, default_convert

__all__ = ["default_collate", "default_convert", "np_str_obj_array_pattern"]

np_str_obj_array_pattern = re.compile(r"[SaUO]")
"""Kinds of NumPy arrays that do not become tensors."""
