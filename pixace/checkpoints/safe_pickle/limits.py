"""How much of a file is read, and how much memory it may take, before it is refused."""

from dataclasses import dataclass

from pixace.checkpoints.safe_pickle.records import refuse

_A_LITTLE = 1 << 24  # bytes of memory besides: a small file may have many small things
DEFAULT_BYTES = 450_000_000  # the largest model by default and its optimiser have 384 million


@dataclass(frozen=True)
class Limits:
    """How much of a file is read before it is refused.

    Attributes:
        decompressed_bytes: of what the file unpacks to; with a little more, of the memory that all
            of it takes: arrays, texts, containers. Each array is in memory once.
        opcodes: of the stream; bounds the time. A checkpoint needs some thousands for the arrays
            and 11 for each value in `history`: 10,000 epochs with 10 curves make 1.1 million.
        depth: of lists in dicts in tuples. Real checkpoints have 6; it bounds the reader's
            recursion.
        memo_entries: objects the stream may refer back to; real files have one for every two
            opcodes.
        items: elements of all containers, a shared one counted wherever it appears: stops the few
            bytes that describe a billion references.
        advice: what a message about `decompressed_bytes` adds.
    """

    decompressed_bytes: int = DEFAULT_BYTES
    opcodes: int = 1_200_000
    depth: int = 64
    memo_entries: int = 1_000_000
    items: int = 1_200_000
    advice: str = ""


class Budget:
    """Bytes of memory that may still be taken."""

    def __init__(self, limits: Limits) -> None:
        """Starts with all that the limits allow, and a little."""
        self._limits = limits
        self._left = limits.decompressed_bytes + _A_LITTLE
        self._copies_left = 0

    def spend(self, count: int) -> None:
        """Takes `count` bytes off.

        Raises:
            RefusedError: so many are not left.
        """
        self._left -= count
        if self._left < 0:
            limits = self._limits
            refuse(f"it needs more memory than {limits.decompressed_bytes} bytes{limits.advice}")

    def receive(self, count: int) -> None:
        """Takes off what is about to be read from the stream; that much may be copied, too."""
        self.spend(count)
        self._copies_left += count

    def copy(self, count: int) -> None:
        """Takes off a copy of bytes that were read before.

        An array takes over the bytes that were read for it, so that an honest file copies next to
        nothing; one that builds a thousand arrays from the same bytes does.

        Raises:
            RefusedError: more is copied than was read.
        """
        self._copies_left -= count
        if self._copies_left < 0:
            refuse("the same bytes are used for many arrays, more than the file itself is long")
        self.spend(count)
