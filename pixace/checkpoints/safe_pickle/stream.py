"""Walks the opcodes of a pickle with inert records on the stack: nothing is imported or called.

A parser of our own rather than `pickletools.genops`: it knows only the opcodes that real files of
weights hold, checks every length against what a file may hold before taking any memory, and reads
the contents of arrays where they stay, so that 300 MB of weights are in memory once.
"""

import contextlib
import gc
import struct
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, NoReturn

from pixace.checkpoints.safe_pickle.arrays import build_array, build_signature, make
from pixace.checkpoints.safe_pickle.dtypes import build_dtype
from pixace.checkpoints.safe_pickle.limits import Limits
from pixace.checkpoints.safe_pickle.records import (
    SYMBOLS,
    Box,
    Raw,
    Symbol,
    UnbuiltArray,
    UnbuiltDtype,
    UnbuiltSignature,
    refuse,
    to_plain,
)
from pixace.checkpoints.safe_pickle.source import CutOffError, Source
from pixace.checkpoints.safe_pickle.stack import Stack
from pixace.wording import quoted_text

_MAX_NAME = 128  # bytes of a module's or a function's name; the longest that is allowed has 23
_OF_OBJECT = 300  # bytes of what a call makes
_MAX_INT = 16  # bytes of an integer; step counters and the like need 8


class _Opcode(NamedTuple):
    """One opcode: its first protocol, how its argument is written, and what it does.

    Attributes:
        protocol: the first pickle protocol with this opcode.
        layout: of the argument, or of the number of bytes that follow; None if there is none.
        act: called with the walker and that number.
    """

    protocol: int
    layout: struct.Struct | None
    act: Callable[["Walker", Any], None]


@contextlib.contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Within it Python looks for no cycles: there are none, and looking takes half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Walker:
    """Walks one pickle from PROTO to STOP."""

    def __init__(self, source: Source, limits: Limits) -> None:
        """Starts where the source is."""
        self.stack = Stack(limits, source.budget)
        self._source = source
        self._limits = limits
        self._frame = range(0)  # offsets

    def walk(self) -> Any:
        """Walks to the end, which must be that of the source.

        Returns:
            The value that the pickle describes, in plain containers and arrays.

        Raises:
            RefusedError: at the first thing that weights do not hold; `at` of the source tells
                where.
        """
        table = self._start()
        with _collector_at_rest():
            return self._walked(table)

    def _walked(self, table: dict[int, "_Opcode"]) -> Any:
        source = self._source
        for _ in range(self._limits.opcodes):
            source.at = start = source.position
            code = source.byte()
            if code == _STOP:
                return self._finish()
            if code is None:
                self._cut_off("the pickle ends without STOP: the file is cut off")
            opcode = table.get(code)
            if opcode is None:
                refuse(f"the opcode 0x{code:02x}, which no file of weights holds here")
            frame_end = self._frame.stop
            argument = self._argument(opcode)
            try:
                opcode.act(self, argument)
            except CutOffError as err:
                self._cut_off(f"{argument} bytes declared where {err.left} are left")
            if start < frame_end < source.position:
                refuse("an opcode that crosses the end of its frame")
        refuse(f"more than {self._limits.opcodes} opcodes")

    def _start(self) -> dict[int, _Opcode]:
        """Reads PROTO; returns the opcodes of that protocol, none of a later one."""
        head = self._source.head(8)
        if len(head) < 2 or head[0] != 0x80:
            refuse(f"no pickle of protocol 2 to 5: it starts with {head!r}")
        _, protocol = self._source.take(2)
        if not 2 <= protocol <= 5:
            refuse(f"pickle protocol {protocol}; 2 to 5 are known")
        return {code: opcode for code, opcode in _OPCODES.items() if opcode.protocol <= protocol}

    def _finish(self) -> Any:
        n_left = self._source.skip_to_end()
        if self._source.position < self._frame.stop:
            self._cut_off("the pickle ends before its frame")
        if n_left:
            refuse(f"{n_left} bytes after the end of the pickle")
        return to_plain(self.stack.only(), self._source.budget.copy)

    def _argument(self, opcode: _Opcode) -> Any:
        """Reads the number that follows an opcode; None where there is none."""
        if opcode.layout is None:
            return None
        try:
            return self._source.number(opcode.layout)
        except CutOffError:
            self._cut_off("the pickle ends inside an opcode: the file is cut off")

    def _cut_off(self, found: str) -> NoReturn:
        """Refuses a pickle that ends too early: its frame, if there is one, tells so first."""
        if self._source.at in self._frame:
            self._source.skip_to_end()
            left = self._source.position - self._frame.start
            refuse(f"a frame of {len(self._frame)} bytes where {left} are left")
        refuse(found)

    # Plain values.

    def contents(self, n_bytes: int, mutable: bool) -> None:
        """The opcodes of bytes."""
        self.stack.push(Raw(self._source.read(n_bytes), mutable=mutable))

    def text(self, n_bytes: int) -> None:
        """The unicode opcodes."""
        self.stack.push(self._source.text(n_bytes))

    def integer(self, n_bytes: int) -> None:
        """LONG1."""
        if n_bytes > _MAX_INT:
            refuse(f"an integer of {n_bytes} bytes")
        self.stack.push(int.from_bytes(self._source.take(n_bytes), "little", signed=True))

    # Names and what is done with them.

    def _push_symbol(self, module: str, name: str) -> None:
        symbol = SYMBOLS.get((module, name))
        if symbol is None:
            refuse(
                f"the name {quoted_text(name)} of module {quoted_text(module)}, which weights do "
                "not need"
            )
        self.stack.push(symbol)

    def global_of_lines(self) -> None:
        """GLOBAL."""
        module, name = (
            self._source.line(_MAX_NAME).decode("ascii", "backslashreplace") for _ in range(2)
        )
        self._push_symbol(module, name)

    def global_of_stack(self) -> None:
        """STACK_GLOBAL."""
        name, module = self.stack.pop(), self.stack.pop()
        if type(name) is not str or type(module) is not str:
            refuse("a name that is not a text")
        self._push_symbol(module, name)

    def reduce(self) -> None:
        """REDUCE."""
        args, symbol = self.stack.pop(), self.stack.pop()
        self._source.budget.spend(_OF_OBJECT)
        made = make(symbol, args, self._source.budget)
        self.stack.push(made)

    def new_object(self) -> None:
        """NEWOBJ, of a ShapeDtype alone."""
        args, symbol = self.stack.pop(), self.stack.pop()
        if (
            symbol is not Symbol.SHAPE_DTYPE
            or type(args) is not Box
            or args.kind != "tuple"
            or args.parts
        ):
            refuse("an object of a class other than ShapeDtype")
        self._source.budget.spend(_OF_OBJECT)
        self.stack.push(UnbuiltSignature())

    def build(self) -> None:
        """BUILD."""
        state, target = self.stack.pop(), self.stack.top()
        if type(target) is UnbuiltArray:
            build_array(target, state, self._source.budget)
        elif type(target) is UnbuiltDtype:
            build_dtype(target, state)
        elif type(target) is UnbuiltSignature:
            build_signature(target, state)
        else:
            refuse("a state for something other than an array, a dtype or a ShapeDtype")

    def frame(self, length: int) -> None:
        """FRAME: the next `length` bytes belong together and hold no other frame."""
        if self._source.at < self._frame.stop:
            refuse("a frame inside a frame")
        start = self._source.position
        try:
            self._source.require(length)
        except CutOffError as err:
            refuse(f"a frame of {length} bytes where {err.left} are left")
        self._frame = range(start, start + length)


def _constant(value: Any) -> Callable[[Walker, Any], None]:
    return lambda walker, _: walker.stack.push(value)


def _box(kind: Literal["list", "tuple", "dict"]) -> Callable[[Walker, Any], None]:
    def act(walker: Walker, _: None) -> None:
        walker.stack.push_box(kind)

    return act


def _tuple_of(size: int) -> Callable[[Walker, Any], None]:
    return lambda walker, _: walker.stack.push_tuple(walker.stack.pop_some(size))


def _push(walker: Walker, number: float) -> None:
    walker.stack.push(number)


_U1, _U2, _U4, _U8 = (struct.Struct(layout) for layout in ("<B", "<H", "<I", "<Q"))
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")
_STOP = ord(".")

# Every opcode that the picklers of CPython write for weights in protocols 2 to 5. Not here, and so
# refused: the text forms of protocol 0, POP, DUP, INST, OBJ, PERSID, EXT, sets, NEWOBJ_EX,
# out-of-band buffers, a second PROTO, and LONG4, which is for integers of 256 bytes and more.
_OPCODES: dict[int, _Opcode] = {
    ord("("): _Opcode(1, None, lambda walker, _: walker.stack.mark()),
    ord("}"): _Opcode(1, None, _box("dict")),
    ord("]"): _Opcode(1, None, _box("list")),
    ord(")"): _Opcode(1, None, _box("tuple")),
    ord("t"): _Opcode(1, None, lambda walker, _: walker.stack.push_tuple(walker.stack.pop_mark())),
    0x85: _Opcode(2, None, _tuple_of(1)),
    0x86: _Opcode(2, None, _tuple_of(2)),
    0x87: _Opcode(2, None, _tuple_of(3)),
    ord("a"): _Opcode(1, None, lambda walker, _: walker.stack.extend([walker.stack.pop()])),
    ord("e"): _Opcode(1, None, lambda walker, _: walker.stack.extend(walker.stack.pop_mark())),
    ord("s"): _Opcode(1, None, lambda walker, _: walker.stack.set_items(walker.stack.pop_some(2))),
    ord("u"): _Opcode(1, None, lambda walker, _: walker.stack.set_items(walker.stack.pop_mark())),
    ord("N"): _Opcode(1, None, _constant(None)),
    0x88: _Opcode(2, None, _constant(True)),
    0x89: _Opcode(2, None, _constant(False)),
    ord("K"): _Opcode(1, _U1, _push),  # BININT1
    ord("M"): _Opcode(1, _U2, _push),  # BININT2
    ord("J"): _Opcode(1, _I4, _push),  # BININT
    0x8A: _Opcode(2, _U1, Walker.integer),  # LONG1
    ord("G"): _Opcode(1, _F8, _push),  # BINFLOAT
    0x8C: _Opcode(4, _U1, Walker.text),  # SHORT_BINUNICODE
    ord("X"): _Opcode(1, _U4, Walker.text),  # BINUNICODE
    0x8D: _Opcode(4, _U8, Walker.text),  # BINUNICODE8
    ord("C"): _Opcode(3, _U1, lambda walker, n: walker.contents(n, False)),  # SHORT_BINBYTES
    ord("B"): _Opcode(3, _U4, lambda walker, n: walker.contents(n, False)),  # BINBYTES
    0x8E: _Opcode(4, _U8, lambda walker, n: walker.contents(n, False)),  # BINBYTES8
    0x96: _Opcode(5, _U8, lambda walker, n: walker.contents(n, True)),  # BYTEARRAY8
    0x94: _Opcode(4, None, lambda walker, _: walker.stack.put()),  # MEMOIZE
    ord("q"): _Opcode(1, _U1, lambda walker, index: walker.stack.put(index)),  # BINPUT
    ord("r"): _Opcode(1, _U4, lambda walker, index: walker.stack.put(index)),  # LONG_BINPUT
    ord("h"): _Opcode(1, _U1, lambda walker, index: walker.stack.get(index)),  # BINGET
    ord("j"): _Opcode(1, _U4, lambda walker, index: walker.stack.get(index)),  # LONG_BINGET
    ord("c"): _Opcode(1, None, lambda walker, _: walker.global_of_lines()),
    0x93: _Opcode(4, None, lambda walker, _: walker.global_of_stack()),
    ord("R"): _Opcode(1, None, lambda walker, _: walker.reduce()),
    0x81: _Opcode(2, None, lambda walker, _: walker.new_object()),
    ord("b"): _Opcode(1, None, lambda walker, _: walker.build()),
    0x95: _Opcode(4, _U8, Walker.frame),
}
