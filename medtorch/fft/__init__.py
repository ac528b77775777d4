"""torch.fft's names.

`n` or `s` cut the signal, or fill it up with zeros, first. `norm` is "backward" (1 / n on the inverse transforms),
"forward" (1 / n on the forward ones) or "ortho" (1 / sqrt n on both). Whole numbers count as floating ones.

Source    semantics of torch.fft
Requires  REQ-F-OPS-214
"""

from __future__ import annotations

from medtorch.fft.frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from medtorch.fft.many import (
    fft2,
    fftn,
    hfft2,
    hfftn,
    ifft2,
    ifftn,
    ihfft2,
    ihfftn,
    irfft2,
    irfftn,
    rfft2,
    rfftn,
)
from medtorch.fft.one import fft, hfft, ifft, ihfft, irfft, rfft

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
