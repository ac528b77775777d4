"""The bounded reader of the pickles in PyTorch files: a loop over the opcodes that such files need, and no machine.

It imports nothing, calls nothing that a file names, and sets no attribute but an OrderedDict's `_metadata`. A global is
a row of the table in `known.py`, or the file is refused. POP, DUP, INST, OBJ, EXT, PERSID and every other opcode that
torch never writes are refused by name; so are dict keys whose hashes a file could make collide.

Source    Python's documentation of pickletools (what each opcode does)
Requires  REQ-S-SEC-001, REQ-S-SEC-003
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from medtorch.errors import FormatError, LoadError, UnsafeError
from medtorch.serialize import opcodes
from medtorch.serialize.cursor import F64, I32, U16, U32, U64, Cursor
from medtorch.serialize.guards import checked_key, kind_of, set_attributes, set_metadata
from medtorch.serialize.known import Context, construct, find_global, rebuild
from medtorch.serialize.limits import Limits
from medtorch.serialize.numpydata import build_numpy
from medtorch.serialize.records import Global, NumpyArrayState, NumpyDtypeState, ScriptObject, StorageRef

_NEWEST_PROTOCOL = 5

PersistentId = Callable[[Any], StorageRef]


@dataclass
class PickleReader:
    """Reads the pickles of `data`, one after the other; `position` is just behind the STOP of the last one."""

    name: str
    data: memoryview
    limits: Limits
    storage: PersistentId | None = None  # what a persistent id means; None where none may occur
    script: bool = False  # whether classes of a TorchScript archive may occur
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._bytes = Cursor(self.data, self.limits)

    @property
    def position(self) -> int:
        return self._bytes.position

    def read(self) -> Any:
        """The value that the next pickle describes, with records in place of everything torch-specific.

        Raises    FormatError, UnsafeError, UnsupportedFileError, LimitError
        """
        self._bytes.begin()
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._pushed = 0
        self._context = Context(self.limits, self.script, self.notes)
        try:
            return self._loop()
        except LoadError as error:
            raise type(error)(f"{self.name}: byte {self._bytes.read} of the pickle: {error}") from error

    def _loop(self) -> Any:
        stop = opcodes.NUMBERS["STOP"]
        while True:
            code = self._bytes.byte()
            if code == stop:
                break
            action = _ACTIONS.get(code)
            if action is None:
                name = opcodes.NAMES.get(code)
                if name is None:
                    raise FormatError(f"no such pickle opcode: 0x{code:02x}")
                raise UnsafeError(f"refused pickle opcode {name}: tensor files do not need it")
            action(self)
        if len(self._stack) != 1 or self._marks:
            raise FormatError(f"the pickle stops with {len(self._stack)} values and {len(self._marks)} open marks")
        return self._stack[0]

    def _count(self) -> None:
        self._pushed += 1
        if self._pushed > self.limits.objects:
            self.limits.hold("objects", self._pushed, "values in the pickle")

    def _push(self, value: Any) -> None:
        self._count()
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            raise FormatError("the pickle takes a value that is not there")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            raise FormatError("the pickle uses a value that is not there")
        return self._stack[-1]

    def _pop_mark(self) -> list[Any]:
        if not self._marks:
            raise FormatError("the pickle closes a mark that was not set")
        items, self._stack = self._stack, self._marks.pop()
        return items

    def proto(self) -> None:
        version = self._bytes.byte()
        if version > _NEWEST_PROTOCOL:
            raise FormatError(f"pickle protocol {version}; the newest known is {_NEWEST_PROTOCOL}")

    def frame(self) -> None:
        size = self._bytes.number(U64)
        if size > self._bytes.left:
            raise FormatError(f"a frame of {size} bytes is longer than the file")

    def mark(self) -> None:
        self._count()
        self._marks.append(self._stack)
        self._stack = []

    def none(self) -> None:
        self._push(None)

    def newtrue(self) -> None:
        self._push(True)

    def newfalse(self) -> None:
        self._push(False)

    def binint(self) -> None:
        self._push(self._bytes.number(I32))

    def binint1(self) -> None:
        self._push(self._bytes.byte())

    def binint2(self) -> None:
        self._push(self._bytes.number(U16))

    def long1(self) -> None:
        self._push(self._bytes.integer(self._bytes.byte()))

    def long4(self) -> None:
        self._push(self._bytes.integer(self._bytes.size("a whole number")))

    def binfloat(self) -> None:
        self._push(self._bytes.number(F64))

    def short_binunicode(self) -> None:
        self._push(self._bytes.text(self._bytes.byte()))

    def binunicode(self) -> None:
        self._push(self._bytes.text(self._bytes.number(U32)))

    def binunicode8(self) -> None:
        self._push(self._bytes.text(self._bytes.number(U64)))

    def short_binstring(self) -> None:
        self._push(self._bytes.python2_text(self._bytes.byte()))

    def binstring(self) -> None:
        self._push(self._bytes.python2_text(self._bytes.size("a string")))

    def short_binbytes(self) -> None:
        self._push(self._bytes.raw(self._bytes.byte()))

    def binbytes(self) -> None:
        self._push(self._bytes.raw(self._bytes.number(U32)))

    def binbytes8(self) -> None:
        self._push(self._bytes.raw(self._bytes.number(U64)))

    def empty_tuple(self) -> None:
        self._push(())

    def tuple1(self) -> None:
        self._push((self._pop(),))

    def tuple2(self) -> None:
        b, a = self._pop(), self._pop()
        self._push((a, b))

    def tuple3(self) -> None:
        c, b, a = self._pop(), self._pop(), self._pop()
        self._push((a, b, c))

    def tuple(self) -> None:
        items = self._pop_mark()
        self._push((*items,))

    def empty_list(self) -> None:
        self._push([])

    def append(self) -> None:
        value = self._pop()
        self._list().append(value)

    def appends(self) -> None:
        items = self._pop_mark()
        self._list().extend(items)

    def _list(self) -> list[Any]:
        target = self._top()
        if type(target) is not list:
            raise UnsafeError(f"asks to append to a {kind_of(target)}; only lists grow")
        return target

    def empty_dict(self) -> None:
        self._push({})

    def setitem(self) -> None:
        value, key = self._pop(), self._pop()
        self._dict()[checked_key(key)] = value

    def setitems(self) -> None:
        items = self._pop_mark()
        if len(items) % 2:
            raise FormatError("a dict is given a key without a value")
        target = self._dict()
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[checked_key(key)] = value

    def _dict(self) -> dict[Any, Any]:
        target = self._top()
        if type(target) is not dict and type(target) is not OrderedDict:
            raise UnsafeError(f"asks to set items of a {kind_of(target)}; only dicts have items")
        return target

    def binput(self) -> None:
        self._remember(self._bytes.byte())

    def long_binput(self) -> None:
        self._remember(self._bytes.number(U32))

    def memoize(self) -> None:
        self._remember(len(self._memo))

    def _remember(self, index: int) -> None:
        self._memo[index] = self._top()
        if len(self._memo) > self.limits.memo_entries:
            self.limits.hold("memo_entries", len(self._memo), "memo entries of the pickle")

    def binget(self) -> None:
        self._recall(self._bytes.byte())

    def long_binget(self) -> None:
        self._recall(self._bytes.number(U32))

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise FormatError(f"the pickle refers to memo entry {index}, which does not exist")
        self._push(self._memo[index])

    def global_(self) -> None:
        module, name = self._bytes.line(), self._bytes.line()
        self._push(find_global(module, name, self._context))

    def stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            raise FormatError("STACK_GLOBAL without two strings")
        self._push(find_global(module, name, self._context))

    def binpersid(self) -> None:
        key = self._pop()
        if self.storage is None:
            raise UnsafeError("refused a persistent id in a pickle that refers to no storages")
        self._push(self.storage(key))

    def reduce(self) -> None:
        args, function = self._pop(), self._pop()
        if type(function) is not Global:
            raise UnsafeError(f"asks to call a {kind_of(function)}")
        if type(args) is not tuple:
            raise FormatError(f"arguments of {function} are a {kind_of(args)}, not a tuple")
        self._push(rebuild(function, args, self._context))

    def newobj(self) -> None:
        args, cls = self._pop(), self._pop()
        if type(args) is not tuple:
            raise FormatError(f"arguments of a new object are a {kind_of(args)}, not a tuple")
        self._push(construct(cls, args, self._context))

    def build(self) -> None:
        state, target = self._pop(), self._top()
        if type(target) is OrderedDict:
            set_metadata(target, state)
        elif type(target) is ScriptObject:
            set_attributes(target, state)
        elif type(target) is NumpyDtypeState or type(target) is NumpyArrayState:
            build_numpy(target, state)
        else:
            raise UnsafeError(f"asks to set the state of a {kind_of(target)}")


_ACTIONS: dict[int, Callable[[PickleReader], None]] = {
    opcodes.NUMBERS[name]: action
    for name, action in {
        "PROTO": PickleReader.proto,
        "FRAME": PickleReader.frame,
        "MARK": PickleReader.mark,
        "NONE": PickleReader.none,
        "NEWTRUE": PickleReader.newtrue,
        "NEWFALSE": PickleReader.newfalse,
        "BININT": PickleReader.binint,
        "BININT1": PickleReader.binint1,
        "BININT2": PickleReader.binint2,
        "LONG1": PickleReader.long1,
        "LONG4": PickleReader.long4,
        "BINFLOAT": PickleReader.binfloat,
        "SHORT_BINUNICODE": PickleReader.short_binunicode,
        "BINUNICODE": PickleReader.binunicode,
        "BINUNICODE8": PickleReader.binunicode8,
        "SHORT_BINSTRING": PickleReader.short_binstring,
        "BINSTRING": PickleReader.binstring,
        "SHORT_BINBYTES": PickleReader.short_binbytes,
        "BINBYTES": PickleReader.binbytes,
        "BINBYTES8": PickleReader.binbytes8,
        "EMPTY_TUPLE": PickleReader.empty_tuple,
        "TUPLE1": PickleReader.tuple1,
        "TUPLE2": PickleReader.tuple2,
        "TUPLE3": PickleReader.tuple3,
        "TUPLE": PickleReader.tuple,
        "EMPTY_LIST": PickleReader.empty_list,
        "APPEND": PickleReader.append,
        "APPENDS": PickleReader.appends,
        "EMPTY_DICT": PickleReader.empty_dict,
        "SETITEM": PickleReader.setitem,
        "SETITEMS": PickleReader.setitems,
        "BINPUT": PickleReader.binput,
        "LONG_BINPUT": PickleReader.long_binput,
        "MEMOIZE": PickleReader.memoize,
        "BINGET": PickleReader.binget,
        "LONG_BINGET": PickleReader.long_binget,
        "GLOBAL": PickleReader.global_,
        "STACK_GLOBAL": PickleReader.stack_global,
        "BINPERSID": PickleReader.binpersid,
        "REDUCE": PickleReader.reduce,
        "NEWOBJ": PickleReader.newobj,
        "BUILD": PickleReader.build,
    }.items()
}
