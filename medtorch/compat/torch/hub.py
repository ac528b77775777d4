"""Weights by their address, from PyTorch's folder of downloaded files. Nothing is fetched over the network here.

Source    semantics of torch.hub
Requires  REQ-F-CPT-003
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlparse

from medtorch.errors import DigestError, FileMissingError, UnsupportedError

__all__ = [
    "HASH_REGEX",
    "_get_torch_home",
    "download_url_to_file",
    "get_dir",
    "load",
    "load_state_dict_from_url",
    "set_dir",
    "tqdm",
    "urlparse",
]

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")

_chosen: dict[str, str] = {}


def _get_torch_home() -> str:
    """$TORCH_HOME, or torch/ in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return str(Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser())


def get_dir() -> str:
    """The folder of downloaded files."""
    return _chosen.get("dir", str(Path(_get_torch_home()) / "hub"))


def set_dir(d: str | os.PathLike[str]) -> None:
    """Another folder of downloaded files."""
    _chosen["dir"] = str(Path(d).expanduser())


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """What the file that PyTorch would have downloaded from `url` holds; read without pickle's powers.

    Raises    FileMissingError where the file is not in the folder; DigestError if `check_hash` and the digest in its
              name is not its digest; LoadError as medtorch.load
    """
    import medtorch  # noqa: PLC0415

    name = file_name if file_name is not None else Path(urlparse(url).path).name
    place = Path(model_dir if model_dir is not None else Path(get_dir()) / "checkpoints") / name
    if not place.exists():
        raise FileMissingError(f"load_state_dict_from_url: {place} is not there, and nothing is downloaded; from {url}")
    if check_hash:
        _check(place)
    return medtorch.load(place, map_location=map_location)


def _check(place: Path) -> None:
    wanted = HASH_REGEX.search(place.name)
    found = hashlib.sha256(place.read_bytes()).hexdigest()
    if wanted is None or not wanted[1] or not found.startswith(wanted[1]):
        raise DigestError(f"{place}: its SHA-256 begins with {found[:12]}, which its name does not say")


def download_url_to_file(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> NoReturn:
    """Raises UnsupportedError: nothing is fetched over the network."""
    raise UnsupportedError(f"torch.hub.download_url_to_file: nothing is downloaded; put {url} at {dst}")


def load(repo_or_dir: str, model: str, *_: Any, **__: Any) -> NoReturn:
    """Raises UnsupportedError: no code is fetched and run."""
    raise UnsupportedError(f"torch.hub.load: code of {repo_or_dir!r} is not fetched and run; use as_torch(load=...)")


class tqdm:  # noqa: N801  the public name is torch's
    """A progress bar that shows nothing: hands on what it is given."""

    def __init__(self, iterable: Iterable[Any] | None = None, *_: Any, total: Any = None, **__: Any) -> None:
        self._iterable, self.total, self.n = iterable, total, 0

    def __iter__(self) -> Any:
        return iter(self._iterable if self._iterable is not None else ())

    def update(self, n: int = 1) -> None:
        self.n += n

    def close(self) -> None: ...

    def __enter__(self) -> tqdm:
        return self

    def __exit__(self, *_: object) -> None: ...
