"""What the processes of one training agree on, so that all do the same at the same time.

The first one decides what comes next. It hears in the same exchange of a signal to any of them, and
so all stop at the same step. Alone, a process has nobody to agree with, and none of this does
anything.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Sequence
from typing import Any

import numpy as np

from pixace.errors import PixaceError
from pixace.insight.likelihood import Likelihood
from pixace.system.signals import StopRequest
from pixace.training import cluster


class Command(enum.IntEnum):
    """What the first process lets all do next."""

    STEP = 0
    VALIDATE = 1
    STOP = 2  # because of a signal
    END = 3
    PLAN = 4  # what the first process says next is the plan of a training by minutes


class Peers:
    """The processes of a training in which this one is alone.

    Args:
      stop_request: of this process; of several, it takes note of signals to the others, too.

    Attributes:
      stop_request: see above.
      size: how many processes there are.
      index: which of them this one is, from 0.
    """

    size = 1
    index = 0

    def __init__(self, stop_request: StopRequest) -> None:
        self.stop_request = stop_request

    def agree(self, command: Command) -> Command:
        """Returns what all do next: what the first process says."""
        return command

    def from_first(self, values: Any = None) -> Any:
        """Returns the JSON values of the first process; see `cluster.values_from_first`."""
        return values

    def arrays_from_first(self, arrays: Sequence[Any]) -> list[Any]:
        """Returns the arrays of the first process; see `cluster.arrays_from_first`."""
        return list(arrays)

    def totals(self, counts: Sequence[int]) -> list[int]:
        """Returns the sum over all processes of each of some numbers."""
        return list(counts)

    def least(self, number: int) -> int:
        """Returns the smallest of all processes' numbers."""
        return number

    def require_alike(self, is_so: bool, otherwise: str) -> None:
        """Checks that something is so in all processes or in none.

        Args:
          is_so: in this one.
          otherwise: what to say if they differ.

        Raises:
          PixaceError: they differ.
        """

    def mean(self, likelihood: Likelihood | None) -> Likelihood | None:
        """Returns the mean over all processes' images.

        Args:
          likelihood: of this one's, None where a signal has come before all were measured.

        Returns:
          The mean; None where one of them has none.
        """
        return None if likelihood is None else _weighted_mean(*([part] for part in likelihood))


class ConnectedPeers(Peers):
    """The processes of a training that has several; see `cluster.join`.

    What is given to a method counts in the first process, or in all; what it returns is the same in
    all. They must call the same methods in the same order.
    """

    def __init__(self, stop_request: StopRequest) -> None:
        super().__init__(stop_request)
        self.size, self.index = cluster.size(), cluster.index()

    def agree(self, command: Command) -> Command:
        """Returns the command of the first process, and lets all know of a signal to any."""
        own = [command, self.stop_request.signal or 0]
        said = cluster.gathered(np.array(own, np.int32))
        self._take_note(int(said[:, 1].max()))
        return Command(int(said[0, 0]))

    def from_first(self, values: Any = None) -> Any:
        """See `cluster.values_from_first`."""
        return cluster.values_from_first(values)

    def arrays_from_first(self, arrays: Sequence[Any]) -> list[Any]:
        """See `cluster.arrays_from_first`."""
        return cluster.arrays_from_first(arrays)

    def totals(self, counts: Sequence[int]) -> list[int]:
        """See `Peers`."""
        said = cluster.gathered(np.array(counts, np.int64))
        return [int(total) for total in said.sum(axis=0)]

    def least(self, number: int) -> int:
        """See `Peers`."""
        return int(cluster.gathered(np.array([number], np.int64)).min())

    def require_alike(self, is_so: bool, otherwise: str) -> None:
        """See `Peers`."""
        said = cluster.gathered(np.array([is_so], np.int32))
        if said.any() and not said.all():
            raise PixaceError(otherwise)

    def mean(self, likelihood: Likelihood | None) -> Likelihood | None:
        """Returns the mean over all images, and lets all know of a signal to any process."""
        own = [*(likelihood or (np.nan, 0)), self.stop_request.signal or 0]
        nats, n_images, signals = cluster.gathered(np.array(own, np.float64)).T
        self._take_note(int(signals.max()))
        return _weighted_mean(nats, n_images) if n_images.all() else None

    def _take_note(self, number: int) -> None:
        """Takes note of a signal to another process; 0 is none."""
        if number and not self.stop_request.requested:
            self.stop_request.signal = signal.Signals(number)


def peers_of(stop_request: StopRequest) -> Peers:
    """Returns the processes that train together with this one."""
    return (ConnectedPeers if cluster.size() > 1 else Peers)(stop_request)


def _weighted_mean(nats: Any, n_images: Any) -> Likelihood:
    """Returns the likelihood of all images; of one process, too, rounded as it always was."""
    return Likelihood(float(np.average(nats, weights=n_images)), int(np.sum(n_images)))
