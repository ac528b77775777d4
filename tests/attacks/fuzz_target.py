"""What fuzzers feed: any bytes, to every reader. Only a LoadError may come out.

    python -m tests.attacks.fuzz_target CORPUS_FOLDER [libFuzzer options]     with atheris installed

The first byte chooses the reader; for a zip file of PyTorch the bytes become the pickle in a sound archive, so that the
fuzzer need not find CRCs. The hypothesis tests use the same target without atheris.
"""

from __future__ import annotations

import importlib.util
import io
import sys
from collections.abc import Callable

from medtorch import serialize
from medtorch.errors import LoadError
from medtorch.serialize.jsontext import parse_json
from medtorch.serialize.limits import DEFAULT_LIMITS
from medtorch.serialize.manifest import parse_manifest
from tests.attacks import assemble as a


def _torch(data: bytes) -> object:
    return serialize.load_torch(io.BytesIO(data))


def _safetensors(data: bytes) -> object:
    return serialize.load_safetensors(io.BytesIO(data))


def _pickle_in_zip(data: bytes) -> object:
    parts = a.torch_parts(b"")
    parts[0].data = data
    return _torch(a.zip_file(parts))


def _pickle_in_script(data: bytes) -> object:
    parts = [*a.torch_parts(b""), a.Part(b"archive/constants.pkl", a.pickled(a.EMPTY_TUPLE))]
    parts[0].data = data
    return _torch(a.zip_file(parts))


def _pickle_in_legacy(data: bytes) -> object:
    head = a.torch_legacy(b"")
    start = head.index(a.pickled(b""), len(a.pickled(a.whole(a.MAGIC))))
    return _torch(head[:start] + data)


def _header(data: bytes) -> object:
    return _safetensors(a.safetensors_file(data, a.FLOATS))


def _json(data: bytes) -> object:
    return parse_json(data, "fuzz", DEFAULT_LIMITS)


def _manifest(data: bytes) -> object:
    return parse_manifest(data, "fuzz", DEFAULT_LIMITS)


READERS: tuple[Callable[[bytes], object], ...] = (
    _torch,
    _pickle_in_zip,
    _pickle_in_legacy,
    _pickle_in_script,
    _safetensors,
    _header,
    _json,
    _manifest,
)


def feed(reader: Callable[[bytes], object], data: bytes) -> bool:
    """Whether the bytes were taken; any error but a LoadError is the finding."""
    try:
        reader(data)
    except LoadError:
        return False
    return True


def one_input(data: bytes) -> None:
    """The entry point for atheris."""
    if data:
        feed(READERS[data[0] % len(READERS)], data[1:])


def main() -> None:
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed: pip install atheris")
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
