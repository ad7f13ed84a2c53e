"""What a training says of itself before its first step."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path

from pixace.models.weights import count_weights
from pixace.settings.model import ModelConfig
from pixace.training.watching.observer import Observer
from pixace.training.watching.summaries import Summaries
from pixace.training.worker import Worker
from pixace.wording import rounded_count, shown

_log = logging.getLogger(__name__)


class Announcement(Observer):
    """Says what is trained on what, and where the results go.

    Args:
      folder: the model's.
      config: the model's settings.
      worker: this process's part.
      summaries: where the settings are shown.
    """

    def __init__(
        self, folder: Path, config: ModelConfig, worker: Worker, summaries: Summaries
    ) -> None:
        self._folder = folder
        self._config = config
        self._worker = worker
        self._summaries = summaries

    def on_start(self) -> None:
        """Says it all."""
        worker, config = self._worker, self._config
        n_weights = count_weights(worker.learner.weights)
        _log.info("model: %s, %s weights", config.model_type, rounded_count(n_weights))
        _log.info("%d images to train on, %d to validate, %d skipped", *worker.n_images)
        _log.info("writing to %s", shown(self._folder))
        logdir = shlex.quote(shown(self._folder.parent))
        _log.info("watch with: tensorboard --logdir=%s", logdir)
        values = {**config.to_dict(), **worker.described()}
        self._summaries.settings(values, worker.learner.step)
