"""autocast: inside, functions run in fewer bits or in float32, as medtorch/core/autocasting.py lists them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Self

from medtorch.core import dtypes
from medtorch.core.autocasting import Casting
from medtorch.core.dtypes import DType
from medtorch.core.modes import STATE
from medtorch.core.tensor import Tensor
from medtorch.errors import ArgumentError, UnsupportedError

DEVICES = ("cpu", "cuda")
_defaults: dict[str, DType] = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}
_cache_enabled = True


def _known(device_type: str, name: str) -> str:
    if not isinstance(device_type, str):
        raise ArgumentError(f"{name}: device_type must be a string such as 'cpu', got {type(device_type).__name__}")
    if device_type not in DEVICES:
        raise UnsupportedError(f"{name}: device_type must be one of {', '.join(DEVICES)}, got {device_type!r}")
    return device_type


def is_autocast_available(device_type: str) -> bool:
    """Whether autocast knows the device type."""
    return device_type in DEVICES


class autocast:  # noqa: N801  the public name is torch's
    """A context, or decorator, inside of which functions choose their dtype.

    `dtype` is bfloat16 or float16 (bfloat16 on the CPU, float16 on CUDA devices if not told); `enabled=False` switches
    an outer autocast off; casts of parameters are kept until the outermost one ends, unless `cache_enabled` is False.
    Raises    UnsupportedError for other dtypes and device types
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _known(device_type, "autocast")
        self.fast_dtype = _defaults[self.device] if dtype is None else dtypes.as_dtype(dtype)
        if enabled and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            raise UnsupportedError(f"autocast: dtype must be bfloat16 or float16, got {self.fast_dtype!r}")
        self._enabled = bool(enabled)
        self._cache = _cache_enabled if cache_enabled is None else cache_enabled
        self._before: list[Casting | None] = []

    def __enter__(self) -> Self:
        before = STATE.casting
        self._before.append(before)
        chosen = {} if before is None else dict(before.dtypes)
        chosen.pop(self.device, None)
        if self._enabled:
            chosen[self.device] = self.fast_dtype
        done = {} if before is None else before.done
        STATE.casting = Casting(chosen, self._cache, done) if chosen else None
        return self

    def __exit__(self, *_: object) -> None:
        STATE.casting = self._before.pop()

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return wrapper


def _dtype_of(device_type: str) -> DType | None:
    return None if STATE.casting is None else STATE.casting.dtypes.get(device_type)


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether autocast is on for a device type ("cuda" if not told, as in torch)."""
    return _dtype_of("cuda" if device_type is None else _known(device_type, "is_autocast_enabled")) is not None


def is_autocast_cpu_enabled() -> bool:
    """Whether autocast is on for the CPU."""
    return is_autocast_enabled("cpu")


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype that autocast uses, or would use."""
    return _dtype_of(device_type) or _defaults[_known(device_type, "get_autocast_dtype")]


def get_autocast_cpu_dtype() -> DType:
    """The dtype that autocast uses, or would use, on the CPU."""
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> DType:
    """The dtype that autocast uses, or would use, on CUDA devices."""
    return get_autocast_dtype("cuda")


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Choose the dtype that autocast uses if it is not told. Raises UnsupportedError for one of other bits than 16."""
    wanted = dtypes.as_dtype(dtype)
    if wanted not in (dtypes.bfloat16, dtypes.float16):
        raise UnsupportedError(f"set_autocast_dtype: must be bfloat16 or float16, got {wanted!r}")
    _defaults[_known(device_type, "set_autocast_dtype")] = wanted


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Switch autocast on or off from here on: `(device_type, enabled)`, or `(enabled)` for CUDA devices."""
    place, on = ("cuda", device_type) if enabled is None else (device_type, enabled)
    mode = autocast(place, enabled=bool(on))
    mode.__enter__()


def is_autocast_cache_enabled() -> bool:
    """Whether autocast keeps casts of parameters if it is not told."""
    return _cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Choose whether autocast keeps casts of parameters if it is not told."""
    global _cache_enabled  # noqa: PLW0603  torch's interface is process-wide state
    _cache_enabled = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the casts of parameters kept so far."""
    if STATE.casting is not None:
        STATE.casting.done.clear()


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable[..., Any]:
    """For `forward` of a Function: with `cast_inputs`, its floating tensors are cast to it, and autocast is off inside.

    Source    semantics of torch.amp.custom_fwd
    """
    place = _known(device_type, "custom_fwd")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=place, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def wrapper(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._autocast_dtype = get_autocast_dtype(place)
        on = is_autocast_enabled(place)
        ctx._autocast_on = on and cast_inputs is None
        if not on or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(place, enabled=False):
            given = [_cast(a, place, cast_inputs) for a in args]
            return fwd(ctx, *given, **{k: _cast(v, place, cast_inputs) for k, v in kwargs.items()})

    return wrapper


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """For `backward` of a Function: autocast as it was in its forward.

    Source    semantics of torch.amp.custom_bwd
    """
    place = _known(device_type, "custom_bwd")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=place)

    @functools.wraps(bwd)
    def wrapper(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(place, enabled=ctx._autocast_on, dtype=ctx._autocast_dtype):
            return bwd(ctx, *args, **kwargs)

    return wrapper


def _cast(value: Any, place: str, wanted: Any) -> Any:
    if isinstance(value, Tensor):
        fits = value.dtype.is_floating_point and value.device.type == place and value.dtype is not dtypes.float64
        return value.to(wanted) if fits else value
    if isinstance(value, (list, tuple)):
        return type(value)(_cast(v, place, wanted) for v in value)
    return {k: _cast(v, place, wanted) for k, v in value.items()} if isinstance(value, dict) else value
