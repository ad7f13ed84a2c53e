"""The stack and the memo of a pickle that is walked, with inert records on them."""

from collections.abc import Sequence
from typing import Any, Literal

from pixace.checkpoints.safe_pickle.limits import Budget, Limits
from pixace.checkpoints.safe_pickle.records import Box, Symbol, refuse
from pixace.wording import quoted_text

# Bytes of memory, for a value and what it is turned into at the end: at most what CPython takes.
_OF_VALUE, _OF_BOX, _OF_KEY, _OF_MEMO = 48, 300, 250, 120
_MAX_KEY = 2**31  # of an integer key: large ones can be chosen so that all fall on one hash


class Stack:
    """A stack of values, and the containers that are made of them."""

    def __init__(self, limits: Limits, budget: Budget) -> None:
        """Starts with nothing.

        Args:
            limits: of depth and number.
            budget: pays for what the stack and its containers take.
        """
        self._limits = limits
        self._budget = budget
        self._values: list[Any] = []
        # The stacks under each open MARK, so that nothing reaches under one.
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def push(self, value: Any) -> None:
        """Puts a value on the stack."""
        self._budget.spend(_OF_VALUE)
        self._values.append(value)

    def push_box(self, kind: Literal["list", "tuple", "dict"]) -> Box:
        """Puts an empty container on the stack, and returns it."""
        self._budget.spend(_OF_BOX)
        box = Box(kind)
        self.push(box)
        return box

    def pop(self) -> Any:
        """Takes the top value off."""
        if not self._values:
            refuse("an opcode that takes a value from an empty stack")
        return self._values.pop()

    def top(self) -> Any:
        """Returns the top value."""
        if not self._values:
            refuse("an opcode that takes a value from an empty stack")
        return self._values[-1]

    def only(self) -> Any:
        """Returns the value that is left at the end."""
        if self._below or len(self._values) != 1:
            refuse("the pickle ends with something unfinished")
        return self._values[0]

    def mark(self) -> None:
        """Begins a stack upon this one."""
        if len(self._below) >= self._limits.depth:
            refuse(f"nesting of more than {self._limits.depth} levels")
        self._below.append(self._values)
        self._values = []

    def pop_mark(self) -> list[Any]:
        """Returns what lies above the last MARK."""
        if not self._below:
            refuse("an opcode without its MARK")
        above, self._values = self._values, self._below.pop()
        return above

    def pop_some(self, size: int) -> list[Any]:
        """Takes a few values off, the top one last."""
        if len(self._values) < size:
            refuse("an opcode that takes a value from an empty stack")
        values = self._values[-size:]
        del self._values[-size:]
        return values

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

    def _open_box(self, kind: Literal["list", "dict"]) -> Box:
        box = self.top()
        if type(box) is not Box or box.kind != kind:
            refuse(f"elements for a {kind} where there is none")
        if box.placed:
            refuse(f"elements for a {kind} that is already part of another container")
        return box

    def extend(self, values: Sequence[Any]) -> None:
        """Adds values to the list on top."""
        box = self._open_box("list")
        for value in values:
            if type(value) is Symbol:
                refuse(f"the bare name {value.value} in a list")
            self._count(box, value)
            box.parts.append(value)

    def set_items(self, values: Sequence[Any]) -> None:
        """Adds keys and values, in turn, to the dict on top."""
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
            self._budget.spend(_OF_KEY)
            box.keys[key] = None
            box.parts.append(value)

    def push_tuple(self, values: list[Any]) -> None:
        """Puts a tuple of values on the stack."""
        box = self.push_box("tuple")
        for value in values:
            self._count(box, value)
        box.parts = values

    # Memo.

    def put(self, index: int | None = None) -> None:
        """Remembers the top value; by default under the number of those that are remembered."""
        index = len(self._memo) if index is None else index
        if index >= self._limits.memo_entries:
            refuse(f"more than {self._limits.memo_entries} memo entries")
        if index in self._memo:
            refuse(f"memo entry {index} written twice")
        self._budget.spend(_OF_MEMO)
        self._memo[index] = self.top()

    def get(self, index: int) -> None:
        """Puts a remembered value on the stack."""
        if index not in self._memo:
            refuse(f"memo entry {index} read before it is written")
        self.push(self._memo[index])
