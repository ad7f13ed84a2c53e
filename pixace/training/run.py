"""The loop of a training: steps, and at the end of each epoch what comes between them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from pixace.insight.likelihood import Likelihood
from pixace.system.signals import SavedAndStopped
from pixace.training.peers import Command, Peers
from pixace.training.saver import Saver
from pixace.training.watching.observer import Observer, StepInfo
from pixace.training.watching.progress import Progress
from pixace.training.worker import Worker

_log = logging.getLogger(__name__)


class Run:
    """One run of a training, from the state it goes on from to its last epoch.

    Args:
      name: of the model.
      worker: does the first process's part.
      peers: all processes.
      saver: keeps the state.
      progress: is told what is done instead of steps.
      observers: are told of everything, in this order; saver and progress are among them.
      advice: returns what else to say where the training is stopped.

    Attributes:
      config: the model's settings.
      settings: of the training, with nothing left open.
    """

    def __init__(
        self,
        name: str,
        worker: Worker,
        peers: Peers,
        saver: Saver,
        progress: Progress,
        observers: Sequence[Observer],
        advice: Callable[[], str] = str,
    ) -> None:
        self.config = worker.config
        self.settings = worker.settings
        self._name = name
        self._worker = worker
        self._learner = worker.learner
        self._peers = peers
        self._saver = saver
        self._progress = progress
        self._observers = observers
        self._epochs = worker.epochs
        self._advice = advice
        self._likelihood: Likelihood | None = None

    def run(self) -> Likelihood | None:
        """Trains to the last step; see `Trainer.train`."""
        learner, epochs = self._learner, self._epochs
        for observer in self._observers:
            observer.on_start()
        if learner.step >= epochs.last_step and not self._is_epoch_due():
            _log.info(
                "nothing left to do: step %d of %d; raise --%s to train on",
                learner.step,
                epochs.last_step,
                "n_epochs" if epochs.plan is None else "minutes",
            )
        while True:
            if self._is_epoch_due() and not self._is_interrupted():
                self._end_epoch()
            self._stop_if_interrupted()
            if learner.step >= epochs.last_step:
                self._peers.agree(Command.END)
                return self._likelihood
            self._peers.agree(Command.STEP)
            learner.advance()
            info = StepInfo(learner.step, learner.loss, learner.learning_rate)
            for observer in self._observers:
                observer.on_step(info)

    def close(self) -> None:
        """Tells those who watch that it is over; to be called whatever has ended it."""
        for observer in self._observers:
            observer.on_end()

    def _is_epoch_due(self) -> bool:
        """Returns whether an epoch's work is due, also one that an earlier run did not get to."""
        step = self._learner.step
        if not self._epochs.is_end(step):
            return False
        return not all(observer.is_done(step) for observer in self._observers)

    def _end_epoch(self) -> None:
        """Validates, saves, draws: whatever of it is not done yet."""
        step = self._learner.step
        for observer in self._observers:
            observer.on_pause()
        if not self._saver.is_done(step):
            self._validate(step)
        if self._saver.is_done(step):
            for observer in self._observers:
                observer.on_epoch(step, self._learner.weights, self._is_interrupted)
        for observer in self._observers:
            observer.on_continue()

    def _validate(self, step: int) -> None:
        """Validates an epoch, unless a signal comes before that is done."""
        self._progress.begin("validating")
        self._peers.agree(Command.VALIDATE)
        likelihood = self._worker.validate()
        if likelihood is not None:
            self._likelihood = likelihood
            for observer in self._observers:
                observer.on_validation(step, likelihood)

    def _is_interrupted(self) -> bool:
        return self._peers.stop_request.requested

    def _stop_if_interrupted(self) -> None:
        """Saves and ends where a signal has come.

        Raises:
          SavedAndStopped: it has.
        """
        number = self._peers.stop_request.signal
        if number is None:
            return
        self._peers.agree(Command.STOP)
        step = self._learner.step
        if step == 0:
            raise SavedAndStopped(f"stopped by {number.name} before the first step", number)
        self._saver.save()
        raise SavedAndStopped(
            f"stopped by {number.name} and saved at step {step}; the same command goes on, with "
            f"--model_name={self._name}{self._advice()}",
            number,
        )
