"""torch.utils.model_zoo's names."""

from __future__ import annotations

from medtorch.compat.torch.hub import load_state_dict_from_url, tqdm

load_url = load_state_dict_from_url

__all__ = ["load_state_dict_from_url", "load_url", "tqdm"]
