"""Networks for medical images in two and three dimensions, under MONAI's arguments and state_dict keys.

Source    semantics of monai.networks.nets 1.6.1
Requires  REQ-F-MOD-030
"""

from __future__ import annotations

from medtorch.models.medical.attention_unet import AttentionUnet
from medtorch.models.medical.basic_unet import BasicUNet, BasicUNetPlusPlus
from medtorch.models.medical.dynunet import DynUNet
from medtorch.models.medical.segresnet import SegResNet, SegResNetVAE
from medtorch.models.medical.segresnet_ds import SegResNetDS
from medtorch.models.medical.swin_unetr import SwinUNETR
from medtorch.models.medical.unet import UNet
from medtorch.models.medical.unetr import UNETR
from medtorch.models.medical.vit import ViT
from medtorch.models.medical.vnet import VNet

__all__ = [
    "UNETR",
    "AttentionUnet",
    "BasicUNet",
    "BasicUNetPlusPlus",
    "DynUNet",
    "SegResNet",
    "SegResNetDS",
    "SegResNetVAE",
    "SwinUNETR",
    "UNet",
    "VNet",
    "ViT",
]
