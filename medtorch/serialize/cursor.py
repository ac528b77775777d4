"""The bytes of one pickle, and the plain values that its opcodes spell out in them; nothing beyond the bounds is read.

Source    Python's documentation of pickletools (how arguments of opcodes are written)
Requires  REQ-S-SEC-003
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from medtorch.errors import FormatError
from medtorch.serialize.guards import text
from medtorch.serialize.limits import Limits

U16, I32, U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")
U64, F64 = struct.Struct("<Q"), struct.Struct(">d")

_LINE = 512  # longest module or class name in a GLOBAL


@dataclass
class Cursor:
    """A place in `data`; reads go forward from it, up to `Limits.pickle_bytes` behind where `begin` was called."""

    data: memoryview
    limits: Limits
    position: int = 0

    def begin(self) -> None:
        """A pickle starts here."""
        self._start = self.position
        self._end = min(len(self.data), self._start + self.limits.pickle_bytes)

    @property
    def read(self) -> int:
        """Bytes read of this pickle."""
        return self.position - self._start

    @property
    def left(self) -> int:
        """Bytes of the file behind this place."""
        return len(self.data) - self.position

    def take(self, count: int) -> memoryview:
        end = self.position + count
        if end > self._end:
            if end <= len(self.data):
                self.limits.hold("pickle_bytes", end - self._start, "bytes of the pickle")
            raise FormatError("the pickle ends in the middle")
        part = self.data[self.position : end]
        self.position = end
        return part

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, form: struct.Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def size(self, what: str) -> int:
        """A length written with a sign."""
        size: int = self.number(I32)
        if size < 0:
            raise FormatError(f"{what} of {size} bytes")
        return size

    def line(self) -> str:
        """Text up to a newline."""
        window = bytes(self.data[self.position : min(self._end, self.position + _LINE)])
        length = window.find(b"\n")
        if length < 0:
            raise FormatError(f"a name is longer than {_LINE} bytes, or the pickle ends in it")
        self.position += length + 1
        return text(window[:length])

    def integer(self, size: int) -> int:
        """A whole number of `size` bytes."""
        self.limits.hold("integer_bytes", size, "bytes of a whole number")
        return int.from_bytes(self.take(size), "little", signed=True)

    def text(self, size: int) -> str:
        """Text of `size` bytes."""
        self.limits.hold("string_bytes", size, "bytes of a string")
        return text(bytes(self.take(size)))

    def python2_text(self, size: int) -> str | bytes:
        """A str of Python 2 is text where it decodes (every key does), else the bytes that it was."""
        raw = self.raw(size)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw

    def raw(self, size: int) -> bytes:
        """A bytes object of `size` bytes."""
        self.limits.hold("string_bytes", size, "bytes of a bytes object")
        return bytes(self.take(size))
