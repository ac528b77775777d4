"""Every architecture under the name it is built by.

Source    semantics of torchvision.models.get_model, list_models
Requires  REQ-F-MOD-001
"""

from __future__ import annotations

import fnmatch
import inspect
from collections.abc import Callable, Container, Iterable
from types import ModuleType
from typing import Any

from medtorch.errors import ArgumentError, UnsupportedError
from medtorch.models import (
    alexnet,
    cifar_resnet,
    convnext,
    decoders,
    densenet,
    detection,
    efficientnet,
    espnet,
    googlenet,
    inception,
    lenet,
    maxvit,
    medical,
    meshnet,
    mnasnet,
    mobilenetv2,
    mobilenetv3,
    pnet,
    regnet,
    resnet,
    segmentation,
    shufflenetv2,
    squeezenet,
    swin_transformer,
    tinyvgg,
    unet,
    vgg,
    video_resnet,
    vision_transformer,
    wnet,
)
from medtorch.nn import Module

Builder = Callable[..., Module]

_BUILDERS: dict[str, Builder] = {
    "alexnet": alexnet.alexnet,
    "attention_unet": medical.AttentionUnet,
    "basic_unet": medical.BasicUNet,
    "basic_unet_plus_plus": medical.BasicUNetPlusPlus,
    "cifar_resnet20": cifar_resnet.cifar_resnet20,
    "cifar_resnet32": cifar_resnet.cifar_resnet32,
    "cifar_resnet44": cifar_resnet.cifar_resnet44,
    "cifar_resnet56": cifar_resnet.cifar_resnet56,
    "cifar_resnet110": cifar_resnet.cifar_resnet110,
    "convnext_base": convnext.convnext_base,
    "convnext_large": convnext.convnext_large,
    "convnext_small": convnext.convnext_small,
    "convnext_tiny": convnext.convnext_tiny,
    "deeplabv3_mobilenet_v3_large": segmentation.deeplabv3_mobilenet_v3_large,
    "deeplabv3_resnet50": segmentation.deeplabv3_resnet50,
    "deeplabv3_resnet101": segmentation.deeplabv3_resnet101,
    "densenet121": densenet.densenet121,
    "densenet161": densenet.densenet161,
    "densenet169": densenet.densenet169,
    "densenet201": densenet.densenet201,
    "dynunet": medical.DynUNet,
    "efficientnet_b0": efficientnet.efficientnet_b0,
    "efficientnet_b1": efficientnet.efficientnet_b1,
    "efficientnet_b2": efficientnet.efficientnet_b2,
    "efficientnet_b3": efficientnet.efficientnet_b3,
    "efficientnet_b4": efficientnet.efficientnet_b4,
    "efficientnet_b5": efficientnet.efficientnet_b5,
    "efficientnet_b6": efficientnet.efficientnet_b6,
    "efficientnet_b7": efficientnet.efficientnet_b7,
    "efficientnet_v2_l": efficientnet.efficientnet_v2_l,
    "efficientnet_v2_m": efficientnet.efficientnet_v2_m,
    "efficientnet_v2_s": efficientnet.efficientnet_v2_s,
    "espnet": espnet.espnet,
    "espnet_encoder": espnet.espnet_encoder,
    "fasterrcnn_mobilenet_v3_large_320_fpn": detection.fasterrcnn_mobilenet_v3_large_320_fpn,
    "fasterrcnn_mobilenet_v3_large_fpn": detection.fasterrcnn_mobilenet_v3_large_fpn,
    "fasterrcnn_resnet50_fpn": detection.fasterrcnn_resnet50_fpn,
    "fasterrcnn_resnet50_fpn_v2": detection.fasterrcnn_resnet50_fpn_v2,
    "fcn_resnet50": segmentation.fcn_resnet50,
    "fcn_resnet101": segmentation.fcn_resnet101,
    "googlenet": googlenet.googlenet,
    "inception_v3": inception.inception_v3,
    "lenet": lenet.lenet,
    "lraspp_mobilenet_v3_large": segmentation.lraspp_mobilenet_v3_large,
    "maskrcnn_resnet50_fpn": detection.maskrcnn_resnet50_fpn,
    "maskrcnn_resnet50_fpn_v2": detection.maskrcnn_resnet50_fpn_v2,
    "maxvit_t": maxvit.maxvit_t,
    "mc3_18": video_resnet.mc3_18,
    "meshnet": meshnet.meshnet,
    "mnasnet0_5": mnasnet.mnasnet0_5,
    "mnasnet0_75": mnasnet.mnasnet0_75,
    "mnasnet1_0": mnasnet.mnasnet1_0,
    "mnasnet1_3": mnasnet.mnasnet1_3,
    "mobilenet_v2": mobilenetv2.mobilenet_v2,
    "mobilenet_v3_large": mobilenetv3.mobilenet_v3_large,
    "mobilenet_v3_small": mobilenetv3.mobilenet_v3_small,
    "monai_unet": medical.UNet,
    "monai_vit": medical.ViT,
    "pnet": pnet.pnet,
    "r2plus1d_18": video_resnet.r2plus1d_18,
    "r3d_18": video_resnet.r3d_18,
    "regnet_x_1_6gf": regnet.regnet_x_1_6gf,
    "regnet_x_3_2gf": regnet.regnet_x_3_2gf,
    "regnet_x_8gf": regnet.regnet_x_8gf,
    "regnet_x_16gf": regnet.regnet_x_16gf,
    "regnet_x_32gf": regnet.regnet_x_32gf,
    "regnet_x_400mf": regnet.regnet_x_400mf,
    "regnet_x_800mf": regnet.regnet_x_800mf,
    "regnet_y_1_6gf": regnet.regnet_y_1_6gf,
    "regnet_y_3_2gf": regnet.regnet_y_3_2gf,
    "regnet_y_8gf": regnet.regnet_y_8gf,
    "regnet_y_16gf": regnet.regnet_y_16gf,
    "regnet_y_32gf": regnet.regnet_y_32gf,
    "regnet_y_128gf": regnet.regnet_y_128gf,
    "regnet_y_400mf": regnet.regnet_y_400mf,
    "regnet_y_800mf": regnet.regnet_y_800mf,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "resnet101": resnet.resnet101,
    "resnet152": resnet.resnet152,
    "resnext50_32x4d": resnet.resnext50_32x4d,
    "resnext101_32x8d": resnet.resnext101_32x8d,
    "resnext101_64x4d": resnet.resnext101_64x4d,
    "retinanet_resnet50_fpn": detection.retinanet_resnet50_fpn,
    "retinanet_resnet50_fpn_v2": detection.retinanet_resnet50_fpn_v2,
    "segresnet": medical.SegResNet,
    "segresnet_ds": medical.SegResNetDS,
    "segresnet_vae": medical.SegResNetVAE,
    "shufflenet_v2_x0_5": shufflenetv2.shufflenet_v2_x0_5,
    "shufflenet_v2_x1_0": shufflenetv2.shufflenet_v2_x1_0,
    "shufflenet_v2_x1_5": shufflenetv2.shufflenet_v2_x1_5,
    "shufflenet_v2_x2_0": shufflenetv2.shufflenet_v2_x2_0,
    "smp_deeplabv3": decoders.DeepLabV3,
    "smp_deeplabv3plus": decoders.DeepLabV3Plus,
    "smp_fpn": decoders.FPN,
    "smp_linknet": decoders.Linknet,
    "smp_manet": decoders.MAnet,
    "smp_pan": decoders.PAN,
    "smp_pspnet": decoders.PSPNet,
    "smp_unet": decoders.Unet,
    "smp_unetplusplus": decoders.UnetPlusPlus,
    "squeezenet1_0": squeezenet.squeezenet1_0,
    "squeezenet1_1": squeezenet.squeezenet1_1,
    "swin_b": swin_transformer.swin_b,
    "swin_s": swin_transformer.swin_s,
    "swin_t": swin_transformer.swin_t,
    "swin_unetr": medical.SwinUNETR,
    "swin_v2_b": swin_transformer.swin_v2_b,
    "swin_v2_s": swin_transformer.swin_v2_s,
    "swin_v2_t": swin_transformer.swin_v2_t,
    "tinyvgg": tinyvgg.tinyvgg,
    "unet": unet.unet,
    "unetr": medical.UNETR,
    "vgg11": vgg.vgg11,
    "vgg11_bn": vgg.vgg11_bn,
    "vgg13": vgg.vgg13,
    "vgg13_bn": vgg.vgg13_bn,
    "vgg16": vgg.vgg16,
    "vgg16_bn": vgg.vgg16_bn,
    "vgg19": vgg.vgg19,
    "vgg19_bn": vgg.vgg19_bn,
    "vit_b_16": vision_transformer.vit_b_16,
    "vit_b_32": vision_transformer.vit_b_32,
    "vit_h_14": vision_transformer.vit_h_14,
    "vit_l_16": vision_transformer.vit_l_16,
    "vit_l_32": vision_transformer.vit_l_32,
    "vnet": medical.VNet,
    "wide_resnet50_2": resnet.wide_resnet50_2,
    "wide_resnet101_2": resnet.wide_resnet101_2,
    "wnet": wnet.wnet,
}


def list_models(
    module: ModuleType | None = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
) -> list[str]:
    """The names that get_model takes, sorted; those of builders in `module`, by shell patterns.

    Raises    ArgumentError for a `module` that is none
    """
    if module is not None and not isinstance(module, ModuleType):
        raise ArgumentError(f"list_models: module must be a module, got {module!r}; patterns go to include and exclude")
    wanted, unwanted = _patterns(include, ("*",)), _patterns(exclude, ())
    return sorted(
        n
        for n, builder in _BUILDERS.items()
        if (module is None or _lives_in(builder, module)) and _matches(n, wanted) and not _matches(n, unwanted)
    )


def get_model_builder(name: str) -> Builder:
    """What builds `name`, in large or small letters. Raises ArgumentError for an unknown name, with the known ones."""
    if name.lower() not in _BUILDERS:
        raise ArgumentError(f"get_model: unknown model {name!r}; have {', '.join(list_models())}")
    return _BUILDERS[name.lower()]


def get_model(name: str, *, weights: None = None, **config: Any) -> Module:
    """A new model with fresh weights; `config` goes to its builder.

    `num_classes` is understood by all: of a builder that calls them so, it is out_channels or classes.
    Raises    ArgumentError for an unknown name or argument; UnsupportedError if `weights` are asked for
    """
    builder = get_model_builder(name)
    if weights is not None:
        raise UnsupportedError(f"get_model: no weights come with medtorch; load a bundle, or a checkpoint into {name}")
    signature = inspect.signature(builder)
    told = _with_origins_name(config, signature.parameters)
    try:
        signature.bind(**told)
    except TypeError as wrong:
        raise ArgumentError(f"get_model: {name}{signature}: {wrong}") from wrong
    try:
        return builder(**told)
    except TypeError as wrong:  # of builders that hand on what they are given
        if "unexpected keyword argument" not in str(wrong):
            raise
        raise ArgumentError(f"get_model: {name}: {wrong}") from wrong


def _with_origins_name(config: dict[str, Any], taken: Container[str]) -> dict[str, Any]:
    name = next((n for n in ("out_channels", "classes") if n in taken), None)
    if "num_classes" not in config or "num_classes" in taken or name is None or name in config:
        return config
    return {name if k == "num_classes" else k: v for k, v in config.items()}


def _lives_in(builder: Builder, module: ModuleType) -> bool:
    return module.__name__ in (builder.__module__, builder.__module__.rpartition(".")[0])


def _patterns(given: str | Iterable[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    return default if given is None else (given,) if isinstance(given, str) else tuple(given)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
