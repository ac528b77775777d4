"""torch._dynamo's names: nothing is compiled behind the code's back.

Requires  REQ-F-CPT-003
"""

from __future__ import annotations

from medtorch.compat.torch.compiler import allow_in_graph, disable, is_compiling, reset

__all__ = ["allow_in_graph", "disable", "is_compiling", "reset"]
