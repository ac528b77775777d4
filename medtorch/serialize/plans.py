"""A compiled model's plans as two files of a bundle: what they do as JSON, their constants as safetensors.

Requires  REQ-F-CMP-010
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from medtorch.core.graph.compiled import Compiled
from medtorch.core.graph.saved.restoring import restore_plans
from medtorch.core.graph.saved.saving import save_plans
from medtorch.errors import FormatError
from medtorch.serialize.jsontext import parse_json, plain_json, write_json
from medtorch.serialize.limits import DEFAULT_LIMITS, Limits
from medtorch.serialize.safetensors import pack_safetensors, parse_safetensors
from medtorch.serialize.source import Source

PLANS, CONSTANTS = "plans.json", "plans.safetensors"


def pack_plans(compiled: Compiled) -> dict[str, bytes]:
    """The files that hold the plans of `compiled`.

    Raises    UnsupportedError for a plan of another device than the CPU, or with an op that cannot be saved
    """
    data, arrays = save_plans(compiled)
    text = write_json(plain_json(data, PLANS, "$")).encode("utf-8")
    return {PLANS: text, CONSTANTS: b"".join(bytes(piece) for piece in pack_safetensors(arrays))}


def has_plans(files: Mapping[str, bytes | memoryview]) -> bool:
    """Whether a bundle's files hold plans. Raises FormatError where only one of the two files is there."""
    present = {PLANS, CONSTANTS} & set(files)
    if len(present) == 1:
        raise FormatError(f"the bundle has {present.pop()} alone: plans are {PLANS} and {CONSTANTS}")
    return bool(present)


def unpack_plans(
    model: Callable[..., Any], files: Mapping[str, bytes | memoryview], limits: Limits = DEFAULT_LIMITS
) -> Compiled:
    """`model` compiled as the files say. The bytes have been checked against their digests before.

    Raises    FormatError, LimitError
    """
    data = parse_json(bytes(files[PLANS]), PLANS, limits)
    constants = Source(CONSTANTS, np.frombuffer(files[CONSTANTS], np.uint8))  # each is copied when its turn comes
    arrays = parse_safetensors(constants, limits).tensors
    return restore_plans(model, data, arrays, most_bytes=limits.tensor_bytes)
