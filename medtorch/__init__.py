"""medtorch: a compact deep-learning toolkit for medical imaging. Names follow PyTorch's.

Importing it costs NumPy and the core; everything heavier is fetched when it is first used.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from typing import Any

from medtorch import autograd, errors
from medtorch._version import __version__
from medtorch.core.creation import (
    arange,
    as_tensor,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    from_numpy,
    full,
    full_like,
    is_tensor,
    linspace,
    logspace,
    numel,
    ones,
    ones_like,
    scalar_tensor,
    tensor,
    tril_indices,
    triu_indices,
    where,
    zeros,
    zeros_like,
)
from medtorch.core.devices import device
from medtorch.core.dtypes import (
    bfloat16,
    can_cast,
    double,
    dtype,
    finfo,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    iinfo,
    int8,
    int16,
    int32,
    int64,
    long,
    promote_types,
    set_default_dtype,
    short,
    uint8,
)
from medtorch.core.dtypes import bool_ as bool
from medtorch.core.dtypes import float_ as float
from medtorch.core.dtypes import int_ as int
from medtorch.core.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from medtorch.core.ops.arithmetic import (
    add,
    addcdiv,
    addcmul,
    atan2,
    bitwise_and,
    bitwise_left_shift,
    bitwise_not,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    div,
    floor_divide,
    fmax,
    fmin,
    fmod,
    lerp,
    maximum,
    minimum,
    mul,
    pow,
    remainder,
    rsub,
    sub,
)
from medtorch.core.ops.bits import (
    angle,
    conj,
    frexp,
    gcd,
    heaviside,
    imag,
    isneginf,
    isposinf,
    isreal,
    lcm,
    nextafter,
    real,
    signbit,
)
from medtorch.core.ops.combining import (
    cartesian_prod,
    combinations,
    nonzero_static,
    unravel_index,
)
from medtorch.core.ops.comparison import (
    allclose,
    eq,
    equal,
    ge,
    gt,
    isclose,
    isfinite,
    isinf,
    isnan,
    le,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    lt,
    masked_fill,
    ne,
)
from medtorch.core.ops.conv import (
    conv1d,
    conv2d,
    conv3d,
)
from medtorch.core.ops.conv_transpose import (
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from medtorch.core.ops.einsum import (
    einsum,
)
from medtorch.core.ops.elementwise import (
    abs,
    acos,
    asin,
    atan,
    ceil,
    clamp,
    clamp_max,
    clamp_min,
    cos,
    cosh,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    floor,
    frac,
    log,
    log1p,
    log2,
    log10,
    nan_to_num,
    neg,
    positive,
    reciprocal,
    relu,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from medtorch.core.ops.extremes import (
    amax,
    amin,
    aminmax,
    argmax,
    argmin,
    max,
    median,
    min,
    mode,
    nanmedian,
    nanquantile,
    quantile,
)
from medtorch.core.ops.factor import (
    cholesky_by_default as cholesky,
)
from medtorch.core.ops.factor import (
    cholesky_inverse,
    cholesky_solve,
    lu_unpack,
    triangular_solve,
)
from medtorch.core.ops.factor import (
    lu_by_default as lu,
)
from medtorch.core.ops.factor import (
    lu_solve_by_default as lu_solve,
)
from medtorch.core.ops.factor import (
    qr_by_default as qr,
)
from medtorch.core.ops.gathering import (
    gather,
    scatter,
    scatter_add,
    scatter_reduce,
    take_along_dim,
)
from medtorch.core.ops.histogram import histogram, histogramdd
from medtorch.core.ops.index_reduce import fill, index_reduce
from medtorch.core.ops.indexing import (
    argwhere,
    index_add,
    index_copy,
    index_fill,
    index_put,
    index_select,
    masked_scatter,
    masked_select,
    nonzero,
    put,
    take,
)
from medtorch.core.ops.least_squares import pinverse
from medtorch.core.ops.linalg import cross_by_default as cross
from medtorch.core.ops.linalg import det, logdet, matrix_power, slogdet
from medtorch.core.ops.linalg import inv as inverse
from medtorch.core.ops.matmul import (
    addbmm,
    addmm,
    addmv,
    addr,
    baddbmm,
    bmm,
    cdist,
    chain_matmul,
    dot,
    inner,
    kron,
    matmul,
    mm,
    mv,
    outer,
    tensordot,
    trace,
    vdot,
)
from medtorch.core.ops.moments import (
    dist,
    logsumexp,
    norm,
    std,
    std_mean,
    var,
    var_mean,
)
from medtorch.core.ops.norm import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    rms_norm,
)
from medtorch.core.ops.pool import (
    adaptive_avg_pool1d,
    adaptive_max_pool1d,
    avg_pool1d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from medtorch.core.ops.reduction import (
    all,
    any,
    count_nonzero,
    mean,
    nanmean,
    nansum,
    prod,
    sum,
)
from medtorch.core.ops.scan import (
    cummax,
    cummin,
    cumprod,
    cumsum,
    cumulative_trapezoid,
    diff,
    logcumsumexp,
    trapezoid,
)
from medtorch.core.ops.shape import (
    broadcast_tensors,
    broadcast_to,
    cat,
    chunk,
    diagonal,
    flatten,
    flip,
    fliplr,
    flipud,
    meshgrid,
    movedim,
    narrow,
    permute,
    repeat_interleave,
    reshape,
    roll,
    select,
    split,
    squeeze,
    stack,
    t,
    tensor_split,
    tile,
    transpose,
    unbind,
    unflatten,
    unsqueeze,
)
from medtorch.core.ops.softmax import (
    log_softmax,
    softmax,
)
from medtorch.core.ops.sorting import (
    argsort,
    bincount,
    bucketize,
    histc,
    isin,
    kthvalue,
    msort,
    searchsorted,
    sort,
    topk,
    unique,
    unique_consecutive,
)
from medtorch.core.ops.stacking import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    block_diag,
    column_stack,
    dsplit,
    dstack,
    hsplit,
    hstack,
    ravel,
    rot90,
    vsplit,
    vstack,
)
from medtorch.core.ops.statistics import (
    corrcoef,
    cov,
    gradient,
    renorm,
)
from medtorch.core.ops.svd import svd_by_default as svd
from medtorch.core.ops.transcendental import (
    acosh,
    asinh,
    atanh,
    copysign,
    deg2rad,
    digamma,
    float_power,
    hypot,
    i0,
    igamma,
    igammac,
    ldexp,
    lgamma,
    logaddexp,
    logaddexp2,
    logit,
    mvlgamma,
    polygamma,
    rad2deg,
    sinc,
    xlogy,
)
from medtorch.core.ops.triangles import (
    diag,
    diag_embed,
    diagflat,
    diagonal_scatter,
    select_scatter,
    slice_scatter,
    tril,
    triu,
)
from medtorch.core.ops.view_copies import (
    alias_copy,
    diagonal_copy,
    expand_copy,
    narrow_copy,
    permute_copy,
    split_with_sizes,
    split_with_sizes_copy,
    squeeze_copy,
    t_copy,
    transpose_copy,
    unbind_copy,
    unfold_copy,
    unsafe_chunk,
    unsafe_split,
    unsqueeze_copy,
    view_copy,
)
from medtorch.core.printing import set_printoptions
from medtorch.core.promotion import result_type
from medtorch.core.random import (
    Generator,
    bernoulli,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    multinomial,
    normal,
    rand,
    rand_like,
    randint,
    randint_like,
    randn,
    randn_like,
    randperm,
    seed,
    set_rng_state,
)
from medtorch.core.shapes import broadcast_shapes
from medtorch.core.tensor import Size, Tensor
from medtorch.core.threads import get_num_threads, set_num_threads

e, inf, nan, pi = math.e, math.inf, math.nan, math.pi
contiguous_format, preserve_format = "contiguous_format", "preserve_format"
channels_last, channels_last_3d = "channels_last", "channels_last_3d"
strided = "strided"

absolute, negative, multiply, subtract = abs, neg, mul, sub
divide = true_divide = div
clip, concat, concatenate = clamp, cat, cat
greater, greater_equal, less, less_equal, not_equal = gt, ge, lt, le, ne
swapaxes = swapdims = transpose
moveaxis, fix = movedim, trunc
arcsin, arccos, arctan, arctan2 = asin, acos, atan, atan2
arccosh, arcsinh, arctanh = acosh, asinh, atanh
conj_physical = resolve_conj = resolve_neg = conj
sgn = sign
trapz = trapezoid

# Fetched when first asked for: PEP 562.
_ROOMS = frozenset(
    {"compat", "cuda", "data", "linalg", "metrics", "models", "nn", "optim", "serialize", "serve", "training", "utils"}
)
_LAZY = {
    "load_bundle": "medtorch.serve",
    "save_bundle": "medtorch.serve",
    "backend_info": "medtorch.core.info",
    "compile": "medtorch.core.graph.compiled",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _ROOMS and importlib.util.find_spec(f"medtorch.{name}") is not None:
        return importlib.import_module(f"medtorch.{name}")
    raise AttributeError(f"module 'medtorch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS, *_LAZY})
