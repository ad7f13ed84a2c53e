"""The queue: one at a time, in order, and not too many."""

import threading

import pytest

from pixace.serving.turns import QueueFullError, Turns
from tests.tools.patience import PATIENCE


def test_turns_come_in_order() -> None:
    turns = Turns(most_waiting=2)
    first, second, third = turns.enter(), turns.enter(), turns.enter()
    assert [turn.wait(0) for turn in (first, second, third)] == [0, 1, 2]
    with pytest.raises(QueueFullError, match="wait already"):
        turns.enter()
    with second:  # who has gone before the turn came
        pass
    came = threading.Event()
    threading.Thread(target=lambda: third.wait(PATIENCE) == 0 and came.set()).start()
    assert not came.is_set()
    with first:
        assert not came.is_set()
    assert came.wait(PATIENCE)
    with turns.enter() as fourth:
        assert fourth.wait(0) == 1


def test_the_end() -> None:
    turns = Turns()
    with turns.enter() as turn:
        assert not turn.is_over
        assert not turns.close(0)
        assert turn.is_over
    assert turns.close(0)
    with pytest.raises(QueueFullError):
        turns.enter()
