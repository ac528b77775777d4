"""Segmenters of a classifier's features and a decoder, under segmentation_models_pytorch's arguments and keys.

Source    semantics of segmentation_models_pytorch 0.6.0
Requires  REQ-F-MOD-032
"""

from __future__ import annotations

from medtorch.models.decoders.deeplab import DeepLabV3, DeepLabV3Plus
from medtorch.models.decoders.encoders import get_encoder, get_encoder_names
from medtorch.models.decoders.fpn import FPN
from medtorch.models.decoders.linknet import Linknet
from medtorch.models.decoders.manet import MAnet
from medtorch.models.decoders.pan import PAN
from medtorch.models.decoders.pspnet import PSPNet
from medtorch.models.decoders.unet import Unet
from medtorch.models.decoders.unetplusplus import UnetPlusPlus

__all__ = [
    "FPN",
    "PAN",
    "DeepLabV3",
    "DeepLabV3Plus",
    "Linknet",
    "MAnet",
    "PSPNet",
    "Unet",
    "UnetPlusPlus",
    "get_encoder",
    "get_encoder_names",
]
