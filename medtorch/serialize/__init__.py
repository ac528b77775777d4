"""Files of models: PyTorch's, safetensors and bundles. Loading never runs anything that a file holds.

Public names: load_torch, save_torch, inspect_torch, find_state_dict; load_safetensors, save_safetensors,
read_safetensors; read_bundle, write_bundle, bundle_digest, check_state_dict, run_golden and the dataclasses of a
bundle's description; Limits.
"""

from medtorch.serialize.bundle import BundleData, GoldenCase, bundle_digest, read_bundle, write_bundle
from medtorch.serialize.limits import DEFAULT_LIMITS, Limits
from medtorch.serialize.manifest import (
    Architecture,
    Checkpoint,
    Description,
    Input,
    Licence,
    Manifest,
    Origin,
    TensorEntry,
    Tolerance,
)
from medtorch.serialize.plans import has_plans, pack_plans, unpack_plans
from medtorch.serialize.safetensors import SafetensorsFile, load_safetensors, read_safetensors, save_safetensors
from medtorch.serialize.selftest import GoldenResult, check_state_dict, run_golden
from medtorch.serialize.statedict import Candidate, FoundStateDict, find_state_dict
from medtorch.serialize.torchfile import TorchFile, inspect_torch, load_torch
from medtorch.serialize.torchwriter import save_torch

__all__ = [
    "DEFAULT_LIMITS",
    "Architecture",
    "BundleData",
    "Candidate",
    "Checkpoint",
    "Description",
    "FoundStateDict",
    "GoldenCase",
    "GoldenResult",
    "Input",
    "Licence",
    "Limits",
    "Manifest",
    "Origin",
    "SafetensorsFile",
    "TensorEntry",
    "Tolerance",
    "TorchFile",
    "bundle_digest",
    "check_state_dict",
    "find_state_dict",
    "has_plans",
    "inspect_torch",
    "load_safetensors",
    "load_torch",
    "pack_plans",
    "read_bundle",
    "read_safetensors",
    "run_golden",
    "save_safetensors",
    "save_torch",
    "unpack_plans",
    "write_bundle",
]
