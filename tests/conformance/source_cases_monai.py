"""MONAI's own networks, losses, metrics and inferers, small ones."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from monai import inferers as inf
from monai import losses as lo
from monai import metrics as me
from monai.networks import nets
from monai.networks.nets.restormer import Restormer

from tests.conformance.source_cases import Case

IMAGE, WIDE, VOLUME, BIG = (1, 1, 32, 32), (1, 1, 64, 64), (1, 1, 32, 32, 32), (1, 1, 64, 64, 64)
U = {"channels": (4, 8, 16), "strides": (2, 2)}
DYN = {"kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 8, 16]}
NETWORKS: dict[str, tuple[Callable[..., Any], dict[str, Any], tuple[tuple[int, ...], ...]]] = {
    "UNet 2d": (nets.UNet, {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, **U}, (IMAGE,)),
    "UNet 3d res": (
        nets.UNet,
        {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, **U, "num_res_units": 2},
        (VOLUME,),
    ),
    "BasicUNet": (nets.BasicUNet, {"spatial_dims": 3, "features": (4, 4, 8, 8, 8, 4)}, (VOLUME,)),
    "BasicUNet 2d deconv": (nets.BasicUNet, {"spatial_dims": 2, "features": (4, 4, 8, 8, 8, 4)}, (IMAGE,)),
    "BasicUNetPlusPlus": (
        nets.BasicUNetPlusPlus,
        {"spatial_dims": 2, "features": (4, 4, 8, 8, 8, 4), "deep_supervision": True},
        (IMAGE,),
    ),
    "AttentionUnet": (nets.AttentionUnet, {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, **U}, (IMAGE,)),
    "SegResNet": (nets.SegResNet, {"spatial_dims": 3, "init_filters": 8}, (VOLUME,)),
    "SegResNetVAE": (nets.SegResNetVAE, {"input_image_size": (32, 32, 32), "init_filters": 8}, (VOLUME,)),
    "SegResNetDS": (nets.SegResNetDS, {"init_filters": 8, "dsdepth": 2}, (VOLUME,)),
    "SegResNetDS2": (nets.SegResNetDS2, {"init_filters": 8, "dsdepth": 2}, (VOLUME,)),
    "SwinUNETR": (nets.SwinUNETR, {"in_channels": 1, "out_channels": 2, "feature_size": 12}, (BIG,)),
    "SwinUNETR v2 2d": (
        nets.SwinUNETR,
        {"in_channels": 1, "out_channels": 2, "feature_size": 12, "use_v2": True, "spatial_dims": 2},
        (WIDE,),
    ),
    "DynUNet": (nets.DynUNet, {"spatial_dims": 3, "in_channels": 1, "out_channels": 2, **DYN}, (VOLUME,)),
    "DynUNet res": (
        nets.DynUNet,
        {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, **DYN, "res_block": True, "deep_supervision": True},
        (IMAGE,),
    ),
    "UNETR": (
        nets.UNETR,
        {
            "in_channels": 1,
            "out_channels": 2,
            "img_size": 32,
            "feature_size": 8,
            "hidden_size": 48,
            "mlp_dim": 64,
            "num_heads": 4,
        },
        (VOLUME,),
    ),
    "VNet": (nets.VNet, {"spatial_dims": 3}, (VOLUME,)),
    "ViT": (
        nets.ViT,
        {
            "in_channels": 1,
            "img_size": 32,
            "patch_size": 16,
            "hidden_size": 48,
            "mlp_dim": 64,
            "num_layers": 2,
            "num_heads": 4,
            "classification": True,
        },
        (VOLUME,),
    ),
    "ViTAutoEnc": (
        nets.ViTAutoEnc,
        {
            "in_channels": 1,
            "img_size": 32,
            "patch_size": 16,
            "hidden_size": 48,
            "mlp_dim": 64,
            "num_layers": 2,
            "num_heads": 4,
        },
        (VOLUME,),
    ),
    "DenseNet121 2d": (nets.DenseNet121, {"spatial_dims": 2, "in_channels": 1, "out_channels": 3}, (IMAGE,)),
    "DenseNet 3d": (
        nets.DenseNet,
        {
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 3,
            "block_config": (2, 2),
            "growth_rate": 8,
            "init_features": 8,
        },
        (VOLUME,),
    ),
    "EfficientNetBN b0": (
        nets.EfficientNetBN,
        {"model_name": "efficientnet-b0", "pretrained": False, "spatial_dims": 2, "in_channels": 1, "num_classes": 3},
        (WIDE,),
    ),
    "resnet10 3d": (nets.resnet10, {"spatial_dims": 3, "n_input_channels": 1, "num_classes": 3}, (VOLUME,)),
    "resnet50 2d": (nets.resnet50, {"spatial_dims": 2, "n_input_channels": 1, "num_classes": 3}, (IMAGE,)),
    "SEResNet50 2d": (nets.SEResNet50, {"spatial_dims": 2, "in_channels": 1, "num_classes": 3}, (IMAGE,)),
    "SENet154 2d": (nets.SENet154, {"spatial_dims": 2, "in_channels": 1, "num_classes": 3}, (IMAGE,)),
    "HighResNet": (nets.HighResNet, {"spatial_dims": 3}, ((1, 1, 16, 16, 16),)),
    "AHNet": (nets.AHNet, {"spatial_dims": 2, "upsample_mode": "bilinear"}, ((1, 1, 128, 128),)),
    "AutoEncoder": (
        nets.AutoEncoder,
        {"spatial_dims": 2, "in_channels": 1, "out_channels": 1, "channels": (4, 8), "strides": (2, 2)},
        (IMAGE,),
    ),
    "VarAutoEncoder": (
        nets.VarAutoEncoder,
        {
            "spatial_dims": 2,
            "in_shape": (1, 32, 32),
            "out_channels": 1,
            "latent_size": 3,
            "channels": (4, 8),
            "strides": (2, 2),
        },
        (IMAGE,),
    ),
    "Classifier": (
        nets.Classifier,
        {"in_shape": (1, 32, 32), "classes": 3, "channels": (4, 8), "strides": (2, 2)},
        (IMAGE,),
    ),
    "Critic": (nets.Critic, {"in_shape": (1, 32, 32), "channels": (4, 8), "strides": (2, 2)}, (IMAGE,)),
    "Discriminator": (nets.Discriminator, {"in_shape": (1, 32, 32), "channels": (4, 8), "strides": (2, 2)}, (IMAGE,)),
    "Generator": (
        nets.Generator,
        {"latent_shape": (8,), "start_shape": (4, 8, 8), "channels": (4, 2), "strides": (2, 1)},
        ((2, 8),),
    ),
    "Regressor": (
        nets.Regressor,
        {"in_shape": (1, 32, 32), "out_shape": (2,), "channels": (4, 8), "strides": (2, 2)},
        (IMAGE,),
    ),
    "FullyConnectedNet": (
        nets.FullyConnectedNet,
        {"in_channels": 8, "out_channels": 2, "hidden_channels": (6, 4)},
        ((3, 8),),
    ),
    "VarFullyConnectedNet": (
        nets.VarFullyConnectedNet,
        {"in_channels": 8, "out_channels": 8, "latent_size": 2, "encode_channels": (6,), "decode_channels": (6,)},
        ((3, 8),),
    ),
    "RegUNet": (
        nets.RegUNet,
        {"spatial_dims": 3, "in_channels": 1, "num_channel_initial": 4, "depth": 2},
        (VOLUME,),
    ),
    "GlobalNet": (
        nets.GlobalNet,
        {"image_size": (32, 32), "spatial_dims": 2, "in_channels": 1, "num_channel_initial": 4, "depth": 2},
        (IMAGE,),
    ),
    "LocalNet": (
        nets.LocalNet,
        {"spatial_dims": 2, "in_channels": 1, "num_channel_initial": 4, "extract_levels": (0, 1, 2)},
        (IMAGE,),
    ),
    "VoxelMorphUNet": (
        nets.VoxelMorphUNet,
        {
            "spatial_dims": 2,
            "in_channels": 2,
            "unet_out_channels": 4,
            "channels": (4, 4, 4, 4, 4, 4),
            "final_conv_channels": (4, 4),
        },
        ((1, 2, 32, 32),),
    ),
    "VoxelMorph": (
        nets.VoxelMorph,
        {},
        (VOLUME, VOLUME),
    ),
    "Quicknat": (nets.Quicknat, {"num_classes": 3, "num_channels": 1, "num_filters": 8}, (IMAGE,)),
    "HoVerNet": (nets.HoVerNet, {"mode": nets.HoVerNet.Mode.FAST, "out_classes": 3}, ((1, 3, 256, 256),)),
    "DAF3D": (nets.DAF3D, {"in_channels": 1, "out_channels": 1, "visual_output": False}, (VOLUME,)),
    "FlexibleUNet": (
        nets.FlexibleUNet,
        {"in_channels": 1, "out_channels": 2, "backbone": "resnet18"},
        (WIDE,),
    ),
    "MedNeXt": (
        nets.MedNeXt,
        {
            "spatial_dims": 3,
            "init_filters": 4,
            "in_channels": 1,
            "out_channels": 2,
            "encoder_expansion_ratio": 2,
            "decoder_expansion_ratio": 2,
            "bottleneck_expansion_ratio": 2,
        },
        (VOLUME,),
    ),
    "Restormer": (
        Restormer,
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "dim": 8,
            "num_blocks": (1, 1),
            "heads": (1, 2),
            "num_refinement_blocks": 1,
        },
        (IMAGE,),
    ),
    "AutoencoderKL": (
        lambda **options: _autoencoder(**options),
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "num_res_blocks": (1, 1),
            "channels": (4, 4),
            "attention_levels": (False, False),
            "latent_channels": 2,
            "norm_num_groups": 4,
        },
        (IMAGE,),
    ),
    "VQVAE": (
        nets.VQVAE,
        {
            "spatial_dims": 2,
            "in_channels": 1,
            "out_channels": 1,
            "channels": (4, 4),
            "num_res_channels": (4, 4),
            "num_res_layers": 1,
            "downsample_parameters": ((2, 4, 1, 1),) * 2,
            "upsample_parameters": ((2, 4, 1, 1, 0),) * 2,
            "num_embeddings": 8,
            "embedding_dim": 4,
        },
        (IMAGE,),
    ),
    "PatchDiscriminator": (
        nets.PatchDiscriminator,
        {"spatial_dims": 2, "channels": 4, "in_channels": 1, "num_layers_d": 2},
        (IMAGE,),
    ),
    "MILModel": (
        nets.MILModel,
        {"num_classes": 3, "pretrained": False, "backbone": "resnet18", "mil_mode": "att"},
        ((2, 3, 3, 64, 64),),
    ),
    "TorchVisionFCModel": (
        nets.TorchVisionFCModel,
        {"model_name": "resnet18", "num_classes": 3, "pretrained": False},
        ((1, 3, 224, 224),),
    ),
}


NOT_DIFFERENTIATED = ("VarAutoEncoder", "VarFullyConnectedNet", "GlobalNet", "VQVAE")
"""PyTorch refuses to (a value was changed, a float32 constant meets float64), or the network draws random numbers."""


def networks() -> Iterator[Case]:
    """Networks; those that draw random numbers in evaluation are compared by what they draw from alone."""
    for name, (make, options, shapes) in NETWORKS.items():
        build = functools.partial(make, **options)
        yield Case("monai networks", name, build, shapes, gradients=name not in NOT_DIFFERENTIATED)
    yield Case("monai networks", "DiffusionModelUNet", _diffusion, ((1, 1, 16, 16),), prepare=_timed)
    yield Case("monai networks", "SPADENet", _spade, ((1, 3, 32, 32),))
    yield Case("monai networks", "Transformer", _decoder, ((2, 6),), prepare=_tokens, gradients=False)
    yield Case("monai networks", "NetAdapter", _adapted, ((1, 3, 224, 224),))
    yield Case("monai networks", "DiNTS", _dints, (BIG,), gradients=False)


class _Reconstructing(torch.nn.Module):
    """An autoencoder without what it draws at random."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.reconstruct(x)


def _autoencoder(**options: Any) -> Any:
    return _Reconstructing(nets.AutoencoderKL(**options))


def _diffusion() -> Any:
    return nets.DiffusionModelUNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        num_res_blocks=1,
        channels=(8, 8),
        attention_levels=(False, True),
        norm_num_groups=8,
        num_head_channels=8,
    )


def _timed(x: torch.Tensor) -> list[torch.Tensor]:
    return [x, torch.tensor([7])]


def _spade() -> Any:
    return nets.SPADENet(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        label_nc=3,
        input_shape=[32, 32],
        channels=[4, 8],
        z_dim=4,
        is_vae=False,
    )


def _decoder() -> Any:
    return nets.DecoderOnlyTransformer(
        num_tokens=11, max_seq_len=6, attn_layers_dim=16, attn_layers_depth=2, attn_layers_heads=2
    )


def _tokens(x: torch.Tensor) -> list[torch.Tensor]:
    return [(x.abs() * 5).long().clamp(max=10)]


def _adapted() -> Any:
    return nets.NetAdapter(nets.TorchVisionFCModel("resnet18", num_classes=5, pretrained=False), num_classes=3, dim=2)


def _dints() -> Any:
    space = nets.TopologyInstance(channel_mul=0.25, num_blocks=6, num_depths=3, use_downsample=True, spatial_dims=3)
    return nets.DiNTS(dints_space=space, in_channels=1, num_classes=2, use_downsample=True, spatial_dims=3)


def _labels(scores: torch.Tensor, truth: torch.Tensor) -> list[torch.Tensor]:
    """Scores and a one-hot truth of the same shape."""
    classes = torch.argmax(truth, dim=1, keepdim=True)
    hot = torch.zeros(tuple(truth.shape))
    return [scores, hot.scatter_(1, classes, 1.0)]


def _binary(scores: torch.Tensor, truth: torch.Tensor) -> list[torch.Tensor]:
    return [scores, (truth > 0).float()]


PAIR = ((2, 3, 16, 16), (2, 3, 16, 16))
LOSSES: dict[str, tuple[Callable[[], Any], Any]] = {
    "DiceLoss softmax": (lambda: lo.DiceLoss(softmax=True), _labels),
    "DiceLoss sigmoid squared": (lambda: lo.DiceLoss(sigmoid=True, squared_pred=True, jaccard=True), _binary),
    "DiceLoss batch": (lambda: lo.DiceLoss(softmax=True, batch=True, include_background=False), _labels),
    "DiceLoss weight": (lambda: lo.DiceLoss(softmax=True, weight=torch.tensor([1.0, 2.0, 3.0])), _labels),
    "GeneralizedDiceLoss": (lambda: lo.GeneralizedDiceLoss(softmax=True), _labels),
    "MaskedDiceLoss": (lambda: lo.MaskedDiceLoss(sigmoid=True), _binary),
    "GeneralizedWassersteinDiceLoss": (
        lambda: lo.GeneralizedWassersteinDiceLoss(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.5], [1.0, 0.5, 0.0]])),
        lambda a, b: [a, b.argmax(1)],
    ),
    "DiceCELoss": (lambda: lo.DiceCELoss(softmax=True, lambda_ce=0.5), _labels),
    "DiceFocalLoss": (lambda: lo.DiceFocalLoss(sigmoid=True), _binary),
    "GeneralizedDiceFocalLoss": (lambda: lo.GeneralizedDiceFocalLoss(softmax=True), _labels),
    "FocalLoss": (lambda: lo.FocalLoss(gamma=1.5, alpha=0.3), _binary),
    "FocalLoss softmax": (lambda: lo.FocalLoss(use_softmax=True, gamma=2.0), _labels),
    "TverskyLoss": (lambda: lo.TverskyLoss(softmax=True, alpha=0.3, beta=0.7), _labels),
    "AsymmetricUnifiedFocalLoss": (
        lambda: lo.AsymmetricUnifiedFocalLoss(num_classes=3),
        lambda a, b: [a.softmax(1), _labels(a, b)[1]],
    ),
    "ContrastiveLoss": (lambda: lo.ContrastiveLoss(), lambda a, b: [a[:, :, 0, 0], b[:, :, 0, 0]]),
    "SSIMLoss": (lambda: lo.SSIMLoss(spatial_dims=2), lambda a, b: [a.sigmoid(), b.sigmoid()]),
    "BendingEnergyLoss": (lambda: lambda a: lo.BendingEnergyLoss()(a), lambda a, b: [a[:, :2]]),
    "DiffusionLoss": (lambda: lambda a: lo.DiffusionLoss()(a), lambda a, b: [a[:, :2]]),
    "LocalNormalizedCrossCorrelationLoss": (lambda: lo.LocalNormalizedCrossCorrelationLoss(spatial_dims=2), None),
    "GlobalMutualInformationLoss": (
        lambda: lo.GlobalMutualInformationLoss(),
        lambda a, b: [a.sigmoid(), b.sigmoid()],
    ),
    "MultiScaleLoss": (lambda: lo.MultiScaleLoss(torch.nn.MSELoss(), scales=[0, 1]), None),
    "HausdorffDTLoss": (lambda: lo.HausdorffDTLoss(sigmoid=True), _binary),
    "LogHausdorffDTLoss": (lambda: lo.LogHausdorffDTLoss(sigmoid=True), _binary),
    "SoftclDiceLoss": (lambda: lo.SoftclDiceLoss(), lambda a, b: [_labels(a, b)[1], a.softmax(1)]),
    "SoftDiceclDiceLoss": (lambda: lo.SoftDiceclDiceLoss(), lambda a, b: [_labels(a, b)[1], a.softmax(1)]),
    "BarlowTwinsLoss": (lambda: lo.BarlowTwinsLoss(), lambda a, b: [a[:, :, 0, 0], b[:, :, 0, 0]]),
    "NACLLoss": (lambda: lo.NACLLoss(classes=3, dim=2), lambda a, b: [a, b.argmax(1)]),
    "JukeboxLoss": (lambda: lo.JukeboxLoss(spatial_dims=2), None),
    "PatchAdversarialLoss": (
        lambda: lambda a, b: lo.PatchAdversarialLoss(reduction="mean")(a, True, False),
        None,
    ),
    "DeepSupervisionLoss": (
        lambda: lambda a, b: lo.DeepSupervisionLoss(lo.DiceCELoss(softmax=True))([a, a[:, :, ::2, ::2]], b),
        _labels,
    ),
}


def losses() -> Iterator[Case]:
    """Losses, with their gradients."""
    for name, (make, prepare) in LOSSES.items():
        # PyTorch itself refuses to differentiate the generalized Dice loss, which changes what it saved
        gradients = not name.startswith("GeneralizedDice")
        yield Case("monai losses", name, make, PAIR, gradients=gradients, prepare=prepare)


def _masks(scores: torch.Tensor, truth: torch.Tensor) -> list[torch.Tensor]:
    """Two one-hot segmentations."""
    return [_labels(truth, scores)[1], _labels(scores, truth)[1]]


def _called(metric: Any) -> Callable[..., Any]:
    """A cumulative metric: its per-item answer, and its aggregate."""

    def run(prediction: torch.Tensor, truth: torch.Tensor) -> Any:
        items = metric(prediction, truth)
        return [items, metric.aggregate()]

    return run


METRICS: dict[str, tuple[Callable[[], Any], Any]] = {
    "DiceMetric": (lambda: me.DiceMetric(get_not_nans=True), _masks),
    "DiceMetric no background": (lambda: me.DiceMetric(include_background=False, reduction="mean_batch"), _masks),
    "MeanIoU": (lambda: me.MeanIoU(), _masks),
    "GeneralizedDiceScore": (lambda: me.GeneralizedDiceScore(), _masks),
    "HausdorffDistanceMetric": (lambda: me.HausdorffDistanceMetric(percentile=95), _masks),
    "SurfaceDistanceMetric": (lambda: me.SurfaceDistanceMetric(symmetric=True), _masks),
    "SurfaceDiceMetric": (lambda: me.SurfaceDiceMetric(class_thresholds=[1.0, 1.0]), _masks),
    "ConfusionMatrixMetric": (
        lambda: me.ConfusionMatrixMetric(metric_name=("sensitivity", "f1 score"), reduction="mean"),
        _masks,
    ),
    "ROCAUCMetric": (
        lambda: me.ROCAUCMetric(),
        lambda a, b: [a[:, :, 0].reshape(-1, 1), (b[:, :, 0] > 0).float().reshape(-1, 1)],
    ),
    "AveragePrecisionMetric": (
        lambda: me.AveragePrecisionMetric(),
        lambda a, b: [a[:, :, 0].reshape(-1, 1), (b[:, :, 0] > 0).float().reshape(-1, 1)],
    ),
    "MSEMetric": (lambda: me.MSEMetric(), None),
    "MAEMetric": (lambda: me.MAEMetric(), None),
    "PSNRMetric": (lambda: me.PSNRMetric(max_val=1.0), None),
    "SSIMMetric": (lambda: me.SSIMMetric(spatial_dims=2), lambda a, b: [a.sigmoid(), b.sigmoid()]),
    "MultiScaleSSIMMetric": (
        lambda: me.MultiScaleSSIMMetric(spatial_dims=2, kernel_size=3, weights=(0.5, 0.5)),
        lambda a, b: [a.sigmoid(), b.sigmoid()],
    ),
    "VarianceMetric": (lambda: lambda a, b: me.compute_variance(a), None),
    "PanopticQualityMetric": (
        lambda: me.PanopticQualityMetric(num_classes=2),
        lambda a, b: [(a[:, :2].abs() * 2).long().clamp(max=2), (b[:, :2].abs() * 2).long().clamp(max=2)],
    ),
    "FIDMetric": (
        lambda: me.FIDMetric(),
        lambda a, b: [a[:, :, 0].reshape(-1, 16)[:6, :4], b[:, :, 0].reshape(-1, 16)[:6, :4]],
    ),
    "MMDMetric": (lambda: me.MMDMetric(), None),
}


def metrics() -> Iterator[Case]:
    """Metrics: their answers for each item and together."""
    for name, (make, prepare) in METRICS.items():
        build = functools.partial(_metric, make)
        yield Case("monai metrics", name, build, PAIR, gradients=False, prepare=prepare)


def _metric(make: Callable[[], Any]) -> Callable[..., Any]:
    made = make()
    return _called(made) if hasattr(made, "aggregate") else made


def _window(mode: str, **options: Any) -> Callable[[torch.Tensor], Any]:
    net = torch.nn.Conv2d(1, 2, 3, padding=1)
    with torch.no_grad():
        net.weight.copy_(torch.arange(18.0).reshape(2, 1, 3, 3) / 18)
        net.bias.zero_()

    def run(x: torch.Tensor) -> Any:
        with torch.no_grad():
            return inf.sliding_window_inference(x, (16, 16), 3, net, overlap=0.4, mode=mode, **options)

    return run


def inferers() -> Iterator[Case]:
    """Sliding windows."""
    for mode in ("constant", "gaussian"):
        build = functools.partial(_window, mode)
        yield Case("monai inferers", f"sliding window, {mode}", build, ((1, 1, 40, 37),), gradients=False)
    build = functools.partial(_window, "gaussian", padding_mode="reflect", sigma_scale=0.2)
    yield Case("monai inferers", "sliding window, padded", build, ((1, 1, 12, 40),), gradients=False)
    yield Case("monai inferers", "SlidingWindowInferer", _inferer, ((1, 1, 40, 40),), gradients=False)


def _inferer() -> Callable[[torch.Tensor], Any]:
    inferer = inf.SlidingWindowInferer(roi_size=(16, 16), sw_batch_size=2, overlap=0.25)

    def run(x: torch.Tensor) -> Any:
        return inferer(x, torch.nn.AvgPool2d(3, stride=1, padding=1))

    return run
