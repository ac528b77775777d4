"""Layers, losses, initialisers: torch.nn's names.

Requires  REQ-F-NN-001
"""

from __future__ import annotations

from medtorch.nn import functional as functional
from medtorch.nn import init as init
from medtorch.nn import modules as modules
from medtorch.nn import parameter as parameter
from medtorch.nn import utils as utils
from medtorch.nn.modules.activation import (
    CELU as CELU,
)
from medtorch.nn.modules.activation import (
    ELU as ELU,
)
from medtorch.nn.modules.activation import (
    GELU as GELU,
)
from medtorch.nn.modules.activation import (
    GLU as GLU,
)
from medtorch.nn.modules.activation import (
    SELU as SELU,
)
from medtorch.nn.modules.activation import (
    Hardshrink as Hardshrink,
)
from medtorch.nn.modules.activation import (
    Hardsigmoid as Hardsigmoid,
)
from medtorch.nn.modules.activation import (
    Hardswish as Hardswish,
)
from medtorch.nn.modules.activation import (
    Hardtanh as Hardtanh,
)
from medtorch.nn.modules.activation import (
    LeakyReLU as LeakyReLU,
)
from medtorch.nn.modules.activation import (
    LogSigmoid as LogSigmoid,
)
from medtorch.nn.modules.activation import (
    LogSoftmax as LogSoftmax,
)
from medtorch.nn.modules.activation import (
    Mish as Mish,
)
from medtorch.nn.modules.activation import (
    PReLU as PReLU,
)
from medtorch.nn.modules.activation import (
    ReLU as ReLU,
)
from medtorch.nn.modules.activation import (
    ReLU6 as ReLU6,
)
from medtorch.nn.modules.activation import (
    RReLU as RReLU,
)
from medtorch.nn.modules.activation import (
    Sigmoid as Sigmoid,
)
from medtorch.nn.modules.activation import (
    SiLU as SiLU,
)
from medtorch.nn.modules.activation import (
    Softmax as Softmax,
)
from medtorch.nn.modules.activation import (
    Softmax2d as Softmax2d,
)
from medtorch.nn.modules.activation import (
    Softmin as Softmin,
)
from medtorch.nn.modules.activation import (
    Softplus as Softplus,
)
from medtorch.nn.modules.activation import (
    Softshrink as Softshrink,
)
from medtorch.nn.modules.activation import (
    Softsign as Softsign,
)
from medtorch.nn.modules.activation import (
    Tanh as Tanh,
)
from medtorch.nn.modules.activation import (
    Tanhshrink as Tanhshrink,
)
from medtorch.nn.modules.activation import (
    Threshold as Threshold,
)
from medtorch.nn.modules.attention import (
    MultiheadAttention as MultiheadAttention,
)
from medtorch.nn.modules.batchnorm import (
    BatchNorm1d as BatchNorm1d,
)
from medtorch.nn.modules.batchnorm import (
    BatchNorm2d as BatchNorm2d,
)
from medtorch.nn.modules.batchnorm import (
    BatchNorm3d as BatchNorm3d,
)
from medtorch.nn.modules.batchnorm import (
    SyncBatchNorm as SyncBatchNorm,
)
from medtorch.nn.modules.channelshuffle import (
    ChannelShuffle as ChannelShuffle,
)
from medtorch.nn.modules.container import (
    ModuleDict as ModuleDict,
)
from medtorch.nn.modules.container import (
    ModuleList as ModuleList,
)
from medtorch.nn.modules.container import (
    Sequential as Sequential,
)
from medtorch.nn.modules.conv import (
    Conv1d as Conv1d,
)
from medtorch.nn.modules.conv import (
    Conv2d as Conv2d,
)
from medtorch.nn.modules.conv import (
    Conv3d as Conv3d,
)
from medtorch.nn.modules.conv import (
    ConvTranspose1d as ConvTranspose1d,
)
from medtorch.nn.modules.conv import (
    ConvTranspose2d as ConvTranspose2d,
)
from medtorch.nn.modules.conv import (
    ConvTranspose3d as ConvTranspose3d,
)
from medtorch.nn.modules.distance import (
    CosineSimilarity as CosineSimilarity,
)
from medtorch.nn.modules.distance import (
    PairwiseDistance as PairwiseDistance,
)
from medtorch.nn.modules.dropout import (
    AlphaDropout as AlphaDropout,
)
from medtorch.nn.modules.dropout import (
    Dropout as Dropout,
)
from medtorch.nn.modules.dropout import (
    Dropout1d as Dropout1d,
)
from medtorch.nn.modules.dropout import (
    Dropout2d as Dropout2d,
)
from medtorch.nn.modules.dropout import (
    Dropout3d as Dropout3d,
)
from medtorch.nn.modules.dropout import (
    FeatureAlphaDropout as FeatureAlphaDropout,
)
from medtorch.nn.modules.flatten import (
    Flatten as Flatten,
)
from medtorch.nn.modules.flatten import (
    Unflatten as Unflatten,
)
from medtorch.nn.modules.fold import (
    Fold as Fold,
)
from medtorch.nn.modules.fold import (
    Unfold as Unfold,
)
from medtorch.nn.modules.instancenorm import (
    InstanceNorm1d as InstanceNorm1d,
)
from medtorch.nn.modules.instancenorm import (
    InstanceNorm2d as InstanceNorm2d,
)
from medtorch.nn.modules.instancenorm import (
    InstanceNorm3d as InstanceNorm3d,
)
from medtorch.nn.modules.linear import (
    Bilinear as Bilinear,
)
from medtorch.nn.modules.linear import (
    Identity as Identity,
)
from medtorch.nn.modules.linear import (
    Linear as Linear,
)
from medtorch.nn.modules.loss import (
    BCELoss as BCELoss,
)
from medtorch.nn.modules.loss import (
    BCEWithLogitsLoss as BCEWithLogitsLoss,
)
from medtorch.nn.modules.loss import (
    CrossEntropyLoss as CrossEntropyLoss,
)
from medtorch.nn.modules.loss import (
    HuberLoss as HuberLoss,
)
from medtorch.nn.modules.loss import (
    KLDivLoss as KLDivLoss,
)
from medtorch.nn.modules.loss import (
    L1Loss as L1Loss,
)
from medtorch.nn.modules.loss import (
    MSELoss as MSELoss,
)
from medtorch.nn.modules.loss import (
    NLLLoss as NLLLoss,
)
from medtorch.nn.modules.loss import (
    SmoothL1Loss as SmoothL1Loss,
)
from medtorch.nn.modules.margin_loss import (
    CosineEmbeddingLoss as CosineEmbeddingLoss,
)
from medtorch.nn.modules.margin_loss import (
    GaussianNLLLoss as GaussianNLLLoss,
)
from medtorch.nn.modules.margin_loss import (
    HingeEmbeddingLoss as HingeEmbeddingLoss,
)
from medtorch.nn.modules.margin_loss import (
    MarginRankingLoss as MarginRankingLoss,
)
from medtorch.nn.modules.margin_loss import (
    MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss,
)
from medtorch.nn.modules.margin_loss import (
    MultiMarginLoss as MultiMarginLoss,
)
from medtorch.nn.modules.margin_loss import (
    PoissonNLLLoss as PoissonNLLLoss,
)
from medtorch.nn.modules.margin_loss import (
    SoftMarginLoss as SoftMarginLoss,
)
from medtorch.nn.modules.margin_loss import (
    TripletMarginLoss as TripletMarginLoss,
)
from medtorch.nn.modules.margin_loss import (
    TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss,
)
from medtorch.nn.modules.module import (
    Module as Module,
)
from medtorch.nn.modules.normalization import (
    GroupNorm as GroupNorm,
)
from medtorch.nn.modules.normalization import (
    LayerNorm as LayerNorm,
)
from medtorch.nn.modules.normalization import (
    LocalResponseNorm as LocalResponseNorm,
)
from medtorch.nn.modules.normalization import (
    RMSNorm as RMSNorm,
)
from medtorch.nn.modules.padding import (
    CircularPad1d as CircularPad1d,
)
from medtorch.nn.modules.padding import (
    CircularPad2d as CircularPad2d,
)
from medtorch.nn.modules.padding import (
    CircularPad3d as CircularPad3d,
)
from medtorch.nn.modules.padding import (
    ConstantPad1d as ConstantPad1d,
)
from medtorch.nn.modules.padding import (
    ConstantPad2d as ConstantPad2d,
)
from medtorch.nn.modules.padding import (
    ConstantPad3d as ConstantPad3d,
)
from medtorch.nn.modules.padding import (
    ReflectionPad1d as ReflectionPad1d,
)
from medtorch.nn.modules.padding import (
    ReflectionPad2d as ReflectionPad2d,
)
from medtorch.nn.modules.padding import (
    ReflectionPad3d as ReflectionPad3d,
)
from medtorch.nn.modules.padding import (
    ReplicationPad1d as ReplicationPad1d,
)
from medtorch.nn.modules.padding import (
    ReplicationPad2d as ReplicationPad2d,
)
from medtorch.nn.modules.padding import (
    ReplicationPad3d as ReplicationPad3d,
)
from medtorch.nn.modules.padding import (
    ZeroPad1d as ZeroPad1d,
)
from medtorch.nn.modules.padding import (
    ZeroPad2d as ZeroPad2d,
)
from medtorch.nn.modules.padding import (
    ZeroPad3d as ZeroPad3d,
)
from medtorch.nn.modules.parameters import (
    ParameterDict as ParameterDict,
)
from medtorch.nn.modules.parameters import (
    ParameterList as ParameterList,
)
from medtorch.nn.modules.pixelshuffle import (
    PixelShuffle as PixelShuffle,
)
from medtorch.nn.modules.pixelshuffle import (
    PixelUnshuffle as PixelUnshuffle,
)
from medtorch.nn.modules.pooling import (
    AdaptiveAvgPool1d as AdaptiveAvgPool1d,
)
from medtorch.nn.modules.pooling import (
    AdaptiveAvgPool2d as AdaptiveAvgPool2d,
)
from medtorch.nn.modules.pooling import (
    AdaptiveAvgPool3d as AdaptiveAvgPool3d,
)
from medtorch.nn.modules.pooling import (
    AdaptiveMaxPool1d as AdaptiveMaxPool1d,
)
from medtorch.nn.modules.pooling import (
    AdaptiveMaxPool2d as AdaptiveMaxPool2d,
)
from medtorch.nn.modules.pooling import (
    AdaptiveMaxPool3d as AdaptiveMaxPool3d,
)
from medtorch.nn.modules.pooling import (
    AvgPool1d as AvgPool1d,
)
from medtorch.nn.modules.pooling import (
    AvgPool2d as AvgPool2d,
)
from medtorch.nn.modules.pooling import (
    AvgPool3d as AvgPool3d,
)
from medtorch.nn.modules.pooling import (
    LPPool1d as LPPool1d,
)
from medtorch.nn.modules.pooling import (
    LPPool2d as LPPool2d,
)
from medtorch.nn.modules.pooling import (
    LPPool3d as LPPool3d,
)
from medtorch.nn.modules.pooling import (
    MaxPool1d as MaxPool1d,
)
from medtorch.nn.modules.pooling import (
    MaxPool2d as MaxPool2d,
)
from medtorch.nn.modules.pooling import (
    MaxPool3d as MaxPool3d,
)
from medtorch.nn.modules.pooling import (
    MaxUnpool1d as MaxUnpool1d,
)
from medtorch.nn.modules.pooling import (
    MaxUnpool2d as MaxUnpool2d,
)
from medtorch.nn.modules.pooling import (
    MaxUnpool3d as MaxUnpool3d,
)
from medtorch.nn.modules.segmentation_loss import (
    DiceCELoss as DiceCELoss,
)
from medtorch.nn.modules.segmentation_loss import (
    DiceLoss as DiceLoss,
)
from medtorch.nn.modules.segmentation_loss import (
    FocalLoss as FocalLoss,
)
from medtorch.nn.modules.segmentation_loss import (
    TverskyLoss as TverskyLoss,
)
from medtorch.nn.modules.sparse import (
    Embedding as Embedding,
)
from medtorch.nn.modules.upsampling import (
    Upsample as Upsample,
)
from medtorch.nn.modules.upsampling import (
    UpsamplingBilinear2d as UpsamplingBilinear2d,
)
from medtorch.nn.modules.upsampling import (
    UpsamplingNearest2d as UpsamplingNearest2d,
)
from medtorch.nn.parameter import Buffer as Buffer
from medtorch.nn.parameter import Parameter as Parameter
from medtorch.nn.parameter import UninitializedParameter as UninitializedParameter
