"""Modules as functions of their parameters, under the name that torch.nn.utils has for it.

Source    semantics of torch.nn.utils.stateless
Requires  REQ-F-NN-009
"""

from __future__ import annotations

from medtorch.func.modules import functional_call as functional_call
