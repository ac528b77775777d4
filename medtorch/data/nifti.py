"""NIfTI volumes."""
from __future__ import annotations

from medtorch.data.image import Image
from medtorch.data.read_options import ReadOptions
from medtorch.errors import UnsupportedError


def read_nifti(content: bytes, name: str, options: ReadOptions, max_bytes: int) -> Image:
    raise UnsupportedError(f"{name}: NIfTI")
