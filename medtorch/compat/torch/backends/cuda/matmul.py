"""Permissions that are never made use of: products are computed in full precision."""

from __future__ import annotations

__all__ = ["allow_bf16_reduced_precision_reduction", "allow_fp16_reduced_precision_reduction", "allow_tf32"]

allow_tf32 = False
allow_fp16_reduced_precision_reduction = False
allow_bf16_reduced_precision_reduction = False
