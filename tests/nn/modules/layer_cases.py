"""Every layer with the arguments that matter, and numbers for it that any library can make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """A layer, how it is made, and the shapes it is called with."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    shapes: tuple[tuple[int, ...], ...] = ((2, 4, 5, 6),)
    training: bool = True
    call: dict[str, Any] = field(default_factory=dict)
    rtol: float = 1e-9  # float64 sums of up to some thousand terms

    @property
    def id(self) -> str:
        shown = [
            *map(str, self.args),
            *(f"{k}={v}" for k, v in self.kwargs.items()),
            *(f"{k}={v}" for k, v in self.call.items()),
        ]
        inputs = " ".join("x".join(map(str, shape)) for shape in self.shapes)
        return f"{self.name}({', '.join(shown)}) {inputs}{'' if self.training else ' eval'}"


def numbers(shape: tuple[int, ...], phase: float) -> Array:
    """Numbers without ties or patterns, the same everywhere: a sine at steps of the golden ratio."""
    count = int(np.prod(shape, dtype=int))
    return (2.0 * np.sin(np.arange(1, count + 1) * 1.6180339887498949 + phase)).reshape(shape)


def fill(library: Any, layer: Any) -> None:
    """Parameters and buffers of a layer from `numbers`; variances positive, counts as they are."""
    with library.no_grad():
        for place, (name, tensor) in enumerate(layer.state_dict().items()):
            if name.endswith("num_batches_tracked"):
                continue
            values = 0.3 * numbers(tuple(tensor.shape), float(place))
            tensor.copy_(library.tensor(np.abs(values) + 0.5 if name.endswith("running_var") else values))


def fingerprint(array: Array) -> list[float]:
    """Three sums that a change anywhere in the array would move."""
    flat = np.asarray(array, np.float64).ravel()
    place = np.arange(1, flat.size + 1)
    return [float(flat.sum()), float((flat * np.cos(place)).sum()), float((flat * np.sin(0.3 * place)).sum())]


def run(library: Any, case: Case) -> dict[str, Any]:
    """What a layer gives, forwards and backwards, in float64: shapes, and fingerprints of results and gradients."""
    layer = getattr(library.nn, case.name)(*case.args, **case.kwargs).double().train(case.training)
    fill(library, layer)
    inputs = [library.tensor(numbers(shape, 0.5 + nr)).requires_grad_() for nr, shape in enumerate(case.shapes)]
    result = layer(*inputs, **case.call)
    outputs = [out for out in (result if isinstance(result, tuple) else (result,)) if out is not None]
    total = sum(
        (out * library.tensor(numbers(tuple(out.shape), 0.2))).sum() for out in outputs if out.is_floating_point()
    )
    total.backward()
    return {
        "keys": list(layer.state_dict()),
        "shapes": [list(out.shape) for out in outputs],
        "outputs": [fingerprint(out.detach().numpy()) for out in outputs],
        "input_gradients": [fingerprint(x.grad.numpy()) for x in inputs],
        "gradients": [fingerprint(p.grad.numpy()) for p in layer.parameters() if p.grad is not None],
        "buffers": [fingerprint(b.numpy()) for b in layer.buffers()],
    }


_1D, _2D, _3D = (2, 4, 11), (2, 4, 7, 9), (2, 4, 5, 6, 7)
_BY_DIM = {1: _1D, 2: _2D, 3: _3D}


def _each(stem: str, *args: Any, dims: tuple[int, ...] = (1, 2, 3), training: bool = True, **kwargs: Any) -> list[Case]:
    return [Case(f"{stem}{n}d", args, kwargs, (_BY_DIM[n],), training) for n in dims]


def _convolutions() -> list[Case]:
    modes = [
        m for mode in ("reflect", "replicate", "circular") for m in _each("Conv", 4, 3, 3, padding=1, padding_mode=mode)
    ]
    return [
        *_each("Conv", 4, 6, 3),
        *_each("Conv", 4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False),
        *_each("Conv", 4, 3, 4, padding="same"),
        *_each("Conv", 4, 3, 3, padding="valid"),
        *modes,
        Case("Conv2d", (4, 3, 4), {"padding": "same", "padding_mode": "reflect"}, (_2D,)),
        Case("Conv2d", (4, 3, (3, 2)), {"stride": (2, 1), "padding": (0, 1)}, (_2D,)),
        Case("Conv2d", (4, 3, 3), {}, ((4, 7, 9),)),
        *_each("ConvTranspose", 4, 6, 3),
        *_each("ConvTranspose", 4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, bias=False, dilation=2),
        Case("ConvTranspose1d", (4, 3, 3), {"stride": 3}, (_1D,), call={"output_size": (35,)}),
        Case("ConvTranspose2d", (4, 3, 3), {"stride": 2, "padding": 1}, (_2D,), call={"output_size": (14, 17)}),
        Case("ConvTranspose2d", (4, 3, 3), {"stride": 2, "padding": 1}, (_2D,), call={"output_size": (2, 3, 14, 18)}),
        Case("ConvTranspose3d", (4, 3, 2), {"stride": 3}, ((2, 4, 3, 3, 3),), call={"output_size": (8, 9, 10)}),
    ]


def _pools() -> list[Case]:
    return [
        *_each("MaxPool", 3),
        *_each("MaxPool", 3, stride=2, padding=1, dilation=2, ceil_mode=True),
        *_each("MaxPool", 2, return_indices=True),
        *_each("AvgPool", 2),
        *_each("AvgPool", 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
        *_each("AvgPool", 3, dims=(2, 3), divisor_override=5),
        *_each("LPPool", 2.0, 3, stride=2),
        *_each("LPPool", 3, 2, dims=(1, 2), ceil_mode=True),
        *_each("AdaptiveAvgPool", 3),
        *_each("AdaptiveMaxPool", 3),
        *_each("AdaptiveMaxPool", 2, return_indices=True),
        Case("AdaptiveAvgPool2d", ((None, 4),), {}, (_2D,)),
        Case("AdaptiveMaxPool3d", ((2, None, 3),), {}, (_3D,)),
    ]


def _norms() -> list[Case]:
    batch = [c for training in (True, False) for c in _each("BatchNorm", 4, training=training)]
    return [
        *batch,
        *_each("BatchNorm", 4, eps=1e-3, momentum=None),
        *_each("BatchNorm", 4, affine=False, track_running_stats=False, training=False),
        *_each("BatchNorm", 4, dims=(2,), bias=False),
        Case("BatchNorm1d", (4,), {}, ((5, 4),)),
        *_each("InstanceNorm", 4),
        *_each("InstanceNorm", 4, affine=True, track_running_stats=True),
        *_each("InstanceNorm", 4, affine=True, track_running_stats=True, training=False),
        Case("InstanceNorm2d", (4,), {}, ((4, 5, 6),)),
        Case("GroupNorm", (2, 4), {"eps": 1e-3}, (_2D,)),
        Case("GroupNorm", (4, 4), {"affine": False}, (_3D,)),
        Case("LayerNorm", (9,), {}, (_2D,)),
        Case("LayerNorm", ([7, 9],), {"eps": 1e-3, "bias": False}, (_2D,)),
        Case("LayerNorm", (9,), {"elementwise_affine": False}, (_2D,)),
        Case("RMSNorm", (9,), {}, (_2D,)),
        Case("RMSNorm", ([7, 9],), {"eps": 1e-3, "elementwise_affine": False}, (_2D,)),
        Case("LocalResponseNorm", (3,), {"alpha": 0.1, "beta": 0.5, "k": 2.0}, (_2D,)),
        Case("SyncBatchNorm", (4,), {}, (_2D,), training=False),
    ]


def _activations() -> list[Case]:
    plain = ("ReLU", "ReLU6", "Sigmoid", "Tanh", "SiLU", "Mish", "Hardswish", "ELU", "CELU", "SELU", "GELU",
             "Hardtanh", "Hardshrink", "LeakyReLU", "LogSigmoid", "Softplus", "Softshrink", "Softsign",
             "Tanhshrink", "PReLU")  # fmt: skip
    options: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
        ("Threshold", (0.5, -3.0), {}),
        ("Hardtanh", (-0.5, 0.7), {}),
        ("ELU", (0.3,), {}),
        ("GELU", (), {"approximate": "tanh"}),
        ("Hardshrink", (0.9,), {}),
        ("LeakyReLU", (0.3,), {}),
        ("Softplus", (), {"beta": 3.0, "threshold": 2.0}),
        ("Softshrink", (0.9,), {}),
        ("PReLU", (4,), {}),
        ("GLU", (), {"dim": 1}),
        ("GLU", (), {}),
        ("Softmax", (1,), {}),
        ("Softmin", (), {"dim": -1}),
        ("LogSoftmax", (2,), {}),
        ("Softmax2d", (), {}),
    ]
    return [
        *(Case(name) for name in plain),
        *(Case(name, args, kwargs) for name, args, kwargs in options),
        # torch's own gradients of these two take 1/6 and 1/alpha in float32, also for float64
        Case("Hardsigmoid", rtol=1e-6),
        Case("CELU", (0.3,), rtol=1e-6),
        Case("RReLU", (), {}, training=False),
    ]


def _others() -> list[Case]:
    pads = [
        ("ConstantPad", (1.5,)),
        ("ZeroPad", ()),
        ("ReflectionPad", ()),
        ("ReplicationPad", ()),
        ("CircularPad", ()),
    ]
    sides = {1: (1, 2), 2: (1, 2, 3, 0), 3: (1, 2, 0, 1, 2, 1)}
    drops = {"Dropout": _2D, "Dropout1d": _1D, "Dropout2d": _2D, "Dropout3d": _3D, "AlphaDropout": _2D,
             "FeatureAlphaDropout": _2D}  # fmt: skip
    return [
        *(Case(f"{stem}{n}d", (2, *rest), {}, (_BY_DIM[n],)) for stem, rest in pads for n in (1, 2, 3)),
        *(Case(f"{stem}{n}d", (sides[n], *rest), {}, (_BY_DIM[n],)) for stem, rest in pads for n in (1, 2, 3)),
        *(Case(name, (0.4,), {}, (drops[name],), training=False) for name in drops),
        Case("Identity", (1, 2), {"three": 3}),
        Case("Linear", (6, 3)),
        Case("Linear", (6, 3), {"bias": False}, ((6,),)),
        Case("Bilinear", (3, 4, 5), {}, ((2, 3), (2, 4))),
        Case("Flatten"),
        Case("Flatten", (0, 2)),
        Case("Unflatten", (1, (2, 2))),
        Case("Upsample", (), {"scale_factor": 2}),
        Case("Upsample", (), {"size": (9, 4), "mode": "bilinear"}),
        Case("Upsample", (), {"scale_factor": (1.5, 2.0), "mode": "bicubic", "align_corners": True}),
        Case("Upsample", (), {"scale_factor": 2, "mode": "trilinear"}, (_3D,)),
        Case("Upsample", (), {"scale_factor": 2, "mode": "linear", "align_corners": True}, (_1D,)),
        Case("Upsample", (), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
        Case("UpsamplingNearest2d", (), {"size": 9}),
        Case("UpsamplingBilinear2d", (), {"scale_factor": 3}),
        Case("PixelShuffle", (2,)),
        Case("PixelUnshuffle", (2,), {}, ((2, 3, 4, 6),)),
        Case("ChannelShuffle", (2,)),
        Case("Unfold", ((2, 3),), {"dilation": 2, "padding": 1, "stride": 2}),
        Case("Fold", ((4, 5), 2), {"padding": 1, "stride": (1, 2)}, ((2, 12, 15),)),
        Case("CosineSimilarity", (), {"dim": 2}, ((2, 3, 4), (2, 3, 4))),
        Case("PairwiseDistance", (), {}, ((3, 4), (3, 4))),
        Case("PairwiseDistance", (1.0,), {"eps": 1e-3, "keepdim": True}, ((3, 4), (3, 4))),
        Case("MultiheadAttention", (6, 2), {}, ((4, 2, 6), (5, 2, 6), (5, 2, 6))),
        Case("MultiheadAttention", (6, 3), {"batch_first": True, "bias": False}, ((2, 4, 6),) * 3,
             call={"need_weights": False}),
        Case("MultiheadAttention", (6, 2), {"kdim": 3, "vdim": 5, "batch_first": True},
             ((2, 4, 6), (2, 5, 3), (2, 5, 5)),
             call={"average_attn_weights": False}),
        Case("MultiheadAttention", (6, 2), {"add_bias_kv": True, "add_zero_attn": True}, ((4, 6), (5, 6), (5, 6))),
    ]  # fmt: skip


CASES = [*_convolutions(), *_pools(), *_norms(), *_activations(), *_others()]
