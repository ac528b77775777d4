"""Single-frame DICOM to an Image, through pydicom: values in the modality's unit, bright is high."""
from __future__ import annotations

from medtorch.data.image import Image
from medtorch.data.read_options import ReadOptions
from medtorch.errors import UnsupportedError


def read_dicom(content: bytes, name: str, options: ReadOptions) -> Image:
    raise UnsupportedError(f"{name}: DICOM")
