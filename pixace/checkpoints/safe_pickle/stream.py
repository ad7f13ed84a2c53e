"""Walks the opcodes of a pickle with inert records on the stack: nothing is imported or called.

A parser of our own rather than `pickletools.genops`: it knows only the opcodes that real files of
weights hold, checks every length against the bytes present before taking any memory, and hands out
the contents of arrays as views, so that 300 MB of weights are not copied twice. It is one machine,
and therefore one module, however long: a stack, a memo, and the opcodes that act on them.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pixace.checkpoints.safe_pickle.arrays import build_array, build_signature, make
from pixace.checkpoints.safe_pickle.dtypes import build_dtype
from pixace.checkpoints.safe_pickle.records import (
    SYMBOLS,
    Box,
    Budget,
    Raw,
    Symbol,
    UnbuiltArray,
    UnbuiltDtype,
    UnbuiltSignature,
    refuse,
    to_plain,
)
from pixace.wording import quoted_text

_MAX_NAME = 128  # bytes of a module's or a function's name; the longest that is allowed has 23
_MAX_INT = 16  # bytes of an integer; step counters and the like need 8
_MAX_KEY = 2**31  # of an integer key: large ones can be chosen so that all fall on one hash
_LONG_TEXT = 1 << 16  # bytes from which a text can only be the contents of an array (protocol 2)


@dataclass(frozen=True)
class Limits:
    """How much of a file is read before it is refused.

    Attributes:
        decompressed_bytes: of the pickle. The default model has 330 MB with optimizer slots.
        opcodes: of the stream; bounds the time, one million takes about 2 s. A checkpoint
            needs some thousands for the arrays and 11 for each value in `history`: 10,000 epochs
            with 10 curves make 1.1 million.
        depth: of lists in dicts in tuples. Real checkpoints have 6; it bounds the reader's
            recursion.
        memo_entries: objects the stream may refer back to; real files have one for every two
            opcodes.
        items: elements of all containers, a shared one counted wherever it appears: stops the few
            bytes that describe a billion references.
    """

    decompressed_bytes: int = 4 * 2**30
    opcodes: int = 3_000_000
    depth: int = 64
    memo_entries: int = 2_000_000
    items: int = 3_000_000


class _Opcode(NamedTuple):
    """One opcode: its first protocol, how its argument is written, and what it does.

    Attributes:
        protocol: the first pickle protocol with this opcode.
        layout: of the fixed part of the argument, None if there is no argument.
        counted: True if the fixed part is the number of bytes that follow.
        act: called with the walker and the argument.
    """

    protocol: int
    layout: struct.Struct | None
    counted: bool
    act: Callable[["Walker", Any], None]


class Walker:
    """Walks one pickle from PROTO to STOP.

    Attributes:
        at: offset of the opcode at hand, for messages.
    """

    def __init__(self, data: bytes | bytearray, limits: Limits) -> None:
        """Starts at the first byte of `data`."""
        self.at = 0
        self._data = data
        self._view = memoryview(data)
        self._limits = limits
        self._pos = 0
        self._frame_end = 0
        self._stack: list[Any] = []
        # The stacks under each open MARK, so that nothing reaches under one.
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        # Twice, because protocol 2 copies an array's bytes once as text and once as an array.
        self._budget = Budget(2 * len(data))

    def walk(self) -> Any:
        """Walks to the end.

        Returns:
            The value that the pickle describes, in plain containers and arrays.

        Raises:
            RefusedError: at the first thing that weights do not hold; `at` tells where.
        """
        table = self._start()
        for _ in range(self._limits.opcodes):
            self.at = start = self._pos
            if start >= len(self._data):
                refuse("the pickle ends without STOP: the file is cut off")
            code = self._data[start]
            if code == _STOP:
                return self._finish()
            opcode = table.get(code)
            if opcode is None:
                refuse(f"the opcode 0x{code:02x}, which no file of weights holds here")
            frame_end = self._frame_end
            self._pos = start + 1
            opcode.act(self, self._argument(opcode))
            if start < frame_end < self._pos:
                refuse("an opcode that crosses the end of its frame")
        refuse(f"more than {self._limits.opcodes} opcodes")

    def _start(self) -> dict[int, _Opcode]:
        """Reads PROTO; returns the opcodes of that protocol, none of a later one."""
        if len(self._data) < 2 or self._data[0] != 0x80:
            refuse(f"no pickle of protocol 2 to 5: it starts with {bytes(self._data[:8])!r}")
        protocol = self._data[1]
        if not 2 <= protocol <= 5:
            refuse(f"pickle protocol {protocol}; 2 to 5 are known")
        self._pos = 2
        return {code: opcode for code, opcode in _OPCODES.items() if opcode.protocol <= protocol}

    def _finish(self) -> Any:
        if self._pos + 1 != len(self._data):
            refuse(f"{len(self._data) - self._pos - 1} bytes after the end of the pickle")
        if self._below or len(self._stack) != 1:
            refuse("the pickle ends with something unfinished")
        return to_plain(self._stack[0])

    def _argument(self, opcode: _Opcode) -> Any:
        """Reads the argument of an opcode: a number, a view of the bytes counted by it, or None."""
        if opcode.layout is None:
            return None
        start = self._pos
        end = start + opcode.layout.size
        if end > len(self._data):
            refuse("the pickle ends inside an opcode: the file is cut off")
        number = opcode.layout.unpack_from(self._data, start)[0]
        self._pos = end
        if not opcode.counted:
            return number
        if number > len(self._data) - end:
            refuse(f"{number} bytes declared where {len(self._data) - end} are left")
        self._pos = end + number
        return self._view[end : self._pos]

    # The stack.

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            refuse("an opcode that takes a value from an empty stack")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            refuse("an opcode that takes a value from an empty stack")
        return self._stack[-1]

    def mark(self, _: None) -> None:
        """MARK."""
        if len(self._below) >= self._limits.depth:
            refuse(f"nesting of more than {self._limits.depth} levels")
        self._below.append(self._stack)
        self._stack = []

    def _pop_mark(self) -> list[Any]:
        """Returns what lies above the last MARK."""
        if not self._below:
            refuse("an opcode without its MARK")
        above, self._stack = self._stack, self._below.pop()
        return above

    # Containers.

    def _count(self, box: Box, value: Any) -> None:
        """Accounts for a value that is about to be put into a box.

        Cycles cannot arise: a box that lies in another is closed, and none goes into itself.
        """
        box.items += 1
        if type(value) is Box:
            # Tuples may be shared, and real files share the empty dict of JAX's axis names. A list
            # or dict with contents that is reached in two ways would change in both places.
            if value is box or (value.placed and value.kind != "tuple" and value.parts):
                refuse(f"a {value.kind} that is inside two containers, or inside itself")
            value.placed = True
            box.items += value.items
            box.depth = max(box.depth, value.depth + 1)
            if box.depth > self._limits.depth:
                refuse(f"nesting of more than {self._limits.depth} levels")
        if box.items > self._limits.items:
            refuse(f"containers of more than {self._limits.items} elements")

    def _open_box(self, kind: str) -> Box:
        box = self._top()
        if type(box) is not Box or box.kind != kind:
            refuse(f"elements for a {kind} where there is none")
        if box.placed:
            refuse(f"elements for a {kind} that is already part of another container")
        return box

    def _extend(self, values: Sequence[Any]) -> None:
        box = self._open_box("list")
        for value in values:
            if type(value) is Symbol:
                refuse(f"the bare name {value.value} in a list")
            self._count(box, value)
            box.parts.append(value)

    def _set_items(self, values: Sequence[Any]) -> None:
        box = self._open_box("dict")
        if len(values) % 2:
            refuse("a dict with a key that has no value")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) is not str and (type(key) is not int or abs(key) > _MAX_KEY):
                refuse(
                    f"a dict key that is {quoted_text(key)}; a text or a small number was expected"
                )
            if key in box.keys:
                refuse(f"a dict with two values for {quoted_text(key)}")
            if type(value) is Symbol:
                refuse(f"the bare name {value.value} in a dict")
            self._count(box, value)
            box.keys[key] = None
            box.parts.append(value)

    def _push_tuple(self, values: list[Any]) -> None:
        box = Box("tuple")
        for value in values:
            self._count(box, value)
        box.parts = values
        self.push(box)

    def tuple_of_mark(self, _: None) -> None:
        """TUPLE."""
        self._push_tuple(self._pop_mark())

    def tuple_of(self, size: int) -> None:
        """TUPLE1 to TUPLE3."""
        if len(self._stack) < size:
            refuse("an opcode that takes a value from an empty stack")
        values = self._stack[-size:]
        del self._stack[-size:]
        self._push_tuple(values)

    def append(self, _: None) -> None:
        """APPEND."""
        self._extend([self._pop()])

    def extend(self, _: None) -> None:
        """APPENDS."""
        self._extend(self._pop_mark())

    def set_item(self, _: None) -> None:
        """SETITEM."""
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def set_items(self, _: None) -> None:
        """SETITEMS."""
        self._set_items(self._pop_mark())

    # Plain values.

    def text(self, raw: memoryview) -> None:
        """The unicode opcodes."""
        # One character past U+00FF makes CPython take 2 or 4 bytes for all of them. A long text is
        # an array's bytes (protocol 2), where lead bytes past 0xc3 do not occur.
        if raw.nbytes > _LONG_TEXT and int(np.max(np.frombuffer(raw, np.uint8))) > 0xC3:
            refuse(f"a text of {raw.nbytes} bytes")
        try:
            self.push(str(raw, "utf-8"))
        except UnicodeDecodeError:
            refuse("a text that is not UTF-8")

    def integer(self, raw: memoryview) -> None:
        """LONG1."""
        if raw.nbytes > _MAX_INT:
            refuse(f"an integer of {raw.nbytes} bytes")
        self.push(int.from_bytes(raw, "little", signed=True))

    # Memo.

    def put(self, index: int) -> None:
        """The PUT opcodes."""
        if index >= self._limits.memo_entries:
            refuse(f"more than {self._limits.memo_entries} memo entries")
        if index in self._memo:
            refuse(f"memo entry {index} written twice")
        self._memo[index] = self._top()

    def memoize(self, _: None) -> None:
        """MEMOIZE."""
        self.put(len(self._memo))

    def get(self, index: int) -> None:
        """The GET opcodes."""
        if index not in self._memo:
            refuse(f"memo entry {index} read before it is written")
        self.push(self._memo[index])

    # Names and what is done with them.

    def _push_symbol(self, module: str, name: str) -> None:
        symbol = SYMBOLS.get((module, name))
        if symbol is None:
            refuse(
                f"the name {quoted_text(name)} of module {quoted_text(module)}, which weights do "
                "not need"
            )
        self.push(symbol)

    def _line(self) -> str:
        end = self._data.find(b"\n", self._pos, self._pos + _MAX_NAME)
        if end < 0:
            refuse(f"a name longer than {_MAX_NAME} bytes")
        line = bytes(self._view[self._pos : end])
        self._pos = end + 1
        return line.decode("ascii", "backslashreplace")

    def global_of_lines(self, _: None) -> None:
        """GLOBAL."""
        self._push_symbol(self._line(), self._line())

    def global_of_stack(self, _: None) -> None:
        """STACK_GLOBAL."""
        name, module = self._pop(), self._pop()
        if type(name) is not str or type(module) is not str:
            refuse("a name that is not a text")
        self._push_symbol(module, name)

    def reduce(self, _: None) -> None:
        """REDUCE."""
        args, symbol = self._pop(), self._pop()
        self.push(make(symbol, args, self._budget))

    def new_object(self, _: None) -> None:
        """NEWOBJ, of a ShapeDtype alone."""
        args, symbol = self._pop(), self._pop()
        if (
            symbol is not Symbol.SHAPE_DTYPE
            or type(args) is not Box
            or args.kind != "tuple"
            or args.parts
        ):
            refuse("an object of a class other than ShapeDtype")
        self.push(UnbuiltSignature())

    def build(self, _: None) -> None:
        """BUILD."""
        state, target = self._pop(), self._top()
        if type(target) is UnbuiltArray:
            build_array(target, state, self._budget)
        elif type(target) is UnbuiltDtype:
            build_dtype(target, state)
        elif type(target) is UnbuiltSignature:
            build_signature(target, state)
        else:
            refuse("a state for something other than an array, a dtype or a ShapeDtype")

    def frame(self, length: int) -> None:
        """FRAME: the next `length` bytes belong together and hold no other frame."""
        if self.at < self._frame_end:
            refuse("a frame inside a frame")
        if length > len(self._data) - self._pos:
            refuse(f"a frame of {length} bytes where {len(self._data) - self._pos} are left")
        self._frame_end = self._pos + length


def _constant(value: Any) -> Callable[[Walker, Any], None]:
    return lambda walker, _: walker.push(value)


def _raw(mutable: bool) -> Callable[[Walker, memoryview], None]:
    return lambda walker, view: walker.push(Raw(view, mutable))


_U1, _U2, _U4, _U8 = (struct.Struct(layout) for layout in ("<B", "<H", "<I", "<Q"))
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")
_STOP = ord(".")

# Every opcode that the picklers of CPython write for weights in protocols 2 to 5. Not here, and so
# refused: the text forms of protocol 0, POP, DUP, INST, OBJ, PERSID, EXT, sets, NEWOBJ_EX,
# out-of-band buffers, a second PROTO, and LONG4, which is for integers of 256 bytes and more.
_OPCODES: dict[int, _Opcode] = {
    ord("("): _Opcode(1, None, False, Walker.mark),
    ord("}"): _Opcode(1, None, False, lambda walker, _: walker.push(Box("dict"))),
    ord("]"): _Opcode(1, None, False, lambda walker, _: walker.push(Box("list"))),
    ord(")"): _Opcode(1, None, False, lambda walker, _: walker.push(Box("tuple"))),
    ord("t"): _Opcode(1, None, False, Walker.tuple_of_mark),
    0x85: _Opcode(2, None, False, lambda walker, _: walker.tuple_of(1)),
    0x86: _Opcode(2, None, False, lambda walker, _: walker.tuple_of(2)),
    0x87: _Opcode(2, None, False, lambda walker, _: walker.tuple_of(3)),
    ord("a"): _Opcode(1, None, False, Walker.append),
    ord("e"): _Opcode(1, None, False, Walker.extend),
    ord("s"): _Opcode(1, None, False, Walker.set_item),
    ord("u"): _Opcode(1, None, False, Walker.set_items),
    ord("N"): _Opcode(1, None, False, _constant(None)),
    0x88: _Opcode(2, None, False, _constant(True)),
    0x89: _Opcode(2, None, False, _constant(False)),
    ord("K"): _Opcode(1, _U1, False, Walker.push),  # BININT1
    ord("M"): _Opcode(1, _U2, False, Walker.push),  # BININT2
    ord("J"): _Opcode(1, _I4, False, Walker.push),  # BININT
    0x8A: _Opcode(2, _U1, True, Walker.integer),  # LONG1
    ord("G"): _Opcode(1, _F8, False, Walker.push),  # BINFLOAT
    0x8C: _Opcode(4, _U1, True, Walker.text),  # SHORT_BINUNICODE
    ord("X"): _Opcode(1, _U4, True, Walker.text),  # BINUNICODE
    0x8D: _Opcode(4, _U8, True, Walker.text),  # BINUNICODE8
    ord("C"): _Opcode(3, _U1, True, _raw(False)),  # SHORT_BINBYTES
    ord("B"): _Opcode(3, _U4, True, _raw(False)),  # BINBYTES
    0x8E: _Opcode(4, _U8, True, _raw(False)),  # BINBYTES8
    0x96: _Opcode(5, _U8, True, _raw(True)),  # BYTEARRAY8
    0x94: _Opcode(4, None, False, Walker.memoize),
    ord("q"): _Opcode(1, _U1, False, Walker.put),  # BINPUT
    ord("r"): _Opcode(1, _U4, False, Walker.put),  # LONG_BINPUT
    ord("h"): _Opcode(1, _U1, False, Walker.get),  # BINGET
    ord("j"): _Opcode(1, _U4, False, Walker.get),  # LONG_BINGET
    ord("c"): _Opcode(1, None, False, Walker.global_of_lines),
    0x93: _Opcode(4, None, False, Walker.global_of_stack),
    ord("R"): _Opcode(1, None, False, Walker.reduce),
    0x81: _Opcode(2, None, False, Walker.new_object),
    ord("b"): _Opcode(1, None, False, Walker.build),
    0x95: _Opcode(4, _U8, False, Walker.frame),
}
