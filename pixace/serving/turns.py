"""One drawing at a time: the others wait for their turn, and not many do."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType

from pixace.errors import PixaceError


class QueueFullError(PixaceError):
    """Too many drawings wait already."""


class Turns:
    """A queue for what only one thread may do at a time.

    Args:
      most_waiting: how many may wait besides the one whose turn it is.
    """

    def __init__(self, most_waiting: int = 4) -> None:
        self._most = most_waiting + 1
        self._queue: deque[Turn] = deque()
        self._changed = threading.Condition()
        self.is_closed = False

    def enter(self) -> Turn:
        """Takes the last place of the queue, until the turn is left.

        Raises:
          QueueFullError: there is no more place.
        """
        with self._changed:
            if len(self._queue) >= self._most or self.is_closed:
                raise QueueFullError("other drawings wait already; try again when they are done")
            turn = Turn(self)
            self._queue.append(turn)
            return turn

    def wait(self, turn: Turn, seconds: float) -> int:
        """Waits so long for a turn to come; returns how many are before it, 0 when it has come."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue[0] is turn, seconds)
            return self._queue.index(turn)

    def leave(self, turn: Turn) -> None:
        """Ends a turn, come or not."""
        with self._changed:
            self._queue.remove(turn)
            self._changed.notify_all()

    def close(self, seconds: float) -> bool:
        """Asks who has a turn to leave, lets nobody in any more, and waits so long.

        Returns:
          Whether all have left.
        """
        with self._changed:
            self.is_closed = True
            return self._changed.wait_for(lambda: not self._queue, seconds)


class Turn:
    """A place in the queue, which is left at the end of its context."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __enter__(self) -> Turn:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._turns.leave(self)

    @property
    def is_over(self) -> bool:
        """Whether the server wants it to be left."""
        return self._turns.is_closed

    def wait(self, seconds: float) -> int:
        """See `Turns.wait`."""
        return self._turns.wait(self, seconds)
