"""Payloads that a hostile file of weights could hold, by family, and the child that loads them.

A payload is a fragment of opcodes that leaves one value on the stack, written by hand so that
nothing dangerous is ever made by pickling; `placed` puts it where a checkpoint would hold a value.
Run as a program, this file is the child process: it loads what it is told to under an audit hook
and reports one line of JSON for each case.
"""

import contextlib
import gzip
import json
import os
import pickle
import pickletools
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixace.checkpoints import safe_pickle
from pixace.errors import CheckpointError

STOP = b"."
PLACEMENTS = ("whole", "checkpoint", "history", "before")


class Payload(NamedTuple):
    """One fragment: its family, its name, its opcodes and a part of the message it must meet."""

    family: str
    name: str
    fragment: bytes
    says: str


class HostileFile(NamedTuple):
    """One whole file: `make` writes it into a folder and returns its path."""

    family: str
    name: str
    make: Callable[[Path], Path]
    says: str


# How a fragment is written.


def text(value: str) -> bytes:
    """BINUNICODE."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def raw(value: bytes) -> bytes:
    """BINBYTES."""
    return b"B" + struct.pack("<I", len(value)) + value


def integer(value: int) -> bytes:
    """LONG1."""
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def tup(*parts: bytes) -> bytes:
    """A tuple of fragments."""
    return b"(" + b"".join(parts) + b"t"


def name(module: str, attribute: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(attribute) + b"\x93"


def call(function: bytes, *args: bytes) -> bytes:
    """REDUCE."""
    return function + tup(*args) + b"R"


def run(module: str, attribute: str, *args: bytes) -> bytes:
    """A call of a named function, by default with a shell command."""
    return call(name(module, attribute), *(args or (text("echo hacked"),)))


def dct(**values: bytes) -> bytes:
    """A dict with text keys."""
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


NONE, TRUE, FALSE = b"N", b"\x88", b"\x89"
NDARRAY, DTYPE = name("numpy", "ndarray"), name("numpy", "dtype")
RECONSTRUCT = name("numpy.core.multiarray", "_reconstruct")
SCALAR = name("numpy.core.multiarray", "scalar")
FROMBUFFER = name("numpy.core.numeric", "_frombuffer")
ENCODE = name("_codecs", "encode")
DEFAULTDICT = name("collections", "defaultdict")
LIST = name("builtins", "list")
SIGNATURE = name("trax.shapes", "ShapeDtype")
JAX = name("jax._src.array", "_reconstruct_array")
EMPTY = (NDARRAY, tup(integer(0)), raw(b"b"))


def dtype_state(order: str = "<", *rest: bytes) -> bytes:
    """NumPy's state of a plain dtype, the last parts replaced by `rest`."""
    parts = [integer(3), text(order), NONE, NONE, NONE, integer(-1), integer(-1), integer(0)]
    return tup(*parts[: len(parts) - len(rest)], *rest)


def dtype(code: str = "f4", state: bytes | None = None) -> bytes:
    """A dtype."""
    return call(DTYPE, text(code), FALSE, TRUE) + (state or dtype_state()) + b"b"


def shape(*sizes: int) -> bytes:
    """A shape."""
    return tup(*map(integer, sizes))


def array_state(
    sizes: bytes = shape(2),
    kind: bytes = dtype(),
    data: bytes = raw(b"\0" * 8),
    order: bytes = FALSE,
) -> bytes:
    """NumPy's state of an array; by default two float32."""
    return tup(integer(1), sizes, kind, order, data)


def array(*args: bytes, **kwargs: bytes) -> bytes:
    """An array by _reconstruct and BUILD."""
    return call(RECONSTRUCT, *EMPTY) + array_state(*args, **kwargs) + b"b"


def buffered(sizes: bytes, data: bytes, *order: bytes, kind: bytes = dtype()) -> bytes:
    """An array by _frombuffer."""
    return call(FROMBUFFER, data, kind, sizes, *(order or (text("C"),)))


def jax_array(function: bytes = RECONSTRUCT, args: bytes | None = None, **aval: bytes) -> bytes:
    """A jax array."""
    return call(JAX, function, args or tup(*EMPTY), array_state(), dct(**aval))


def signature(state: bytes) -> bytes:
    """A ShapeDtype."""
    return SIGNATURE + b")\x81" + state + b"b"


def put(index: int) -> bytes:
    """LONG_BINPUT."""
    return b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    """LONG_BINGET."""
    return b"j" + struct.pack("<I", index)


# Where it is placed.


def valid_pickle(protocol: int = 4) -> bytes:
    """Returns a small pickle that loads."""
    return pickle.dumps({"step": 3, "flat_weights": [np.ones((2, 3), "f4")]}, protocol)


def placed(fragment: bytes, placement: str) -> bytes:
    """Returns a pickle with a fragment as the whole, in a checkpoint, in its history, or before."""
    weights = b"](" + array() + array() + b"e"
    if placement == "checkpoint":
        value = dct(
            step=integer(3), flat_weights=b"](" + array() + fragment + b"e", flat_state=b"]"
        )
    elif placement == "history":
        curve = dct(**{"metrics/loss": b"](" + tup(integer(1), fragment) + b"e"})
        history = dct(_values=dct(train=curve))
        value = dct(step=integer(3), flat_weights=weights, history=history)
    else:
        value = fragment
    tail = valid_pickle() if placement == "before" else b""
    return b"\x80\x05" + value + STOP + tail


# The families. Names only are written here; nothing of them is imported.


def _names(family: str, listed: str) -> Iterator[Payload]:
    for dotted in listed.split():
        module, attribute = dotted.rsplit(".", 1)
        yield Payload(family, dotted, run(module, attribute), "which weights do not need")


def family_a() -> Iterator[Payload]:
    """Direct execution."""
    yield from _names(
        "A",
        """os.system posix.system nt.system os.popen os.execv os.remove subprocess.Popen
        subprocess.check_output subprocess.getoutput builtins.eval builtins.exec builtins.compile
        builtins.__import__ builtins.open __builtin__.eval runpy.run_path runpy._run_code pty.spawn
        webbrowser.open shutil.rmtree socket.create_connection urllib.request.urlopen sys.exit""",
    )
    yield Payload("A", "GLOBAL os system", b"cos\nsystem\n(X\2\0\0\0lstR", "module 'os'")
    yield Payload("A", "eval of text", run("builtins", "eval", text("1+1")), "name 'eval'")


def family_b() -> Iterator[Payload]:
    """Execution at second hand."""
    yield from _names(
        "B",
        """code.InteractiveInterpreter cProfile.run profile.run timeit.timeit pdb.run bdb.run
        doctest.debug_script pydoc.pipepager uuid._get_command_stdout trace.Trace
        idlelib.pyshell.main multiprocessing.util.spawnv_passfds asyncio.run ctypes.CDLL
        ctypes.PyDLL venv.create
        importlib.import_module importlib.reload pkgutil.resolve_name zipimport.zipimporter
        logging.config.listen distutils.spawn.spawn ensurepip.bootstrap sqlite3.connect""",
    )


def family_c() -> Iterator[Payload]:
    """Attribute walking."""
    unknown = "which weights do not need"
    getter = run("builtins", "getattr", name("os", "path"), text("os"))
    yield Payload(
        "C", "nested getattr", run("builtins", "getattr", getter, text("system")), unknown
    )
    yield from _names(
        "C",
        """builtins.getattr builtins.setattr operator.attrgetter operator.methodcaller
        operator.itemgetter functools.partial functools.reduce types.FunctionType builtins.map
        builtins.type builtins.vars builtins.globals numpy.__dict__ numpy.os.system""",
    )
    for module, dotted in (
        ("numpy", "dtype.__class__"),
        ("numpy", "ndarray.__class__.__base__.__subclasses__"),
        ("collections", "defaultdict.__init__.__globals__"),
        ("numpy.core.multiarray", "__builtins__"),
        ("numpy.core.multiarray", "os.system"),
        ("numpy.core.multiarray", "_reconstruct.__self__"),
        ("trax.shapes", "tf.io.gfile.GFile"),
        ("trax.shapes", "ShapeDtype.__init__.__globals__"),
        ("_codecs", "encode.__self__"),
        ("collections", "_sys.modules"),
        ("builtins", "list.__class__"),
        ("numpy", "dtype\0"),
        ("numpy\0", "dtype"),
        ("num\u0440\u0443", "dtype"),  # Cyrillic letters
        ("Numpy", "dtype"),
        ("numpy ", "dtype"),
        ("numpy", ""),
        ("", "dtype"),
        (".numpy", "dtype"),
        ("numpy.core.multiarray.", "_reconstruct"),
        ("numpy\ncore", "dtype"),
        ("numpy", "dtype\nrefused: nothing"),
    ):
        yield Payload("C", f"{module!r} {dotted!r}", call(name(module, dotted)), unknown)
    made = call(ENCODE, text("system"), text("latin1"))
    yield Payload("C", "a name made at run time", text("os") + made + b"\x93", "not a text")
    yield Payload("C", "codec of choice", call(ENCODE, text("x"), text("rot13")), "_codecs.encode")
    yield Payload("C", "encode with three", call(ENCODE, *[text("latin1")] * 3), "_codecs.encode")
    yield Payload("C", "a module of a tuple", b")X\1\0\0\0a\x93", "not a text")
    yield Payload("C", "list called", call(LIST, tup()), "a call of list")
    yield Payload("C", "bytes of a size", run("builtins", "bytes", integer(9)), "a call of bytes")
    yield Payload("C", "ndarray called", call(NDARRAY, shape(1 << 40)), "a call of numpy.ndarray")
    yield Payload("C", "a text called", call(text("os.system")), "not a name")
    yield Payload("C", "bare name", name("numpy", "dtype"), "bare name")


def family_d() -> Iterator[Payload]:
    """NumPy's own doors."""
    yield from _names(
        "D",
        """numpy.testing._private.utils.runstring numpy.testing.utils.runstring
        numpy.f2py.diagnose.run_command numpy.distutils.exec_command.exec_command
        numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran.myeval numpy.load numpy.fromfile
        numpy.memmap numpy.lib.npyio.DataSource numpy.lib._datasource.open numpy.loadtxt
        numpy.lib.format.open_memmap numpy.ctypeslib.load_library numpy.core.multiarray.fromfile
        numpy._core.multiarray.set_string_function numpy.core._internal._ctypes numpy.save
        numpy.core.records.fromfile numpy.ma.core._mareconstruct numpy.rec.fromarrays""",
    )
    thing = call(DTYPE, text("O8"), FALSE, TRUE)
    yield Payload("D", "scalar of objects", call(SCALAR, thing, raw(b"\0" * 8)), "no plain number")
    yield Payload("D", "scalar of a value", call(SCALAR, dtype(), integer(1)), "not bytes")
    yield Payload("D", "scalar without bytes", call(SCALAR, dtype()), "numpy's scalar")
    yield Payload("D", "_reconstruct of list", call(RECONSTRUCT, LIST, *EMPTY[1:]), "_reconstruct")
    wide = call(RECONSTRUCT, NDARRAY, shape(1 << 40), raw(b"d"))
    yield Payload("D", "_reconstruct with a shape", wide, "numpy's _reconstruct")


def family_e() -> Iterator[Payload]:
    """The doors of jax, trax, gin and TensorFlow."""
    yield from _names(
        "E",
        """pickle.loads _pickle.loads cloudpickle.loads dill.loads joblib.load torch.load
        pandas.read_pickle trax.supervised.training.unpickle_from_file trax.layers.base.np_from_file
        trax.fastmath.set_backend gin.parse_config gin.config.parse_config_file
        gin.external_configurable
        tensorflow.io.gfile.GFile tensorflow.py_function tensorflow.io.read_file
        tensorflow.python.ops.script_ops._py_func jax.pure_callback jax.experimental.io_callback
        jax._src.api.device_put jax._src.array.ArrayImpl jax._src.util.weakref_lru_cache
        jaxlib.xla_extension.Client jax.interpreters.xla.DeviceArray absl.app.run""",
    )
    says = "a jax array that is not built"
    weak = {"weak_type": FALSE}
    yield Payload("E", "jax calls ndarray", jax_array(NDARRAY, **weak), says)
    yield Payload("E", "jax calls encode", jax_array(ENCODE, **weak), says)
    yield Payload("E", "jax calls jax", jax_array(JAX, **weak), says)
    yield Payload("E", "jax calls a text", jax_array(text("os.system"), **weak), says)
    yield Payload("E", "jax calls eval", jax_array(name("builtins", "eval"), **weak), "'eval'")
    yield Payload("E", "jax with four arguments", call(JAX, RECONSTRUCT, NONE, NONE, NONE), says)
    odd = tup(LIST, shape(0), raw(b"b"))
    yield Payload("E", "jax calls with list", jax_array(args=odd, **weak), "_reconstruct")
    yield Payload("E", "jax aval __class__", jax_array(__class__=TRUE), "'__class__'")
    yield Payload("E", "jax aval weak_type", jax_array(weak_type=text("x")), "'weak_type'")
    yield Payload("E", "jax aval names", jax_array(named_shape=dct(i=TRUE)), "'named_shape'")
    flat = call(JAX, RECONSTRUCT, tup(*EMPTY), array_state(), b"]")
    yield Payload("E", "jax aval of a list", flat, "not described by a dict")


def family_f() -> Iterator[Payload]:
    """Pollution: changing what is there."""
    says = "a state for something other"
    evil = dct(__setstate__=name("numpy", "dtype"))
    plain = dct(__setstate__=TRUE)
    yield Payload("F", "BUILD on ndarray", NDARRAY + plain + b"b", says)
    yield Payload("F", "BUILD on dtype, a name inside", DTYPE + evil + b"b", "bare name")
    yield Payload("F", "BUILD on dtype", DTYPE + plain + b"b", says)
    yield Payload("F", "BUILD on a function", RECONSTRUCT + plain + b"b", says)
    yield Payload("F", "BUILD on ShapeDtype itself", SIGNATURE + plain + b"b", says)
    yield Payload("F", "slot state on a class", SIGNATURE + tup(NONE, plain) + b"b", says)
    yield Payload("F", "BUILD on a list", b"]" + plain + b"b", says)
    yield Payload("F", "BUILD on a dict", b"}" + plain + b"b", says)
    yield Payload("F", "BUILD on a defaultdict", call(DEFAULTDICT, LIST) + plain + b"b", says)
    yield Payload("F", "BUILD on a text", text("x") + plain + b"b", says)
    state = {"shape": shape(1), "dtype": dtype()}
    says = "a ShapeDtype whose state"
    for key in ("__class__", "__dict__", "__setstate__", "__reduce__"):
        polluted = signature(tup(NONE, dct(**state, **{key: TRUE})))
        yield Payload("F", f"ShapeDtype state {key}", polluted, says)
    yield Payload("F", "ShapeDtype dict state", signature(dct(**state)), says)
    yield Payload("F", "ShapeDtype two states", signature(tup(dct(**state), dct(**state))), says)
    yield Payload("F", "ShapeDtype without shape", signature(tup(NONE, dct(dtype=dtype()))), says)
    twice = signature(tup(NONE, dct(**state))) + tup(NONE, dct(**state)) + b"b"
    yield Payload("F", "ShapeDtype built twice", twice, "built twice")
    for label, wrong in (("text", text("x")), ("list", b"]"), ("wide", shape(*range(33)))):
        odd = signature(tup(NONE, dct(shape=wrong, dtype=dtype())))
        yield Payload("F", f"ShapeDtype shape {label}", odd, "at most 32 sizes")
    odd = signature(tup(NONE, dct(shape=shape(-1), dtype=dtype())))
    yield Payload("F", "ShapeDtype shape negative", odd, "no size")
    odd = signature(tup(NONE, dct(shape=shape(1), dtype=text("f4"))))
    yield Payload("F", "ShapeDtype dtype of text", odd, "not a finished dtype")
    yield Payload("F", "NEWOBJ without BUILD", SIGNATURE + b")\x81", "without contents")
    yield Payload("F", "NEWOBJ of ndarray", NDARRAY + b")\x81", "other than ShapeDtype")
    yield Payload("F", "NEWOBJ with arguments", SIGNATURE + shape(1) + b"\x81", "other than")
    yield Payload("F", "NEWOBJ_EX", SIGNATURE + b")}\x92", "opcode 0x92")
    yield Payload("F", "array without contents", call(RECONSTRUCT, *EMPTY), "without contents")
    yield Payload("F", "bare dtype", dtype(), "bare dtype")
    yield Payload("F", "bytearray", b"\x96" + struct.pack("<Q", 1) + b"x", "a bytearray")
    factories = {"ndarray": NDARRAY, "bytes": name("builtins", "bytes"), "encode": ENCODE}
    for label, factory in factories.items():
        yield Payload("F", f"defaultdict of {label}", call(DEFAULTDICT, factory), "factory")
    factory = name("os", "getcwd")
    yield Payload("F", "defaultdict of getcwd", call(DEFAULTDICT, factory), "'getcwd'")
    yield Payload("F", "defaultdict of nothing", call(DEFAULTDICT), "factory")
    yield Payload("F", "defaultdict of list and dict", call(DEFAULTDICT, LIST, b"}"), "factory")


def family_g() -> Iterator[Payload]:
    """Forged arrays."""
    sizes = {
        "shape past 2**64": ((1 << 32, 1 << 32), "no size"),
        "shape that wraps to 2": ((1 << 63, 2), "no size"),
        "zero and huge": ((0, 1 << 62), "no size"),
        "negative": ((-2,), "no size"),
        "two negatives": ((-1, -2), "no size"),
        "33 dimensions": ((1,) * 32 + (2,), "at most 32"),
        "1 TiB of 8 bytes": ((1 << 38,), "declares 1099511627776 bytes"),
        "one less": ((1,), "declares 4 bytes"),
        "one more": ((3,), "declares 12 bytes"),
        "0-d": ((), "declares 4 bytes"),
        "empty": ((0,), "declares 0 bytes"),
    }
    for label, (dims, says) in sizes.items():
        yield Payload("G", label, array(shape(*dims)), says)
        yield Payload("G", f"{label}, frombuffer", buffered(shape(*dims), raw(b"\0" * 8)), says)
    for label, wrong in (("list", b"]"), ("int", integer(2)), ("text", text("2")), ("None", NONE)):
        yield Payload("G", f"shape a {label}", array(wrong), "not a tuple")
    for label, wrong in (("float", b"G" + b"\0" * 8), ("True", TRUE), ("tuple", shape(2))):
        yield Payload("G", f"size a {label}", array(tup(wrong)), "no size")
    codes = "O O8 V V8 V0 f4,f4 S S8 U U4 M8 m8[s] M8[ns] f16 g c8 c16 i3 f0 x 2f4 (2,)f4 a5 p P e"
    for code in [*codes.split(), "", "\0", "f4\0", "<f4", "=f4", "|O", "object", "float32", "T"]:
        yield Payload("G", f"dtype {code!r}", array(kind=dtype(code)), "no plain number")
    for label, argument in (("an int", integer(4)), ("a dtype", dtype()), ("a name", LIST)):
        odd = call(DTYPE, argument, FALSE, TRUE)
        yield Payload("G", f"dtype of {label}", array(kind=odd), "no plain number")
    for label, args in (("one", ()), ("aligned", (TRUE, TRUE)), ("four", (FALSE, TRUE, dct()))):
        odd = call(DTYPE, text("f4"), *args)
        yield Payload("G", f"dtype arguments {label}", array(kind=odd), "dtype whose arguments")
    says = "dtype state"
    parts = [integer(3), text("<"), NONE, NONE, NONE, integer(-1), integer(-1), integer(0)]
    for length in (*range(8), *range(9, 13)):
        state = tup(*(parts + [NONE] * 4)[:length])
        yield Payload("G", f"dtype state of {length}", array(kind=dtype("f4", state)), says)
    fields = dct(x=tup(dtype(), integer(1 << 40)))
    forged = {
        "version 4": tup(integer(4), *parts[1:]),
        "subarray": tup(*parts[:2], tup(dtype(), shape(9)), *parts[3:]),
        "names": tup(*parts[:3], tup(text("x")), *parts[4:]),
        "fields at bad offsets": tup(*parts[:3], tup(text("x")), fields, *parts[5:]),
        "itemsize 0": tup(*parts[:5], integer(0), *parts[6:]),
        "itemsize 1000": tup(*parts[:5], integer(1000), *parts[6:]),
        "alignment 7": tup(*parts[:6], integer(7), parts[7]),
        "flags of an object": tup(*parts[:7], integer(63)),
        "a list": b"](" + b"".join(parts) + b"e",
        "a text": text("<"),
        "an array for None": tup(*parts[:2], array(), *parts[3:]),
    }
    for label, state in forged.items():
        yield Payload("G", f"dtype state {label}", array(kind=dtype("f4", state)), says)
    for order in ("", "<>", "=", "|", "O", "\0", "<\0"):
        odd = dtype("f4", dtype_state(order))
        yield Payload("G", f"byte order {order!r}", array(kind=odd), "byte order")
    odd = dtype("i1", dtype_state(">"))
    yield Payload("G", "byte order of i1", array(shape(8), odd), "byte order")
    yield Payload("G", "dtype built twice", array(kind=dtype() + dtype_state() + b"b"), "twice")
    bare = call(DTYPE, text("f4"), FALSE, TRUE)
    yield Payload("G", "dtype not built", array(kind=bare), "not a finished dtype")
    for label, wrong in (("a name", DTYPE), ("None", NONE), ("a text", text("f4"))):
        yield Payload("G", f"dtype is {label}", array(kind=wrong), "not a finished dtype")
    for label, wrong in (("text", text("\0" * 8)), ("list", b"]"), ("array", array())):
        yield Payload("G", f"contents a {label}", array(data=wrong), "contents are not bytes")
    yield Payload("G", "array built twice", array() + array_state() + b"b", "built twice")
    yield Payload("G", "order 2", array(order=integer(2)), "an array state")
    yield Payload("G", "order None", array(order=NONE), "an array state")
    unbuilt = call(RECONSTRUCT, *EMPTY)
    for label, state in (("short", tup(integer(1))), ("dict", dct()), ("None", NONE)):
        yield Payload("G", f"array state {label}", unbuilt + state + b"b", "an array state")
    yield Payload("G", "version 9", unbuilt + tup(integer(9), *[NONE] * 4) + b"b", "an array state")
    boolean = dtype("b1", dtype_state("|"))
    yield Payload("G", "boolean of 2", array(shape(1), boolean, raw(b"\2")), "neither 0 nor 1")
    data = raw(b"\0" * 24)
    for letter in (text("K"), text("X"), text(""), NONE):
        odd = buffered(shape(6), data, letter)
        yield Payload("G", f"frombuffer order {letter!r}", odd, "_frombuffer")
    for axes in ((0,), (0, 0), (0, 2), (-1, 0), (0, 1, 2), (1 << 64, 0)):
        odd = buffered(shape(2, 3), data, text("K"), shape(*axes))
        yield Payload("G", f"frombuffer axes {axes}", odd, "no order there is")
    odd = buffered(shape(2, 3), data, text("K"), tup(FALSE, TRUE))
    yield Payload("G", "frombuffer axes of booleans", odd, "no order there is")


def npy_streams() -> dict[str, bytes]:
    """Returns hostile .npy streams."""

    def npy(header: str, data: bytes = b"") -> bytes:
        line = header.encode() + b"\n"
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(line)) + line + data

    ordinary = "{'descr': '<f4', 'fortran_order': False, 'shape': %s}"
    return {
        "4 GiB header": b"\x93NUMPY\2\0" + b"\xff" * 4 + b"{",
        "nested literal": npy("(" * 30000),
        "expression": npy("__import__('os').system('echo hacked')"),
        "shape of text": npy(ordinary % "('a',)"),
        "4 TiB": npy(ordinary % "(1099511627776,)"),
        "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", valid_pickle()),
        "trailing bytes": npy(ordinary % "(1,)", b"\0" * 99),
    }


def family_h() -> Iterator[Payload]:
    """Streams in NumPy's own format, which pickles objects too."""
    for label, stream in npy_streams().items():
        reader = run("numpy.lib.format", "read_array", run("io", "BytesIO", raw(stream)))
        yield Payload("H", f"read_array: {label}", reader, "which weights do not need")
        yield Payload("H", f"in the stream: {label}", stream, "")


def family_i() -> Iterator[Payload]:
    """Bombs."""
    for opcode, label in ((0x8E, "bytes"), (0x96, "bytearray"), (0x8D, "text")):
        bomb = bytes([opcode]) + struct.pack("<Q", 1 << 62)
        yield Payload("I", f"2**62 bytes of {label}", bomb, "bytes declared")
    yield Payload("I", "4 GiB of text", b"X\xff\xff\xff\xff", "bytes declared")
    yield Payload("I", "LONG1 of 255 bytes", b"\x8a\xff" + b"\x7f" * 255, "an integer of 255")
    yield Payload("I", "LONG4", b"\x8b" + struct.pack("<i", 1 << 30), "opcode 0x8b")
    yield Payload("I", "LONG of a million digits", b"L" + b"9" * 1_000_000 + b"L\n", "opcode 0x4c")
    yield Payload("I", "INT of a million digits", b"I" + b"9" * 1_000_000 + b"\n", "opcode 0x49")
    yield Payload("I", "huge memo index", b"N" + put(0xFFFFFFFF), "memo entries")
    yield Payload("I", "text PUT", b"Np" + b"9" * 100_000 + b"\n", "opcode 0x70")
    row = b"".join(b"(" + get(level) * 10 + b"t" + put(level + 1) for level in range(12))
    laughs = b"(" + shape(1) + put(0) + row + b"t"
    yield Payload("I", "billion laughs of tuples", laughs, "elements")
    row = b"".join(b"](" + get(level) * 2 + b"e" + put(level + 1) for level in range(40))
    yield Payload("I", "lists shared", b"(](NNe" + put(0) + row + b"t", "inside two containers")
    yield Payload("I", "DUP", b"N2\x86" * 3, "opcode 0x32")
    shared = raw(b"\0" * 80_000) + put(0) + dtype() + put(1)
    again = call(RECONSTRUCT, *EMPTY) + array_state(shape(20_000), get(1), get(0)) + b"b"
    yield Payload(
        "I", "a thousand arrays of the same bytes", tup(shared, again * 1000), "same bytes"
    )
    again = buffered(shape(20_000), get(0), kind=get(1))
    yield Payload("I", "the same by frombuffer", tup(shared, again * 1000), "same bytes")
    again = call(ENCODE, get(0), text("latin1"))
    shared = text("x" * 100_000) + put(0)
    yield Payload("I", "one text encoded again and again", tup(shared, again * 1000), "same bytes")
    yield Payload("I", "a long text made wide", text("x" * 70_000 + "\U0001f600"), "a text of")
    yield Payload("I", "a frame of 2**62", b"\x95" + struct.pack("<Q", 1 << 62) + b"N", "frame of")
    keys = b"".join(integer(number * (2**61 - 1)) + NONE for number in range(1, 3000))
    yield Payload("I", "keys of one hash", b"}(" + keys + b"u", "a dict key")


def family_j() -> Iterator[Payload]:
    """Recursion."""
    deep, levels = b")" + b"\x85" * 200_000, "nesting of more than 64 levels"
    yield Payload("J", "tuples", deep, levels)
    yield Payload("J", "tuples as a key", b"}" + deep + b"Ns", levels)
    yield Payload("J", "a tuple as a key", b"})Ns", "a dict key")
    yield Payload("J", "tuples in a set", b"\x8f(" + deep + b"\x90", "opcode 0x8f")
    yield Payload("J", "tuples in a frozenset", b"(" + deep + b"\x91", levels)
    yield Payload("J", "tuples of marks", b"(" * 200_000 + b"t" * 200_000, levels)
    yield Payload("J", "lists", b"]" * 200_000 + b"a" * 199_999, levels)
    yield Payload("J", "dicts", b"}X\0\0\0\0" * 200_000 + b"N" + b"s" * 200_000, levels)
    yield Payload("J", "lists grown from outside", b"](" * 30_000 + b"e" * 30_000, levels)
    grown = tup(b"]" + put(0), b"]" + put(1) + get(0) + b"a", get(0) + get(1) + b"a")
    yield Payload("J", "two lists in each other", grown, "already part")
    yield Payload("J", "list in itself", b"]" + put(0) + get(0) + b"a", "inside itself")
    yield Payload("J", "dict in itself", b"}" + put(0) + text("a") + get(0) + b"s", "inside itself")
    knot = b"]" + put(0) + get(0) + b"\x85a"
    yield Payload("J", "list in its tuple", knot, "already part")
    calls = (ENCODE + b"(") * 40 + text("x") + b"tR" * 40
    yield Payload("J", "nested REDUCE, 40 deep", calls, "_codecs.encode")
    yield Payload("J", "nested REDUCE, 50,000 deep", (ENCODE + b"(") * 50_000, levels)
    calls = call(RECONSTRUCT, *EMPTY) * 5_000 + b"b" * 4_999
    yield Payload("J", "nested BUILD", calls, "an array state")


def family_k() -> Iterator[Payload]:
    """Tricks with the stream."""
    opcodes = {
        b"\xff": "0xff",
        b"\x80\x04": "0x80",
        b"\x80\x06": "0x80",
        b"Pabc\n": "0x50",
        b"NQ": "0x51",
        b"\x82\x01": "0x82",
        b"\x83\x01\x00": "0x83",
        b"\x84\x01\x00\x00\x00": "0x84",
        b"(ios\nsystem\n": "0x69",
        b"(o": "0x6f",
        b"\x97": "0x97",
        b"N\x98": "0x98",
        b"N0": "0x30",
        b"(1": "0x31",
        b"S'x'\n": "0x53",
        b"Vx\n": "0x56",
        b"F1.0\n": "0x46",
        b"U\x01x": "0x55",
        b"T\x01\0\0\0x": "0x54",
        b"(l": "0x6c",
        b"(d": "0x64",
        b"\0": "0x00",
        b"g0\n": "0x67",
    }
    for fragment, code in opcodes.items():
        yield Payload("K", f"opcode {code} {fragment!r}", fragment, f"opcode {code}")
    yield Payload("K", "APPENDS without MARK", b"\x88e", "")
    yield Payload("K", "TUPLE without MARK", b"t" * 9, "")
    yield Payload("K", "TUPLE3 of two", b"(NN\x87t", "empty stack")
    yield Payload("K", "REDUCE on nothing", b"(Rt", "empty stack")
    yield Payload("K", "BUILD on nothing", b"(Nbt", "empty stack")
    yield Payload("K", "MEMOIZE on nothing", b"(\x94t", "empty stack")
    yield Payload("K", "APPEND under the MARK", b"](Nat", "empty stack")
    yield Payload("K", "memo miss", get(7), "read before")
    yield Payload("K", "memo written twice", b"N" + put(5) + put(5), "written twice")
    yield Payload("K", "frame too long", b"\x95" + struct.pack("<Q", 9999999) + b"N", "a frame of")
    frame = b"\x95" + struct.pack("<Q", 3)
    yield Payload("K", "frame cuts an opcode", frame + text("abcdef"), "crosses")
    yield Payload(
        "K", "frame in a frame", b"\x95" + struct.pack("<Q", 12) + frame + b"NNN", "inside"
    )
    yield Payload("K", "GLOBAL without end", b"c" + b"a" * 1000, "a name longer")
    yield Payload("K", "GLOBAL of bytes", b"c\xff\xfe\nx\n", "which weights do not need")
    yield Payload("K", "text not UTF-8", b"X\1\0\0\0\xff", "not UTF-8")
    yield Payload("K", "text of half a pair", text("\ud800"), "not UTF-8")
    yield Payload("K", "key without value", b"}(Nu", "no value")
    yield Payload("K", "two values for a key", b"}(K\1NK\1Nu", "two values")
    keys = {"None": NONE, "float": b"G" + b"\0" * 8, "bytes": raw(b"a"), "True": TRUE}
    keys |= {"a list": b"]", "a name": LIST, "an array": array(), "2**40": integer(1 << 40)}
    for label, key in keys.items():
        yield Payload("K", f"key {label}", b"}" + key + b"Ns", "a dict key")
    yield Payload("K", "APPEND to a tuple", b")Na", "elements for a list")
    yield Payload("K", "SETITEM of a list", b"]K\0Ns", "elements for a dict")
    yield Payload("K", "bytes() of bytes", run("builtins", "bytes", raw(b"x")), "a call of bytes")


def family_l() -> Iterator[Payload]:
    """A call whose result is thrown away."""
    evil = run("os", "system")
    for label, fragment in (
        ("popped", evil + b"0" + array()),
        ("popped to the mark", b"(" + evil + b"1" + array()),
        ("in the memo only", evil + put(0) + b"0" + array()),
        ("beside an array", tup(evil, array())),
        ("as a key", b"}" + evil + b"Ns"),
        ("as a state", array() + evil + b"b"),
        ("as an argument", call(ENCODE, evil, text("latin1"))),
    ):
        yield Payload("L", label, fragment, "'system'")
    yield Payload("L", "an allowed call popped", array() + b"0" + array(), "opcode 0x30")
    popped = b"(" + call(DEFAULTDICT, LIST) + b"1" + array()
    yield Payload("L", "an allowed call popped to the mark", popped, "opcode 0x31")


def all_payloads() -> list[Payload]:
    """Returns every fragment of every family."""
    families = [family_a, family_b, family_c, family_d, family_e, family_f, family_g]
    families += [family_h, family_i, family_j, family_k, family_l]
    return [payload for family in families for payload in family()]


def harmless() -> dict[str, bytes]:
    """Returns fragments by the same helpers that must load, so that a refusal means something."""
    return {
        "array": array(),
        "fortran": array(shape(2, 1), order=TRUE),
        "buffered": buffered(shape(2), raw(b"\0" * 8)),
        "axes": buffered(shape(2, 1), raw(b"\0" * 8), text("K"), shape(1, 0)),
        "jax": jax_array(weak_type=FALSE, named_shape=dct()),
        "scalar": call(SCALAR, dtype(), raw(b"\0" * 4)),
        "encoded": call(ENCODE, text("\xff"), text("latin1")),
        "defaultdict": call(DEFAULTDICT, LIST) + text("a") + NONE + b"s",
        "signature": signature(tup(NONE, dct(shape=tup(NONE, integer(3)), dtype=dtype()))),
        "no bytes": name("builtins", "bytes") + b")R",
        "dict": dct(a=integer(1 << 100), b=b"]", c=NONE),
        "shared tuple": b"(" + shape(1) + put(0) + get(0) + b"t",
        "frame": b"\x95" + struct.pack("<Q", 3) + b"NNN\x87",
        "GLOBAL": b"ccollections\ndefaultdict\nc__builtin__\nlist\n\x85R",
    }


# Whole files.


def packed(data: bytes, level: int = 6) -> bytes:
    """Returns gzip of `data`, without a name or a time."""
    return gzip.compress(data, level, mtime=0)


def _written(data: bytes, name: str = "model.pkl.gz") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    return make


def _special(name: str, make_it: Callable[[Path], Any]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        make_it(folder / name)
        return folder / name

    return make


def _zeros(path: Path, size: int, head: bytes = b"") -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))


def _named(path: Path, size: int) -> None:
    """Writes gzip whose file name has `size` bytes."""
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08\x08" + bytes(6))
        for _ in range(size >> 20):
            file.write(b"a" * (1 << 20))
        file.write(b"\0" + packed(valid_pickle())[10:])


def _empty_blocks(path: Path, size: int) -> None:
    """Writes gzip whose data are empty stored blocks."""
    with path.open("wb") as file:
        file.write(packed(b"")[:10])
        for _ in range(size >> 20):
            file.write(b"\0\0\0\xff\xff" * ((1 << 20) // 5))
        file.write(packed(valid_pickle())[10:])


def _link_to_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def hostile_files() -> list[HostileFile]:
    """Returns the payloads that are about the file rather than a value in it."""
    good = valid_pickle()
    whole = packed(good)
    page = b"<!DOCTYPE html><html><title>Quota exceeded</title></html>"
    cut_off = "cut off"
    damaged = "damaged gzip"
    stranger = "no gzip file"
    files = [
        ("I", "gzip of zeros", _special("z.pkl.gz", lambda p: _zeros(p, 64 << 20)), "not a pickle"),
        ("I", "nested gzip", _written(packed(packed(bytes(1 << 24)))), "not a pickle"),
        ("I", "two members", _written(whole + whole), "something follows"),
        ("I", "a member of nothing first", _written(packed(b"") + whole), "something follows"),
        ("I", "2 MB of name", _special("n.pkl.gz", lambda p: _named(p, 2 << 20)), "hold no data"),
        ("I", "empty blocks", _special("e.pkl.gz", lambda p: _empty_blocks(p, 2 << 20)), "no data"),
        ("K", "protocol 6", _written(packed(b"\x80\x06N.")), "pickle protocol 6"),
        ("K", "protocol 255", _written(packed(b"\x80\xffN.")), "pickle protocol 255"),
        ("K", "protocol 1", _written(packed(b"\x80\x01N.")), "pickle protocol 1"),
        ("K", "protocol 0", _written(packed(pickle.dumps({"a": 1}, 0))), "not a pickle"),
        ("K", "opcodes of 4 in 2", _written(packed(b"\x80\x02\x8c\1a.")), "opcode 0x8c"),
        (
            "K",
            "opcodes of 5 in 4",
            _written(packed(b"\x80\4\x96" + bytes(8) + b".")),
            "opcode 0x96",
        ),
        ("K", "no STOP", _written(packed(good[:-1])), "a frame of"),
        ("K", "no STOP, no frame", _written(packed(b"\x80\x04N")), "without STOP"),
        ("K", "only PROTO", _written(packed(b"\x80\x04")), "without STOP"),
        ("K", "one byte", _written(packed(b"\x80")), "no pickle"),
        ("K", "STOP alone", _written(packed(b"\x80\x04.")), "unfinished"),
        ("K", "two values", _written(packed(b"\x80\x04NN.")), "unfinished"),
        ("K", "open MARK", _written(packed(b"\x80\x04(N.")), "unfinished"),
        ("K", "second pickle", _written(packed(good + good)), "after the end"),
        ("K", "hostile second pickle", _written(packed(good + b"cos\nsystem\n.")), "after the end"),
        ("K", "newline after", _written(packed(good + b"\n")), "1 bytes after the end"),
        ("K", "text before", _written(packed(b"# weights\n" + good)), "not a pickle"),
        ("K", "zip after gzip", _written(whole + b"PK\5\6" + bytes(18)), "something follows"),
        ("K", "zero after gzip", _written(whole + b"\0"), "something follows"),
        ("K", "zip with a pickle", _written(b"PK\3\4" + whole), stranger),
        ("K", "uncompressed .gz", _written(good), stranger),
        ("K", "HTML", _written(page), stranger),
        ("K", "HTML in gzip", _written(packed(page)), "not a pickle"),
        ("K", "HTML as .pkl", _written(page, "model.pkl"), "no pickle"),
        ("K", "uncompressed and cut", _written(good[:-9], "model.pkl"), "a frame of"),
        ("K", "uncompressed and longer", _written(good + good, "model.pkl"), "after the end"),
        ("K", "empty file", _written(b""), stranger),
        ("K", "empty .pkl", _written(b"", "data_counters0.pkl"), "no pickle"),
        ("K", "empty gzip", _written(packed(b"")), "no pickle"),
        ("K", "half a header", _written(whole[:5]), cut_off),
        ("K", "no trailer", _written(whole[:-8]), cut_off),
        ("K", "half a trailer", _written(whole[:-3]), cut_off),
        ("K", "wrong CRC", _written(whole[:-8] + bytes(4) + whole[-4:]), damaged),
        ("K", "wrong length", _written(whole[:-4] + bytes(4)), damaged),
        ("K", "another method", _written(b"\x1f\x8b\x07" + whole[3:]), damaged),
        ("K", "reserved flags", _written(b"\x1f\x8b\x08\xe0" + whole[4:]), damaged),
        ("K", "zlib", _written(zlib.compress(good)), stranger),
        ("K", "directory", _special("d.pkl.gz", Path.mkdir), "not a regular file"),
        ("K", "FIFO", _special("f.pkl.gz", os.mkfifo), "not a regular file"),
        ("K", "link to /dev/zero", _special("l.pkl.gz", _link_to_zero), "not a regular file"),
        ("K", "link to itself", _special("s.pkl.gz", lambda p: p.symlink_to(p)), "cannot be read"),
        ("K", "missing", lambda folder: folder / "missing.pkl.gz", "cannot be read"),
        ("K", "missing folder", lambda folder: folder / "no" / "m.pkl.gz", "cannot be read"),
        ("K", "NUL in the name", lambda folder: folder / "a\0b.pkl.gz", "cannot be read"),
        ("K", "name too long", lambda folder: folder / ("a" * 300), "cannot be read"),
        ("K", "name of two lines", _written(packed(b"\x80\x04."), "a\nb\rc.pkl.gz"), "unfinished"),
        ("K", "name not UTF-8", _written(packed(b"\x80\x04."), "a\udcffb.pkl.gz"), "unfinished"),
    ]
    files += [
        ("H", f"the file: {label}", _written(data), stranger)
        for label, data in npy_streams().items()
    ]
    files += [
        ("H", f"in gzip: {label}", _written(packed(data)), "not a pickle")
        for label, data in npy_streams().items()
    ]
    return [HostileFile(*file) for file in files]


def stretched(head: bytes, size: int, tail: bytes, letters: bytes) -> bytes:
    """Returns gzip of `head`, of so many bytes made of one piece again and again, and of `tail`.

    Args:
        head: how it begins.
        size: a multiple of 16 MiB.
        tail: how it ends.
        letters: what the piece repeats.
    """
    piece = (letters * ((1 << 24) // len(letters) + 1))[: 1 << 24]
    count = size // len(piece)
    deflate = zlib.compressobj(9, wbits=-15)
    packed_head = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    packed_piece = deflate.compress(piece) + deflate.flush(zlib.Z_FULL_FLUSH)
    end = deflate.compress(tail) + deflate.flush()
    checksum = zlib.crc32(head)
    for _ in range(count if size < 1 << 30 else 0):  # of more nobody will ever get to the end
        checksum = zlib.crc32(piece, checksum)
    length = len(head) + size + len(tail)
    trailer = struct.pack("<II", zlib.crc32(tail, checksum), length & 0xFFFFFFFF)
    return packed(b"")[:10] + packed_head + packed_piece * count + end + trailer


def small_bombs() -> list[HostileFile]:
    """Returns small files that ask for much memory, or for much time."""
    huge, most = 3 << 30, 26 << 24  # bytes; the most is what the reader takes at all
    start = b"\x80\x05"
    stream: dict[str, tuple[bytes, int, bytes, bytes, str]] = {}
    for what, opcode in {"bytes": b"\x8e", "bytearray": b"\x96", "text": b"\x8d"}.items():
        head = start + opcode + struct.pack("<Q", huge)
        stream[f"3 GiB of {what}"] = (head, huge, b".", b"\0", "more than the limit")
    frame = start + b"\x95" + struct.pack("<Q", huge) + b"N"
    stream["3 GiB in a frame"] = (frame, huge, b".", b"\0", "more than the limit")
    stream["3 GiB after the end"] = (start + b"N.", huge, b"", b"\0", "more than the limit")
    of_most, megabyte = struct.pack("<Q", most), raw(bytes((1 << 20) - 5))
    stream["3 GiB in pieces of 1 MB"] = (start + b"(", huge, b".", megabyte, "more")
    stream["436 MB of no array"] = (start + b"\x8e" + of_most, most, b".", b"\0", "more memory")
    stream["436 MB of text"] = (start + b"\x8d" + of_most, most, b".", b"a", "more memory")
    swapped = call(RECONSTRUCT, *EMPTY) + b"(" + integer(1) + shape(most // 4)
    swapped = start + swapped + dtype("f4", dtype_state(">")) + FALSE + b"\x8e" + of_most
    stream["436 MB to be swapped"] = (swapped, most, b"tb.", b"\0", "more memory")

    axes = tup(raw(b""), dtype(), shape(*[0] * 32), text("K"), shape(*range(32)))
    empty = array_state(shape(0), data=raw(b""))
    of_jax = tup(RECONSTRUCT, tup(*EMPTY), empty, dct(weak_type=TRUE))
    again, n_opcodes = get(0) + get(1) + b"R", 1_199_000
    many: dict[str, tuple[bytes, bytes, int, str]] = {
        "wide letters": (b"", text("x" * 65_000 + "\U0001f600"), 5_000, "more memory"),
        "empty dicts": (b"", b"}", n_opcodes, "unfinished"),
        "lists in lists": (b"", b"]" * 60 + b"a" * 59, 10_000, "unfinished"),
        "bytes of one": (b"", b"C\1a", n_opcodes, "unfinished"),
        "names": (b"", b"cnumpy\nndarray\n", n_opcodes, "unfinished"),
        "defaultdicts": (DEFAULTDICT + put(0) + LIST + b"\x85" + put(1), again, 390_000, ""),
        "arrays of 32 axes": (FROMBUFFER + put(0) + axes + put(1), again, 390_000, ""),
        "jax arrays": (JAX + put(0) + of_jax + put(1), again, 390_000, ""),
    }

    def many_of(first: bytes, each: bytes, count: int) -> Callable[[Path], Path]:
        return lambda folder: _written(packed(start + b"(" + first + each * count + b".", 1))(
            folder
        )

    def stream_of(*parts: Any) -> Callable[[Path], Path]:
        return lambda folder: _written(stretched(*parts))(folder)

    return [
        *(HostileFile("I", name, stream_of(*how), says) for name, (*how, says) in stream.items()),
        *(HostileFile("I", name, many_of(*how), says) for name, (*how, says) in many.items()),
    ]


def large_bombs() -> list[HostileFile]:
    """Returns bombs that take a while to write."""
    huge = 5 << 30
    contents = b"\x80\x04\x8e" + struct.pack("<Q", huge)
    many = b"\x80\x04" + b"(" + b"]\x94" * 590_000 + b"t."
    opcodes = b"\x80\x04](" + b"N" * 30_000_000 + b"e."
    bombs = [
        ("5 GiB of zeros", lambda p: _zeros(p, huge), "not a pickle"),
        ("5 GiB of contents", lambda p: _zeros(p, huge, contents), "more than"),
        ("256 MiB of file name", lambda p: _named(p, 1 << 28), "hold no data"),
        ("256 MiB of empty blocks", lambda p: _empty_blocks(p, 1 << 28), "hold no data"),
        ("1 GiB of file name", lambda p: _named(p, 1 << 30), "more than the limit"),
        ("30 million opcodes", lambda p: p.write_bytes(packed(opcodes)), "opcodes"),
        (
            "half a million lists, then STOP too early",
            lambda p: p.write_bytes(packed(many[:-2] + b".")),
            "",
        ),
    ]
    return [
        HostileFile("I", label, _special(f"{number}.pkl.gz", make), says)
        for number, (label, make, says) in enumerate(bombs)
    ]


# Damage done to real files.


def corrupted(data: bytes, kind: str, seed: int) -> bytes:
    """Returns a gzip file damaged in one place.

    Args:
        data: the file.
        kind: "cut", "flip" of a bit or "swap" of two bytes.
        seed: chooses the place. Bytes 4 to 9 of the header and the name in it are left alone: they
            hold the time and the system; no reader can tell a wrong one, no weight depends on it.

    Returns:
        The damaged file.
    """
    rng = random.Random(f"{kind} {seed}")
    if kind == "cut":
        return data[: rng.randrange(len(data))]
    damaged = bytearray(data)
    start = 10 if not data[3] & 8 else data.index(b"\0", 10) + 1
    places = [*range(4), *range(start, len(data))]
    one = rng.choice(places)
    if kind == "flip":
        damaged[one] ^= 1 << rng.randrange(8)
        return bytes(damaged)
    other = rng.choice([place for place in rng.choices(places, k=64) if data[place] != data[one]])
    damaged[one], damaged[other] = damaged[other], damaged[one]
    return bytes(damaged)


def structure_of(data: bytes) -> list[int]:
    """Returns the offsets of a pickle that are not inside the contents of arrays."""
    offsets: list[int] = []
    spans = [(start or 0, argument) for _, argument, start in pickletools.genops(data)]
    for index, (start, argument) in enumerate(spans):
        end = spans[index + 1][0] if index + 1 < len(spans) else len(data)
        if isinstance(argument, (bytes, bytearray)) and len(argument) > 16:
            end -= len(argument)
        offsets.extend(range(start, end))
    return offsets


def mutated(data: bytes, structure: list[int], seed: int) -> bytes:
    """Returns a pickle with one to four changes, half of them outside the contents of arrays."""
    rng = random.Random(f"mutation {seed}")
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        inside = rng.random() < 0.5
        place = rng.choice(structure) if inside else rng.randrange(len(data))
        length = rng.choice((1, 2, 4, 9, 40))
        kind = rng.randrange(6)
        if kind == 0:
            changed[place % len(changed)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place % len(changed)] = rng.randrange(256)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = rng.randbytes(length)
        elif kind == 4:
            source = rng.choice(structure)
            changed[place : place + length] = data[source : source + length]
        else:
            changed[place:place] = data[place : place + length]
    return bytes(changed)


def skeleton(value: Any, leaves: bool) -> Any:
    """Returns the structure, dtypes and shapes of a value; with `leaves`, the contents too."""
    if isinstance(value, (np.ndarray, np.generic)):
        plain = (type(value).__name__, value.dtype.str, value.shape)
        return (*plain, value.tobytes()) if leaves else plain
    if isinstance(value, dict):
        return {key: skeleton(part, leaves) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *(skeleton(part, leaves) for part in value))
    return repr(value) if type(value) in _PLAIN else f"not plain: {type(value)}"


_PLAIN = (str, bytes, int, float, bool, type(None), safe_pickle.TensorSignature)


# The child.


class Watch:
    """An audit hook that writes down all that happens while a file is loaded."""

    def __init__(self, reader: str = "load") -> None:
        """Installs the hook, which cannot be taken away again.

        Args:
            reader: the function of `safe_pickle` that reads the files.
        """
        self.reader = reader
        self.path: str | None = None
        self.events: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        # Opening the file itself is the one thing that a reader has to do.
        if self.path is not None and not (event == "open" and args[0] == self.path):
            self.events.append(f"{event} {args!r}"[:200])

    def load(self, path: str) -> tuple[dict[str, Any], Any]:
        """Loads one file; returns the report and the value."""
        self.events.clear()
        value, message, outcome = None, "", "loaded"
        start = time.process_time()
        self.path = path
        try:
            value = getattr(safe_pickle, self.reader)(path)
        except CheckpointError as err:
            outcome, message = "refused", str(err)
        except BaseException as err:
            outcome, message = type(err).__name__, str(err)
        self.path = None
        seconds = time.process_time() - start
        report = {"outcome": outcome, "message": message, "seconds": seconds}
        report["peak"] = peak_memory()
        return {**report, "events": list(self.events)}, value


def peak_memory() -> int:
    """Returns the most bytes that this process has had in memory; 0 where Linux does not say."""
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    return 0


def _report(report: dict[str, Any]) -> None:
    print(json.dumps(report), flush=True)


def load_files(watch: Watch, paths: list[str]) -> None:
    """Loads every file and reports."""
    for path in paths:
        _report(watch.load(path)[0])


def load_damaged(watch: Watch, job: dict[str, Any]) -> None:
    """Damages a real file in many ways, loads each and reports how it compares."""
    scratch = Path(job["scratch"])
    data = Path(job["fixture"]).read_bytes()
    original = getattr(safe_pickle, watch.reader)(job["fixture"])
    whole, bones = skeleton(original, True), skeleton(original, False)
    unpacked = gzip.decompress(data)
    structure = structure_of(unpacked) if job["kind"] == "mutate" else []
    for seed in range(*job["seeds"]):
        if job["kind"] == "mutate":
            scratch.write_bytes(packed(mutated(unpacked, structure, seed), 0))
        else:
            scratch.write_bytes(corrupted(data, job["kind"], seed))
        report, value = watch.load(str(scratch))
        if report["outcome"] == "loaded":
            same = skeleton(value, False) == bones
            equal = same and skeleton(value, True) == whole
            report["outcome"] = "equal" if equal else "contents differ" if same else "values differ"
            if "not plain" in str(skeleton(value, False)):
                report["outcome"] = "not plain"
        _report(report)


def main() -> None:
    """Does the job that is described in JSON on standard input."""
    job = json.load(sys.stdin)
    if job.get("address_space"):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (job["address_space"],) * 2)
    watch = Watch(job.get("reader", "load"))
    if job["kind"] == "files":
        load_files(watch, job["paths"])
    else:
        load_damaged(watch, job)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
