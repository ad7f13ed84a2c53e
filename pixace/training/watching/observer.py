"""What is told to those who watch a training: its curves, its files, its pictures and others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pixace.insight.likelihood import Likelihood  # which needs JAX


class StepInfo(NamedTuple):
    """A step that was done.

    Attributes:
      step: its number, 1 for the first.
      loss: nats per pixel, float32 (); perhaps still being computed.
      learning_rate: of this step.
    """

    step: int
    loss: Any
    learning_rate: float


class Observer:
    """Watches a training, and does nothing but what a subclass says.

    An epoch ends in the order of these methods: the steps pause, the validation, the epoch itself,
    the steps go on. A signal can end that early; whoever has not done its part yet says so, and
    the next run does the rest.
    """

    def on_start(self) -> None:
        """Is called before the first step."""

    def on_step(self, info: StepInfo) -> None:
        """Is called after each step."""

    def is_done(self, step: int) -> bool:
        """Returns whether nothing is left to do for the epoch that ends at `step`."""
        return True

    def on_pause(self) -> None:
        """Is called when an epoch's end begins."""

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Is called when the epoch that ends at `step` has been validated."""

    def on_epoch(self, step: int, weights: Any, stop: Callable[[], bool]) -> None:
        """Is called when the epoch that ends at `step` has been validated and kept.

        Args:
          step: number of the last step.
          weights: of the model after it.
          stop: to be asked now and then; once it says yes, the work is to be given up.
        """

    def on_continue(self) -> None:
        """Is called when the steps go on, or would if no signal had come."""

    def on_end(self) -> None:
        """Is called when the run is over, whatever has ended it."""
