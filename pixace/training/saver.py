"""The checkpoints of a training: one at the end of each epoch, and one when it is stopped."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path

from pixace.checkpoints.file import Checkpoint
from pixace.checkpoints.folder import epoch_path
from pixace.checkpoints.keeping import save_epoch, save_latest
from pixace.checkpoints.time_plan import TimePlan
from pixace.checkpoints.words import NO_WORDS, WordsRecord
from pixace.insight.likelihood import Likelihood
from pixace.settings.model import ModelConfig
from pixace.training.watching.curves import Curves
from pixace.training.watching.meter import require_finite
from pixace.training.watching.observer import Observer
from pixace.training.worker import Worker
from pixace.wording import shown, spell

_log = logging.getLogger(__name__)


class Saver(Observer):
    """Keeps the state of a training in its folder.

    Args:
      folder: the model's.
      config: the model's settings.
      worker: whose state it is.
      curves: their state is kept with it.
      origin: what the training was told to start from, if it was told anything.
      plan: returns that of a training by minutes, with the time used up to now.
      words: what the model learns of words.
    """

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        worker: Worker,
        curves: Curves,
        origin: str | None,
        plan: Callable[[], TimePlan | None] = lambda: None,
        words: WordsRecord = NO_WORDS,
    ) -> None:
        self._folder = folder
        self._config = config
        self._worker = worker
        self._curves = curves
        self._origin = origin
        self._plan = plan
        self._words = words
        self._saved_step = -1

    def is_done(self, step: int) -> bool:
        """Returns whether this step has been validated and kept."""
        return self._curves.history.is_validated(step) and epoch_path(self._folder, step).exists()

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Keeps the state under the name of the epoch, and as the newest.

        Raises:
          PixaceError: a weight is no number any more.
          CheckpointError: it could not be written; nothing older was removed.
        """
        settings = self._worker.settings
        save_epoch(
            self._folder,
            self._captured(),
            self._worker.learner.trax_fields(),
            settings.keep_checkpoints,
        )
        self._saved_step = step
        _log.info(
            "epoch %d: step %d, validation %.3f nats, %.3f bits per pixel; saved %s",
            self._worker.epochs.n_ended(step),
            step,
            likelihood.nats_per_pixel,
            likelihood.bits_per_pixel,
            shown(epoch_path(self._folder, step)),
        )

    def save(self) -> None:
        """Keeps the state as the newest, unless it has just been kept.

        Raises:
          PixaceError: see `on_validation`.
        """
        if self._saved_step != self._worker.learner.step:
            save_latest(self._folder, self._captured(), self._worker.learner.trax_fields())

    def _captured(self) -> Checkpoint:
        """Returns the whole state of the training.

        Raises:
          PixaceError: a weight is no number any more.
        """
        worker = self._worker
        checkpoint = worker.learner.capture()
        for array in checkpoint.weights:
            require_finite(float(array.sum()), checkpoint.step, "the sum of a weight's numbers")
        checkpoint.history = self._curves.history
        checkpoint.resume = dataclasses.replace(
            checkpoint.resume,
            seed=worker.seed,
            position=worker.position,
            curves=self._curves.state(),
            config=self._config,
            settings={name: shown(spell(value)) for name, value in worker.described().items()},
            held_out=worker.val_images is not worker.images,
            origin=self._origin,
            plan=self._plan(),
            words=self._words,
        )
        return checkpoint
