"""The corpus of hostile files: bytes, the error that refuses them, what its text says. Made here, stored nowhere."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import Any

from medtorch import errors
from tests.attacks import assemble as a
from tests.attacks.assemble import (
    APPEND,
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_TUPLE,
    FALSE,
    FLOATS,
    MARK,
    NEWOBJ,
    NONE,
    PERSID,
    REDUCE,
    SETITEM,
    SETITEMS,
    TRUE,
    TUPLE,
    Part,
    call,
    glob,
    ordered,
    text,
    tup,
    whole,
)

Format, Unsafe, Unsupported, Limit = (
    errors.FormatError,
    errors.UnsafeError,
    errors.UnsupportedFileError,
    errors.LimitError,
)


@dataclass(frozen=True)
class Attack:
    """A file, and how it must be refused."""

    data: bytes
    error: type[errors.LoadError]
    words: str


CANARY = "MEDTORCH_CANARY"  # the payloads would create a file with this name in the current folder

COMMAND = text(f"touch {CANARY}")
CODE = text(f"open({CANARY!r}, 'w').close()")

# What real attacks on pickles call, and what the scanners' bypasses of recent years used instead.
CALLS = (
    "os.system", "posix.system", "nt.system", "os.popen", "os.execl", "subprocess.Popen", "subprocess.check_output",
    "builtins.eval", "builtins.exec", "builtins.compile", "builtins.getattr", "builtins.__import__", "builtins.open",
    "builtins.map", "builtins.apply", "__builtin__.eval", "__builtin__.file", "importlib.import_module",
    "runpy._run_code", "runpy.run_path", "code.interact", "pdb.run", "timeit.timeit", "cProfile.run", "trace.Trace",
    "pip.main", "pip._internal.main", "pydoc.locate", "webbrowser.open", "socket.create_connection",
    "shutil.rmtree", "ctypes.CDLL", "types.FunctionType", "types.CodeType", "functools.partial", "functools.reduce",
    "operator.attrgetter", "operator.methodcaller", "asyncio.unix_events._UnixSubprocessTransport._start",
    "logging.config._resolve", "distutils.file_util.write_file", "lib2to3.pgen2.grammar.Grammar.loadp",
    "idlelib.run.Executive.runcode", "numpy.testing._private.utils.runstring", "numpy.f2py.crackfortran.myeval",
    "numpy.load", "torch.load", "torch.hub.load", "torch.jit.load", "torch.serialization.load",
    "torch.utils.data.DataLoader", "torch.utils.collect_env.run", "torch._dynamo.guards.GuardBuilder.get",
    "torch.nn.Linear", "torch.storage._load_from_bytes",
    "torch.fx.graph_module.reduce_graph_module", "torch.distributed.rpc.PythonUDF", "copyreg._reconstructor",
    "copy_reg._reconstructor", "argparse.Namespace", "collections.defaultdict", "collections.namedtuple",
    "pathlib.PosixPath", "datetime.datetime", "mypackage.models.Net", "__main__.Net", "__torch__.Net",
    "medtorch.serialize.load_torch", "pickle.loads", "dill._dill._create_function", "cloudpickle.loads", "joblib.load",
)  # fmt: skip


def _everywhere(name: str, body: bytes, error: type[errors.LoadError], words: str) -> dict[str, Attack]:
    """The same pickle as the data of a zip file and of a legacy file."""
    return {
        f"zip {name}": Attack(a.torch_zip(body), error, words),
        f"legacy {name}": Attack(a.torch_legacy(body), error, words),
    }


def code_attacks() -> dict[str, Attack]:
    found: dict[str, Attack] = {}
    for name in CALLS:
        words = rf"refused global {name.replace('.', '[.]')}: "
        found |= _everywhere(f"reduce {name}", call(name, COMMAND), Unsafe, words)
    system = text("os") + text("system")
    odict = glob("collections.OrderedDict") + EMPTY_TUPLE + REDUCE
    attribute = EMPTY_DICT + text("__class__") + NONE + SETITEM
    bodies = {
        "stack_global": (system + b"\x93" + tup(COMMAND) + REDUCE, Unsafe, r"refused global os[.]system"),
        "stack_global short": (b"\x8c\x02os\x8c\x06system\x93", Unsafe, r"refused global os[.]system"),
        "stack_global of numbers": (whole(1) + whole(2) + b"\x93", Format, r"STACK_GLOBAL without two strings"),
        "stack_global memo": (text("os") + b"q\x01" + text("system") + b"q\x02h\x01h\x02\x93", Unsafe, r"os[.]system"),
        "stack_global long name": (text("a" * 600) + text("b") + b"\x93", Format, r"a name of 601 characters"),
        "attribute of a known global": (
            text("collections") + text("OrderedDict.__init__.__globals__") + b"\x93",
            Unsafe,
            r"refused global collec",
        ),
        "attribute of a known function": (
            text("torch._utils") + text("_rebuild_tensor_v2.__globals__") + b"\x93",
            Unsafe,
            r"refused global torch",
        ),
        "name with a space": (b"ccollections\nOrderedDict \n", Unsafe, r"refused global collections[.]OrderedDict :"),
        "name with a homoglyph": ("ccollections\nOrderedDiсt\n".encode(), Unsafe, r"refused global collections"),
        "global without end": (b"cos", Format, r"a name is longer than 512 bytes, or the pickle ends in it"),
        "global of a long line": (b"c" + b"o" * 5000 + b"\nsystem\n", Format, r"a name is longer than 512 bytes"),
        "global not utf-8": (b"c\xff\xfe\nsystem\n", Format, r"a string that is not UTF-8"),
        "inst": (MARK + COMMAND + b"ios\nsystem\n", Unsafe, r"refused pickle opcode INST"),
        "obj": (MARK + glob("collections.OrderedDict") + b"o", Unsafe, r"refused pickle opcode OBJ"),
        "ext1": (b"\x82\x01", Unsafe, r"refused pickle opcode EXT1"),
        "ext2": (b"\x83\x01\x00", Unsafe, r"refused pickle opcode EXT2"),
        "ext4": (b"\x84\x01\x00\x00\x00", Unsafe, r"refused pickle opcode EXT4"),
        "persid": (b"Pos.system\n", Unsafe, r"refused pickle opcode PERSID"),
        "newobj_ex": (glob("collections.OrderedDict") + EMPTY_TUPLE + EMPTY_DICT + b"\x92", Unsafe, r"NEWOBJ_EX"),
        "newobj tensor": (
            glob("torch.Tensor") + EMPTY_TUPLE + NEWOBJ,
            Unsafe,
            r"a new object of global torch[.]Tensor",
        ),
        "newobj text": (text("os.system") + EMPTY_TUPLE + NEWOBJ, Unsafe, r"asks for a new object of str"),
        "newobj args": (glob("collections.OrderedDict") + NONE + NEWOBJ, Format, r"not a tuple"),
        "reduce text": (text("os.system") + tup(COMMAND) + REDUCE, Unsafe, r"asks to call a str"),
        "reduce tensor class": (call("torch.Tensor", COMMAND), Unsafe, r"asks to call torch[.]Tensor, which is no"),
        "reduce storage class": (call("torch.FloatStorage", COMMAND), Unsafe, r"asks to call a StorageType"),
        "reduce args list": (glob("torch.Size") + EMPTY_LIST + REDUCE, Format, r"arguments of torch[.]Size are a list"),
        "build class": (odict + attribute + BUILD, Unsafe, r"asks to set attribute '__class__' of an OrderedDict"),
        "build method": (odict + EMPTY_DICT + text("items") + NONE + SETITEM + BUILD, Unsafe, r"attribute 'items'"),
        "build slots": (odict + tup(NONE, attribute) + BUILD, Unsafe, r"state of an OrderedDict from a tuple"),
        "build metadata": (
            odict + EMPTY_DICT + text("_metadata") + whole(1) + SETITEM + BUILD,
            Format,
            r"_metadata of a state dict is a int",
        ),
        "build dict": (EMPTY_DICT + attribute + BUILD, Unsafe, r"asks to set the state of a dict"),
        "build global": (glob("torch.Tensor") + attribute + BUILD, Unsafe, r"the state of a global torch[.]Tensor"),
        "build tensor": (a.tensor(a.storage()) + attribute + BUILD, Unsafe, r"asks to set the state of a TensorRef"),
        "from_type os.system": (
            call("torch._tensor._rebuild_from_type_v2", glob("os.system"), NONE, NONE, NONE),
            Unsafe,
            r"global os[.]system",
        ),
        "from_type odict": (
            call(
                "torch._tensor._rebuild_from_type_v2",
                glob("collections.OrderedDict"),
                glob("torch.Tensor"),
                EMPTY_TUPLE,
                NONE,
            ),
            Unsafe,
            r"asks _rebuild_from_type_v2 to call global collections[.]OrderedDict",
        ),
        "from_type itself": (
            call(
                "torch._tensor._rebuild_from_type_v2",
                glob("torch._tensor._rebuild_from_type_v2"),
                glob("torch.Tensor"),
                EMPTY_TUPLE,
                NONE,
            ),
            Unsafe,
            r"asks _rebuild_from_type_v2 to call global torch[.]_tensor",
        ),
        "from_type subclass": (
            call(
                "torch._tensor._rebuild_from_type_v2",
                glob("torch._utils._rebuild_tensor_v2"),
                glob("torch.Size"),
                EMPTY_TUPLE,
                NONE,
            ),
            Unsupported,
            r"a tensor of the subclass global torch[.]Size",
        ),
        "encode rot13": (call("_codecs.encode", text("x"), text("rot13")), Unsafe, r"other than latin1"),
        "bytes with args": (call("__builtin__.bytes", whole(1 << 30)), Unsafe, r"asks to call bytes with arguments"),
        "append to a dict": (EMPTY_DICT + NONE + APPEND, Unsafe, r"asks to append to a dict; only lists grow"),
        "append to a tuple": (EMPTY_TUPLE + NONE + APPEND, Unsafe, r"asks to append to a tuple"),
        "setitem of a list": (EMPTY_LIST + whole(0) + NONE + SETITEM, Unsafe, r"asks to set items of a list"),
        "tuple as key": (EMPTY_DICT + EMPTY_TUPLE + NONE + SETITEM, Unsafe, r"a dict key is a tuple"),
        "huge key": (EMPTY_DICT + whole(1 << 70) + NONE + SETITEM, Unsafe, r"a whole number of more than 64 bits"),
        "tensor hooks": (
            call("torch._utils._rebuild_tensor_v2", NONE, whole(0), EMPTY_TUPLE, EMPTY_TUPLE, FALSE, ordered(a=NONE)),
            Unsupported,
            r"backward hooks",
        ),
        "numpy objects": (call("numpy.dtype", text("O8"), FALSE, TRUE), Unsupported, r"NumPy data of dtype 'O8'"),
        "numpy records": (call("numpy.dtype", text("V16"), FALSE, TRUE), Unsupported, r"NumPy data of dtype 'V16'"),
        "numpy reconstruct": (
            call("numpy.core.multiarray._reconstruct", glob("torch.Tensor"), tup(whole(0)), text("b")),
            Unsafe,
            r"asks NumPy to reconstruct global torch[.]Tensor",
        ),
    }
    for name, (body, error, words) in bodies.items():
        zipped = {f"zip {name}": Attack(a.torch_zip(body), error, words)}
        found |= zipped if b"storage" in body else _everywhere(name, body, error, words)
    return found


def shape_attacks() -> dict[str, Attack]:
    """Recursion, memo tricks, bombs, numbers and strings beyond all bounds."""
    bodies: dict[str, tuple[bytes, type[errors.LoadError], str]] = {
        "list in itself": (EMPTY_LIST + b"q\x00h\x00" + APPEND, Unsafe, r"a container that contains itself"),
        "dict in itself": (
            EMPTY_DICT + b"q\x00" + text("a") + b"h\x00" + SETITEM,
            Unsafe,
            r"a container that contains itself",
        ),
        "list in itself through a tuple": (
            EMPTY_LIST + b"q\x00h\x00\x85" + APPEND,
            Unsafe,
            r"a container that contains itself",
        ),
        "nested lists": (EMPTY_LIST * 100_000 + APPEND * 99_999, Limit, r"nested deeper than the limit of 64"),
        "nested tuples": (NONE + b"\x85" * 100_000, Limit, r"nested deeper than the limit of 64"),
        "nested dicts": (
            (EMPTY_DICT + NONE) * 50_000 + NONE + SETITEM * 50_000,
            Limit,
            r"nested deeper than the limit of 64",
        ),
        "billion laughs": (_laughs(60), Limit, r"stand for more than 2000000 values [(]Limits[.]expanded_objects[)]"),
        "dup": (NONE + b"2" * 100, Unsafe, r"refused pickle opcode DUP"),
        "pop": (NONE + NONE + b"0", Unsafe, r"refused pickle opcode POP"),
        "pop_mark": (MARK + NONE + b"1" + NONE, Unsafe, r"refused pickle opcode POP_MARK"),
        "memo get missing": (b"h\x07", Format, r"refers to memo entry 7, which does not exist"),
        "memo long get missing": (b"j\xff\xff\xff\x7f", Format, r"refers to memo entry 2147483647"),
        "memo put of nothing": (b"q\x00", Format, r"uses a value that is not there"),
        "memo text put": (NONE + b"p0\n", Unsafe, r"refused pickle opcode PUT"),
        "memo entries": (
            NONE + b"".join(b"r" + struct.pack("<I", index) for index in range(500_001)),
            Limit,
            r"Limits[.]memo_entries",
        ),
        "values": (
            MARK + NONE * 500_001 + TUPLE,
            Limit,
            r"500001 is more than the limit of 500000 [(]Limits[.]objects",
        ),
        "memo values": (MARK + NONE + b"q\x00" + b"h\x00" * 500_001 + TUPLE, Limit, r"Limits[.]objects"),
        "marks": (MARK * 500_001, Limit, r"Limits[.]objects"),
        "lists": (MARK + EMPTY_LIST * 500_001 + TUPLE, Limit, r"Limits[.]objects"),
        "ordered dicts": (
            glob("collections.OrderedDict") + b"q\x00" + b"h\x00)R" * 400_000,
            Limit,
            r"Limits[.]objects",
        ),
        "long string": (
            b"X\xff\xff\xff\xff",
            Limit,
            r"bytes of a string: 4294967295 is more than the limit of 1048576",
        ),
        "long string 8": (b"\x8d" + b"\xff" * 8, Limit, r"Limits[.]string_bytes"),
        "long bytes": (b"B\xff\xff\xff\x7f", Limit, r"Limits[.]string_bytes"),
        "long bytes 8": (b"\x8e" + b"\xff" * 8, Limit, r"Limits[.]string_bytes"),
        "python 2 string": (b"T\xff\xff\xff\x7f", Limit, r"Limits[.]string_bytes"),
        "python 2 string negative": (b"T\xff\xff\xff\xff", Format, r"a string of -1 bytes"),
        "bytearray": (b"\x96" + b"\xff" * 8, Unsafe, r"refused pickle opcode BYTEARRAY8"),
        "buffer": (b"\x97", Unsafe, r"refused pickle opcode NEXT_BUFFER"),
        "string not utf-8": (b"X\x02\x00\x00\x00\xff\xfe", Format, r"a string that is not UTF-8"),
        "string cut": (b"X\x64\x00\x00\x00abc", Format, r"the pickle ends in the middle"),
        "long number": (
            b"\x8a\xff" + b"\x01" * 255,
            Limit,
            r"bytes of a whole number: 255 is more than the limit of 32",
        ),
        "long number 4": (b"\x8b\xff\xff\xff\x7f", Limit, r"Limits[.]integer_bytes"),
        "negative number 4": (b"\x8b\xff\xff\xff\xff", Format, r"a whole number of -1 bytes"),
        "text number": (b"I" + b"9" * 100_000 + b"\n", Unsafe, r"refused pickle opcode INT"),
        "text long": (b"L" + b"9" * 100_000 + b"L\n", Unsafe, r"refused pickle opcode LONG"),
        "text string": (b"S'os'\n", Unsafe, r"refused pickle opcode STRING"),
        "set": (b"\x8f", Unsafe, r"refused pickle opcode EMPTY_SET"),
        "frame": (b"\x95" + b"\xff" * 8, Format, r"a frame of 18446744073709551615 bytes is longer than the file"),
        "protocol": (b"\x80\xff", Format, r"pickle protocol 255; the newest known is 5"),
        "no such opcode": (b"\xff", Format, r"no such pickle opcode: 0xff"),
        "empty": (b"", Format, r"the pickle stops with 0 values and 0 open marks"),
        "two values": (NONE + NONE, Format, r"the pickle stops with 2 values and 0 open marks"),
        "open mark": (NONE + MARK + NONE, Format, r"the pickle stops with 1 values and 1 open marks"),
        "tuple of nothing": (b"\x87", Format, r"takes a value that is not there"),
        "mark not set": (TUPLE, Format, r"closes a mark that was not set"),
        "odd items": (EMPTY_DICT + MARK + NONE + SETITEMS, Format, r"a key without a value"),
        "class as value": (glob("torch.Tensor"), Unsafe, r"a global torch[.]Tensor stands where a value should be"),
        "storage class as value": (glob("torch.FloatStorage"), Unsafe, r"a StorageType stands where a value should be"),
        "counter": (call("collections.Counter", EMPTY_LIST), Format, r"a Counter from something other"),
        "ordered dict of text": (
            call("collections.OrderedDict", text("ab")),
            Format,
            r"an OrderedDict from 1 arguments",
        ),
        "ordered dict of numbers": (
            call("collections.OrderedDict", EMPTY_LIST + whole(1) + APPEND),
            Format,
            r"other than pairs",
        ),
        "size of floats": (call("torch.Size", tup(b"G" + bytes(8))), Format, r"a torch.Size from"),
        "device of a list": (call("torch.device", EMPTY_LIST), Format, r"a torch.device from"),
        "numpy array too short": (_numpy_array((1 << 40,), b"12"), Format, r"with 2 bytes"),
        "numpy array negative": (_numpy_array((-1,), b"12"), Format, r"a NumPy array of shape"),
        "numpy array empty": (
            call("numpy.core.multiarray._reconstruct", glob("numpy.ndarray"), tup(whole(0)), text("b")),
            Format,
            r"a NumPy array without contents",
        ),
    }
    found: dict[str, Attack] = {}
    for name, (body, error, words) in bodies.items():
        found[f"zip {name}"] = Attack(a.torch_zip(body), error, words)
    for name in ("nested lists", "billion laughs", "long string", "dup", "values", "list in itself", "no such opcode"):
        body, error, words = bodies[name]
        found[f"legacy {name}"] = Attack(a.torch_legacy(body, {}), error, words)
    return found


def _laughs(levels: int, first: bytes = EMPTY_LIST) -> bytes:
    """x0 = []; x1 = (x0, x0); x2 = (x1, x1) ... : 2 ** levels lists for 6 bytes a level."""
    return first + b"".join(b"q" + bytes([level]) + b"h" + bytes([level]) + b"\x86" for level in range(levels))


def _numpy_array(shape: tuple[int, ...], raw: bytes) -> bytes:
    dtype = call("numpy.dtype", text("f4"), FALSE, TRUE) + tup(whole(3), text("<"), NONE, NONE, NONE) + BUILD
    blank = call("numpy.core.multiarray._reconstruct", glob("numpy.ndarray"), tup(whole(0)), text("b"))
    data = b"C" + bytes([len(raw)]) + raw
    return blank + tup(whole(1), a.whole_tuple(shape), dtype, FALSE, data) + BUILD


def tensor_attacks() -> dict[str, Attack]:
    """Storages and tensors that lie about their sizes."""
    far = 1 << 40
    bodies: dict[str, tuple[bytes, type[errors.LoadError], str]] = {
        "storage larger than its entry": (
            a.tensor(a.storage(count=far)),
            Format,
            r"storage '0' has 16 bytes, the pickle",
        ),
        "storage smaller than its entry": (
            a.tensor(a.storage(count=2), size=(2,)),
            Format,
            r"storage '0' has 16 bytes, the pickle says 8",
        ),
        "storage of negative size": (a.tensor(a.storage(count=-4)), Format, r"the size of a storage is negative: -4"),
        "storage of a float size": (
            tup(text("storage"), glob("torch.FloatStorage"), text("0"), text("cpu"), b"G" + bytes(8)) + PERSID,
            Format,
            r"the size of a storage is a float",
        ),
        "storage not there": (a.tensor(a.storage("7")), Format, r"archive/data/7: there is no such entry"),
        "storage outside": (
            a.tensor(a.storage("../../../etc/passwd")),
            Format,
            r"there is no such entry in the archive",
        ),
        "storage that is the pickle": (a.tensor(a.storage("../data.pkl")), Format, r"there is no such entry"),
        "storage without a key": (a.tensor(a.storage("")), Format, r"the key of a storage is not a short text"),
        "storage of a class": (a.tensor(a.storage(kind="torch.Tensor")), Format, r"the type of a storage is a global"),
        "storage on meta": (a.tensor(a.storage(device="meta")), Unsupported, r"storage '0' was saved without data"),
        "persistent id text": (text("0") + PERSID, Format, r"a persistent id that is no storage's"),
        "persistent id module": (
            tup(text("module"), NONE, NONE, NONE) + PERSID,
            Format,
            r"a persistent id that is no storage's",
        ),
        "persistent id short": (
            tup(text("storage"), glob("torch.FloatStorage"), text("0")) + PERSID,
            Format,
            r"has 3 parts, not 5",
        ),
        "storage seen as two dtypes": (
            tup(a.tensor(a.storage()), a.tensor(a.storage(kind="torch.DoubleStorage"))),
            Format,
            r"the pickle says 32",
        ),
        "tensor beyond its storage": (
            a.tensor(size=(5,)),
            Format,
            r"a tensor reaches element 4 of storage '0', which has 4",
        ),
        "tensor by offset": (a.tensor(offset=1), Format, r"reaches element 4"),
        "tensor by stride": (a.tensor(size=(2,), stride=(4,)), Format, r"reaches element 4"),
        "tensor by huge stride": (a.tensor(size=(2,), stride=(far,)), Format, r"reaches element 1099511627776"),
        "tensor by overflow": (a.tensor(size=(3,), stride=(1 << 61,)), Format, r"reaches element 4611686018427387904"),
        "empty tensor beyond": (a.tensor(size=(0,), offset=5), Format, r"an empty tensor starts at element 5"),
        "negative offset": (a.tensor(offset=-1), Format, r"the storage offset of a tensor is negative: -1"),
        "negative size": (a.tensor(size=(-1,)), Format, r"the size of a tensor is negative: -1"),
        "negative stride": (a.tensor(offset=3, stride=(-1,)), Format, r"the stride of a tensor is negative: -1"),
        "huge size": (a.tensor(size=(1 << 63,), stride=(0,)), Format, r"beyond all memory"),
        "true as size": (
            call("torch._utils._rebuild_tensor", a.storage(), whole(0), tup(TRUE), tup(whole(1))),
            Format,
            r"has a bool",
        ),
        "list as size": (
            call("torch._utils._rebuild_tensor", a.storage(), whole(0), EMPTY_LIST, tup(whole(1))),
            Format,
            r"is a list",
        ),
        "sizes and strides": (a.tensor(size=(2, 2), stride=(1,)), Format, r"with 2 sizes and 1 strides"),
        "too many dims": (a.tensor(size=(1,) * 65, stride=(0,) * 65), Format, r"has 65 dims"),
        "more dims than the limit": (a.tensor(size=(1,) * 40, stride=(0,) * 40), Limit, r"Limits[.]dims"),
        "expanded bomb": (a.tensor(size=(1 << 40,), stride=(0,)), Limit, r"Limits[.]tensor_bytes"),
        "expanded bomb in dims": (a.tensor(size=(1 << 20,) * 4, stride=(0,) * 4), Limit, r"Limits[.]tensor_bytes"),
        "empty bomb": (a.tensor(size=(0, 1 << 60, 1 << 60), stride=(0, 0, 0)), Limit, r"Limits[.]tensor_bytes"),
        "expanded bombs in number": (
            MARK + b"".join(a.tensor(size=(1 << 30,), stride=(0,)) for _ in range(5)) + TUPLE,
            Limit,
            r"bytes of all tensors by their shapes",
        ),
        "untyped": (a.tensor(a.storage(count=16, kind="torch.UntypedStorage")), Format, r"does not say its dtype"),
        "storage as storage": (a.tensor(text("0")), Format, r"the storage of a tensor is a str"),
        "parameter of text": (
            call("torch._utils._rebuild_parameter", text("a"), TRUE, NONE),
            Format,
            r"parameter are a str",
        ),
        "requires_grad of text": (
            call(
                "torch._utils._rebuild_tensor_v2", a.storage(), whole(0), tup(whole(4)), tup(whole(1)), text("x"), NONE
            ),
            Format,
            r"requires_grad of a tensor is a str",
        ),
        "too few arguments": (call("torch._utils._rebuild_tensor_v2", a.storage()), Format, r"_v2 with 1 arguments"),
        "neg bit": (
            call(
                "torch._utils._rebuild_tensor_v2",
                a.storage(),
                whole(0),
                tup(whole(4)),
                tup(whole(1)),
                FALSE,
                NONE,
                EMPTY_DICT + text("neg") + TRUE + SETITEM,
            ),
            Unsupported,
            r"metadata 'neg'",
        ),
    }
    found = {f"zip {name}": Attack(a.torch_zip(body), error, words) for name, (body, error, words) in bodies.items()}
    found["zip booleans"] = Attack(
        a.torch_zip(a.tensor(a.storage(kind="torch.BoolStorage")), {"0": b"\x00\x01\x02\x00"}),
        Format,
        r"storage '0' has booleans other than 0 and 1",
    )
    for name, missing in {
        "torch.QInt8Storage": "quantized numbers",
        "torch.uint16": "the dtype torch.uint16",
        "torch.complex32": "the dtype torch.complex32",
        "torch.float8_e4m3fn": "the dtype torch.float8_e4m3fn",
        "torch.per_tensor_affine": "a quantized tensor",
        "torch._utils._rebuild_qtensor": "a quantized tensor",
        "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
        "torch._utils._rebuild_nested_tensor": "a nested tensor",
        "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without data",
        "torch._tensor._rebuild_from_type": "a tensor of a subclass",
    }.items():
        found[f"zip {name}"] = Attack(a.torch_zip(glob(name)), Unsupported, f"holds {missing}")
    return found


def legacy_attacks() -> dict[str, Attack]:
    body = ordered(w=a.tensor(a.old_storage()))
    view = tup(text("v"), whole(2), whole(3))
    return {
        "legacy magic": Attack(a.torch_legacy(body, magic=1), Format, r"without PyTorch's magic number"),
        "legacy protocol": Attack(a.torch_legacy(body, protocol=1002), Unsupported, r"unknown protocol"),
        "legacy facts": Attack(a.torch_legacy(body, facts=EMPTY_LIST), Format, r"the writing machine are damaged"),
        "legacy keys not a list": Attack(a.torch_legacy(body, keys=EMPTY_DICT), Format, r"list of storages is damaged"),
        "legacy keys missing": Attack(
            a.torch_legacy(body, keys=EMPTY_LIST), Format, r"not that of the storages in use"
        ),
        "legacy keys twice": Attack(
            a.torch_legacy(body, keys=EMPTY_LIST + text("0") + APPEND + text("0") + APPEND), Format, r"storages in use"
        ),
        "legacy keys pickle refers": Attack(
            a.torch_legacy(body, keys=EMPTY_LIST + a.old_storage() + APPEND), Unsafe, r"refers to no storages"
        ),
        "legacy head refers": Attack(a.torch_legacy(body, facts=a.old_storage()), Unsafe, r"refers to no storages"),
        "legacy storage cut": Attack(a.torch_legacy(body, {"0": (4, FLOATS[:-1])}), Format, r"it is truncated"),
        "legacy storage missing": Attack(
            a.torch_legacy(body, {}, keys=EMPTY_LIST + text("0") + APPEND), Format, r"ends in front of storage '0'"
        ),
        "legacy storage count": Attack(
            a.torch_legacy(body, {"0": (5, FLOATS)}), Format, r"has 5 elements, the pickle says"
        ),
        "legacy storage negative": Attack(a.torch_legacy(body, {"0": (-4, FLOATS)}), Format, r"has -4 elements"),
        "legacy storage huge": Attack(
            a.torch_legacy(ordered(w=a.tensor(a.old_storage(count=1 << 50)))), Format, r"reaches beyond the file's end"
        ),
        "legacy storage two sizes": Attack(
            a.torch_legacy(tup(a.old_storage(), a.old_storage(count=8))), Format, r"has 16 bytes here and 32 there"
        ),
        "legacy bytes behind": Attack(a.torch_legacy(body, behind=b"x"), Format, r"1 bytes behind the last storage"),
        "legacy view beyond": Attack(
            a.torch_legacy(ordered(w=a.tensor(a.old_storage(view=view), size=(3,)))),
            Format,
            r"a view of elements 2 to 5",
        ),
        "legacy module": Attack(
            a.torch_legacy(tup(text("module"), NONE, text("a.py"), text("class A: pass")) + PERSID),
            Unsafe,
            r"whole module",
        ),
        "legacy persistent id": Attack(a.torch_legacy(whole(3) + PERSID), Format, r"that is no storage's"),
    }


def _changed(index: int, **fields: Any) -> list[Part]:
    """A sound archive, but for some fields of one entry."""
    parts = a.torch_parts(ordered(w=a.tensor()))
    parts[index] = replace(parts[index], **fields)
    return parts


def zip_attacks() -> dict[str, Attack]:
    good = a.torch_parts(ordered(w=a.tensor()))
    data = good[2].data
    overlap = [Part(b"archive/a", b"xxxx"), Part(b"archive/b", b"xxxx", offset=0)]
    bomb = bytes(50_000_000)
    whole_file = a.zip_file(good)
    names = {
        "..": b"archive/../../evil",
        "leading ..": b"../evil",
        "absolute": b"/etc/passwd",
        "backslash": b"archive\\..\\evil",
        "drive": b"C:/evil",
        "empty part": b"archive//evil",
        "dot": b"archive/./evil",
        "folder": b"archive/folder/",
        "nul": b"archive/a\x00b",
        "newline": b"archive/a\nb",
        "delete": b"archive/a\x7f",
        "empty": b"",
    }
    found = {
        f"zip name {kind}": Attack(a.zip_file([*good, Part(name, b"x")]), Unsafe, r"an entry's name")
        for kind, name in names.items()
    }
    return found | {
        "zip name not utf-8": Attack(a.zip_file([*good, Part(b"archive/\xff", b"x")]), Format, r"name is not UTF-8"),
        "zip name too long": Attack(
            a.zip_file([*good, Part(b"archive/" + b"a" * 5000, b"x")]), Limit, r"Limits[.]name_bytes"
        ),
        "zip name twice": Attack(a.zip_file([*good, good[2]]), Format, r"two entries of the archive are called"),
        "zip two folders": Attack(a.zip_file([*good, Part(b"other/data.pkl", b"x")]), Format, r"not one folder"),
        "zip no folder": Attack(a.zip_file([Part(b"data.pkl", good[0].data)]), Format, r"not one folder"),
        "zip no pickle": Attack(a.zip_file([Part(b"word/document.xml", b"<x/>")]), Format, r"has no word/data[.]pkl"),
        "zip no version": Attack(a.zip_file(good[:-1]), Format, r"version: there is no such entry"),
        "zip version": Attack(
            a.zip_file([*good[:-1], Part(b"archive/version", b"99")]), Unsupported, r"unknown format version"
        ),
        "zip version long": Attack(
            a.zip_file([*good[:-1], Part(b"archive/version", b"1" * 99)]), Format, r"longer than 64"
        ),
        "zip byteorder": Attack(a.zip_file(_changed(1, data=b"middle")), Format, r"unknown byte order b'middle'"),
        "zip old torchscript": Attack(
            a.zip_file([Part(b"archive/model.json", b"{}")]), Unsupported, r"before PyTorch 1[.]4"
        ),
        "zip pickle twice": Attack(
            a.zip_file(_changed(0, data=good[0].data * 2)), Format, r"bytes behind the pickle's end"
        ),
        "zip overlap": Attack(a.zip_file(overlap), Format, r"the local header has another name than the directory"),
        "zip entry inside another": Attack(_nested_entry(), Format, r"overlaps the one before it"),
        "zip local name": Attack(a.zip_file(_changed(2, local_name=b"archive/data/1")), Format, r"another name"),
        "zip local size": Attack(a.zip_file(_changed(2, local_size=15)), Format, r"local header contradicts"),
        "zip local crc": Attack(a.zip_file(_changed(2, local_crc=1)), Format, r"local header contradicts"),
        "zip local method": Attack(a.zip_file(_changed(2, local_method=8)), Format, r"local header contradicts"),
        "zip local flags": Attack(a.zip_file(_changed(2, local_flags=8)), Format, r"local header contradicts"),
        "zip crc": Attack(a.zip_file(_changed(2, crc=1)), Format, r"the CRC does not fit"),
        "zip encrypted": Attack(a.zip_file(_changed(2, flags=1)), Unsupported, r"the entry is encrypted"),
        "zip strongly encrypted": Attack(a.zip_file(_changed(2, flags=0x41)), Unsupported, r"the entry is encrypted"),
        "zip method": Attack(a.zip_file(_changed(2, method=99)), Unsupported, r"packed with method 99"),
        "zip lzma": Attack(a.zip_file(_changed(2, method=14)), Unsupported, r"packed with method 14"),
        "zip flags": Attack(a.zip_file(_changed(2, flags=0x20)), Unsupported, r"an entry with flags 0x0020"),
        "zip stored size": Attack(
            a.zip_file(_changed(2, size=17)), Format, r"a stored entry of 16 bytes that claims to be 17"
        ),
        "zip entry beyond": Attack(
            a.zip_file(_changed(3, packed=9999, size=9999)), Format, r"reach beyond the file's end"
        ),
        "zip entry far beyond": Attack(a.zip_file(_changed(3, offset=0x7FFFFFFF)), Format, r"beyond the file's end"),
        "zip zip64 without field": Attack(a.zip_file(_changed(2, size=0xFFFFFFFF)), Format, r"zip64 field is missing"),
        "zip zip64 huge": Attack(
            a.zip_file(
                _changed(2, size=0xFFFFFFFF, packed=0xFFFFFFFF, extra=struct.pack("<HHQQ", 1, 16, 1 << 60, 1 << 60))
            ),
            Format,
            r"reach beyond the file's end",
        ),
        "zip zip64 twice": Attack(
            a.zip_file(_changed(2, extra=struct.pack("<HHQ", 1, 8, 1) * 2)), Format, r"two zip64 fields in one header"
        ),
        "zip extra cut": Attack(
            a.zip_file(_changed(2, extra=b"\x01\x00\xff\xff")), Format, r"extra field of the entry is trunc"
        ),
        "zip extra rest": Attack(a.zip_file(_changed(2, extra=b"\x01")), Format, r"extra fields are damaged"),
        "zip descriptor": Attack(
            a.zip_file(_changed(2, flags=8, after=struct.pack("<4sIII", b"PK\x07\x08", 1, 16, 16))),
            Format,
            r"data descriptor",
        ),
        "zip bytes in front": Attack(a.zip_file(good, front=b"MZ\x90\x00"), Format, r"not a file of PyTorch"),
        "zip entry in front": Attack(a.zip_file(good, front=b"PK\x03\x04" + bytes(26)), Format, r"belong to nothing"),
        "zip bytes behind": Attack(a.zip_file(good, behind=b"x"), Format, r"no end record"),
        "zip bytes between": Attack(
            a.zip_file(_changed(2, before=b"hidden")), Format, r"6 bytes in front of the entry belong"
        ),
        "zip gap": Attack(
            a.zip_file(good, gap=b"hidden"), Format, r"6 bytes before the archive's directory belong to nothing"
        ),
        "zip directory offset": Attack(a.zip_file(good, directory_offset=0), Format, r"not where its end record says"),
        "zip count more": Attack(a.zip_file(good, count=5), Format, r"directory is truncated"),
        "zip count fewer": Attack(a.zip_file(good, count=3), Format, r"bytes too many"),
        "zip count full": Attack(a.zip_file(good, count=0xFFFF), Format, r"zip64 end record is missing"),
        "zip disks": Attack(a.zip_file(good, disk=1), Unsupported, r"in several parts"),
        "zip fake locator": Attack(_fake_locator(good), Format, r"zip64 end record is not where its locator says"),
        "zip without entries": Attack(a.zip_file([]), Format, r"a zip file without entries"),
        "zip bomb": Attack(a.zip_file(_changed(2, data=bomb, method=8)), Limit, r"unpacks from \d+ to 50000000 bytes"),
        "zip bomb that lies": Attack(
            a.zip_file(_changed(0, data=pickled_zeros(50_000_000), method=8, size=1000, crc=0)),
            Format,
            r"unpacks to another size",
        ),
        "zip bombs together": Attack(
            _many_bombs(good),
            Limit,
            r"Limits[.]unpacked_bytes",
        ),
        "zip deflate damaged": Attack(a.zip_file(_changed(0, method=8, crc=1)), Format, r"the CRC does not fit"),
        "zip deflate garbage": Attack(_garbage_deflate(good), Format, r"the packed bytes are damaged|another size"),
        "zip cut": Attack(whole_file[:-10], Format, r"no end record: it is truncated"),
        "zip cut in the middle": Attack(whole_file[: len(whole_file) // 2], Format, r"no end record: it is truncated"),
        "zip storage cut": Attack(
            a.torch_zip(a.tensor(), {"0": data[:-1]}), Format, r"has 15 bytes, the pickle says 16"
        ),
    }


def pickled_zeros(size: int) -> bytes:
    return a.pickled(bytes(size))


def _nested_entry() -> bytes:
    """One entry whose data are another entry, with its own line in the directory."""
    inner = a.zip_file([Part(b"archive/in", b"xxxx")])
    header = inner[: inner.index(b"PK\x01\x02")]
    outer = Part(b"archive/out", header)
    start = 30 + len(outer.name)
    return a.zip_file([outer, Part(b"archive/in", b"xxxx", offset=start)])


def _fake_locator(good: list[Part]) -> bytes:
    data = a.zip_file(good)
    at = data.rindex(b"PK\x05\x06")
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 4, 1)
    return data[:at] + locator + data[at:]


def _many_bombs(good: list[Part]) -> bytes:
    """Entries that each stay below the ratio and together unpack to 5 GiB, by the archive's own account."""
    packed = bytes(11_000_000)
    parts = [Part(b"archive/data/b%d" % index, packed, size=1 << 30) for index in range(5)]
    for part in parts:
        part.flags = part.method = 0
    data = bytearray(a.zip_file([*good, *parts]))
    return _as_deflated(data, len(good), len(parts))


def _as_deflated(data: bytearray, first: int, count: int) -> bytes:
    """Change the method of some entries from stored to deflated, in both headers."""
    local = central = 0
    for index in range(first + count):
        central = data.index(b"PK\x01\x02", central + 4)
        local = struct.unpack_from("<I", data, central + 42)[0]
        if index >= first:
            struct.pack_into("<H", data, central + 10, 8)
            struct.pack_into("<H", data, local + 8, 8)
    return bytes(data)


def _garbage_deflate(good: list[Part]) -> bytes:
    part = Part(b"archive/data.pkl", b"\xff" * 40, method=8)
    data = a.zip_file([part, *good[1:]])
    packed = a.deflate(part.data)
    return data.replace(packed, b"\xff" * len(packed), 1)


def script_attacks() -> dict[str, Attack]:
    net = glob("__torch__.Net") + EMPTY_TUPLE + NEWOBJ
    weight = EMPTY_DICT + text("w") + a.tensor() + SETITEM
    return {
        "script os.system": Attack(a.script_zip(call("os.system", COMMAND)), Unsafe, r"refused global os[.]system"),
        "script constants": Attack(
            a.script_zip(net + weight + BUILD, constants=call("os.system", COMMAND)),
            Unsafe,
            r"refused global os[.]system",
        ),
        "script root": Attack(a.script_zip(EMPTY_DICT), Format, r"whose data are no module"),
        "script constants root": Attack(
            a.script_zip(net + weight + BUILD, constants=EMPTY_DICT), Format, r"constants are no"
        ),
        "script calls its class": Attack(
            a.script_zip(glob("__torch__.Net") + tup() + REDUCE), Unsafe, r"asks to call a class __torch__"
        ),
        "script class with arguments": Attack(
            a.script_zip(glob("__torch__.Net") + tup(COMMAND) + NEWOBJ), Unsafe, r"new object"
        ),
        "script C++ class": Attack(
            a.script_zip(glob("__torch__.torch.classes.quantized.Conv2dPackedParamsBase") + EMPTY_TUPLE + NEWOBJ),
            Unsupported,
            r"custom C[+][+] class",
        ),
        "script state": Attack(
            a.script_zip(net + tup(COMMAND) + BUILD), Unsafe, r"a custom class whose state is a tuple"
        ),
        "script state twice": Attack(a.script_zip(net + weight + BUILD + weight + BUILD), Format, r"is set twice"),
        "script attribute": Attack(
            a.script_zip(net + EMPTY_DICT + whole(1) + NONE + SETITEM + BUILD), Format, r"named by a int"
        ),
        "script cycle": Attack(
            a.script_zip(net + b"q\x00" + EMPTY_DICT + text("me") + b"h\x00" + SETITEM + BUILD),
            Unsafe,
            r"a module that contains itself",
        ),
        "script depth": Attack(
            a.script_zip((net + EMPTY_DICT + text("x")) * 100 + NONE + (SETITEM + BUILD) * 100), Limit, r"nested deeper"
        ),
        "script laughs": Attack(
            a.script_zip(net + EMPTY_DICT + text("x") + _laughs(50, a.tensor()) + SETITEM + BUILD),
            Limit,
            r"tensors of the module, shared ones where they are used: \d+ is more than the limit of 200000",
        ),
        "script laughs about nothing": Attack(
            a.script_zip(net + EMPTY_DICT + text("x") + _laughs(80) + SETITEM + BUILD), Limit, r"nested deeper"
        ),
        "script type tag": Attack(
            a.script_zip(call("torch.jit._pickle.restore_type_tag", NONE, NONE)), Format, r"a type tag"
        ),
        "script list": Attack(
            a.script_zip(call("torch.jit._pickle.build_intlist", text("x"))), Format, r"a typed list"
        ),
        "script globals elsewhere": Attack(
            a.torch_zip(call("torch.jit._pickle.build_intlist", EMPTY_LIST)), Unsafe, r"refused global torch[.]jit"
        ),
        "script tensor outside": Attack(
            a.script_zip(call("torch.jit._pickle.build_tensor_from_id", whole(0))),
            Unsupported,
            r"kept outside of the file",
        ),
    }


def disguises() -> dict[str, Attack]:
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"
    return {
        "empty": Attack(b"", Format, r"the file is empty"),
        "git lfs pointer": Attack(lfs, Format, r"a Git LFS pointer, not the file itself"),
        "html": Attack(b"<!DOCTYPE html><html><body>404</body></html>", Format, r"an HTML or XML page"),
        "html after blanks": Attack(b"\n\n  <html>", Format, r"an HTML or XML page"),
        "xml": Attack(b"<?xml version='1.0'?><Error/>", Format, r"an HTML or XML page"),
        "gzip": Attack(b"\x1f\x8b" + bytes(20), Format, r"packed with gzip"),
        "hdf5": Attack(b"\x89HDF\r\n\x1a\n" + bytes(20), Format, r"an HDF5 file"),
        "tar": Attack(bytes(257) + b"ustar\x0000" + bytes(248), Unsupported, r"a tar archive"),
        "text": Attack(b"hello, world", Format, r"not a file of PyTorch: it begins with b'hello, w'"),
        "png": Attack(b"\x89PNG\r\n\x1a\n" + bytes(20), Format, r"not a file of PyTorch"),
        "safetensors": Attack(a.safetensors_file({}), Format, r"looks like safetensors"),
        "zip signature alone": Attack(b"PK\x03\x04", Format, r"no end record"),
        "two letters": Attack(b"PK", Format, r"a zip file without entries, or damaged"),
        "pickle of another program": Attack(a.pickled(EMPTY_DICT), Format, r"without PyTorch's magic number"),
        "joblib": Attack(a.pickled(call("joblib.numpy_pickle.NumpyArrayWrapper")), Unsafe, r"refused global joblib"),
        "one byte": Attack(b"\x80", Format, r"the pickle ends in the middle"),
    }


def torch_corpus() -> dict[str, Attack]:
    """Every file that load_torch must refuse."""
    parts = (
        code_attacks(),
        shape_attacks(),
        tensor_attacks(),
        legacy_attacks(),
        zip_attacks(),
        script_attacks(),
        disguises(),
    )
    return {name: attack for part in parts for name, attack in part.items()}


def safetensors_corpus() -> dict[str, Attack]:
    """Every file that load_safetensors must refuse."""
    one = {"w": a.entry()}
    build = a.safetensors_file

    def entries(*found: dict[str, object], body: bytes = FLOATS) -> bytes:
        return build({f"t{index}": item for index, item in enumerate(found)}, body)

    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    return {
        "empty": Attack(b"", Format, r"the file is empty"),
        "short": Attack(b"\x02\x00\x00\x00", Format, r"4 bytes are too few"),
        "header beyond the file": Attack(
            build(one, FLOATS, length=1 << 62), Format, r"a header of 4611686018427387904 bytes"
        ),
        "header beyond the limit": Attack(build(b"{" + b" " * (9 << 20) + b"}"), Limit, r"Limits[.]json_bytes"),
        "header empty": Attack(build(b"", b"12345678"), Format, r"does not begin with '[{]'"),
        "header cut": Attack(build(b'{"w":', pad=False), Format, r"not JSON"),
        "header after blanks": Attack(build(b" {}"), Format, r"does not begin with '[{]'"),
        "header a list": Attack(build(b"[]"), Format, r"does not begin with '[{]'"),
        "header with a tail": Attack(build(b"{}x"), Format, r"not JSON: Extra data"),
        "header not utf-8": Attack(build(b'{"\xff":1}'), Format, r"not UTF-8"),
        "header deep": Attack(build(deep), Limit, r"JSON nested deeper"),
        "name twice": Attack(
            build(b'{"w":%s,"w":%s}' % ((b'{"dtype":"F32","shape":[4],"data_offsets":[0,16]}',) * 2), FLOATS),
            Format,
            r"stands twice",
        ),
        "field twice": Attack(
            build(b'{"w":{"dtype":"F32","dtype":"F32","shape":[4],"data_offsets":[0,16]}}', FLOATS),
            Format,
            r"'dtype' stands twice",
        ),
        "nan": Attack(build(b'{"w":NaN}'), Format, r"NaN is no number of JSON"),
        "infinity": Attack(build(b'{"w":1e999}'), Format, r"too large"),
        "long number": Attack(build(b'{"w":' + b"9" * 10_000 + b"}"), Format, r"a whole number of 10000 digits"),
        "metadata of numbers": Attack(
            build({"__metadata__": {"a": 1}}), Format, r"__metadata__ is not an object of texts"
        ),
        "metadata a list": Attack(build({"__metadata__": []}), Format, r"__metadata__ is not an object of texts"),
        "entry a list": Attack(entries([]), Format, r"not described by exactly"),  # type: ignore[arg-type]
        "field missing": Attack(entries({"dtype": "F32", "shape": [4]}), Format, r"not described by exactly"),
        "field unknown": Attack(entries({**a.entry(), "reduce": "os.system"}), Format, r"not described by exactly"),
        "dtype unknown": Attack(entries(a.entry("Q7")), Format, r"dtype 'Q7'; known are BOOL"),
        "dtype missing": Attack(entries(a.entry("F8_E4M3", (16,))), Unsupported, r"dtype 'F8_E4M3'"),
        "dtype a number": Attack(entries({**a.entry(), "dtype": 3}), Format, r"dtype '3'"),
        "shape negative": Attack(entries(a.entry(shape=(-4,))), Format, r"lists of whole numbers from 0"),
        "shape true": Attack(entries({**a.entry(), "shape": [4, True]}), Format, r"lists of whole numbers from 0"),
        "shape float": Attack(entries({**a.entry(), "shape": [4.0]}), Format, r"lists of whole numbers from 0"),
        "shape huge": Attack(entries(a.entry(shape=(1 << 61, 1 << 61))), Format, r"data_offsets give 16"),
        "shape overflow": Attack(entries(a.entry(shape=(1 << 32, 1 << 32), end=0)), Format, r"data_offsets give 0"),
        "shape and size": Attack(entries(a.entry(shape=(3,))), Format, r"takes 12 bytes, data_offsets give 16"),
        "shape of empty": Attack(entries(a.entry(shape=(0, 1 << 60), end=16)), Format, r"takes 0 bytes"),
        "dims": Attack(entries(a.entry(shape=(1,) * 40, end=4)), Limit, r"Limits[.]dims"),
        "offsets backwards": Attack(entries(a.entry(begin=16, end=0)), Format, r"data_offsets give -16"),
        "offsets negative": Attack(entries(a.entry(begin=-16, end=0)), Format, r"lists of whole numbers from 0"),
        "offsets three": Attack(entries({**a.entry(), "data_offsets": [0, 8, 16]}), Format, r"lists of whole numbers"),
        "overlap": Attack(entries(a.entry(), a.entry("F32", (2,), 8, 16)), Format, r"overlaps the one before it"),
        "same bytes twice": Attack(entries(a.entry(), a.entry()), Format, r"overlaps the one before it"),
        "hole": Attack(entries(a.entry("F32", (2,), 8, 16)), Format, r"leaves a hole of 8 bytes"),
        "beyond": Attack(entries(a.entry(shape=(8,), end=32)), Format, r"the tensors take 32 bytes, the file has 16"),
        "bytes behind": Attack(build(one, FLOATS + b"x"), Format, r"1 bytes behind the last tensor"),
        "cut": Attack(build(one, FLOATS[:-1]), Format, r"it is truncated"),
        "booleans": Attack(entries(a.entry("BOOL", (16,))), Format, r"booleans other than 0 and 1"),
        "long name": Attack(build({"n" * 5000: a.entry()}, FLOATS), Limit, r"Limits[.]name_bytes"),
        "a pickle": Attack(a.torch_legacy(call("os.system", COMMAND)), Format, r"a header of \d+ bytes in a file"),
        "a zip": Attack(a.torch_zip(a.tensor()), Format, r"a header of \d+ bytes in a file"),
        "html": Attack(b"<!doctype html>", Format, r"an HTML or XML page"),
        "git lfs pointer": Attack(b"version https://git-lfs.github.com/spec/v1\n", Format, r"a Git LFS pointer"),
    }
