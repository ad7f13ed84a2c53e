"""The workflow of training: folders of images in, a model's folder out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from PIL import Image

from pixace.backend.door import computing
from pixace.checkpoints.lock import training_lock
from pixace.checkpoints.reader import CheckpointReader
from pixace.errors import UsageError
from pixace.insight.likelihood import Likelihood
from pixace.settings.model import ModelConfig
from pixace.settings.paths import local_path
from pixace.settings.training import DEFAULT_WEIGHTS_DIR, TrainingSettings, require_no_epochs
from pixace.system.signals import StopRequest
from pixace.training import cluster
from pixace.training.begin import begin
from pixace.training.budget import SIZES
from pixace.training.by_minutes import Request
from pixace.training.devices import device_names, idle_gpu_warning, memory_errors
from pixace.training.memory import advice_to_halve
from pixace.training.peers import peers_of
from pixace.training.start import made_folder, training_folder
from pixace.training.watching.progress import Status

_log = logging.getLogger(__name__)


class Trainer:
    """Trains one model in one folder; see `get_trainer`.

    Attributes:
      folder: where everything is written; of a training without a name, settled when it begins.
      config: the model's settings; before it begins, a training by minutes may choose others, the
        colours of palette:auto are found, and whether there are words.
      checkpoint: what training starts from, unless `train` is told otherwise.
    """

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        checkpoint: str | None = None,
        reader: CheckpointReader | None = None,
        open_settings: Collection[str] = (),
        is_unnamed: bool = False,
    ) -> None:
        self.folder = folder
        self.config = config
        self._open_settings = frozenset(open_settings)
        self._is_unnamed = is_unnamed
        self.checkpoint = checkpoint
        self._reader = reader or CheckpointReader()

    def train(
        self,
        *,
        progress: Callable[[Status], None] | None = None,
        preview: Callable[[Image.Image], None] | None = None,
        started: float | None = None,
        **settings: Any,
    ) -> Likelihood | None:
        """Trains, or goes on training, to the end of the last epoch.

        Of several processes (see `cluster`), the first calls this; the others call
        `processes.run_as_other`.

        Args:
          progress: is told often how far the training is; without it, the log is, now and then.
          preview: is given new pictures of the model after each epoch, side by side in one; where
            it knows words also those for held-out captions, which are in `info["said"]` by rows.
          started: when the time of `minutes` began, in seconds of `time.monotonic`; that of this
            call by default.
          **settings: the fields of `TrainingSettings`.

        Returns:
          The last validation's likelihood, or None if there was nothing left to do.

        Raises:
          UsageError: a setting is unknown or out of range, or a number of epochs stands beside
            minutes.
          ImageError: no images to train on.
          CheckpointError: a checkpoint cannot be read or written.
          SavedAndStopped: a signal ended it early; everything done is saved.
        """
        request = Request(
            _settings({"checkpoint": self.checkpoint, **settings}),
            frozenset(settings),
            self._open_settings & set(SIZES),
            time.monotonic() if started is None else started,
        )
        require_no_epochs(request.settings.minutes, settings)
        if self._is_unnamed:
            self.folder, self._is_unnamed = made_folder(self.folder), False
        with computing(), training_lock(self.folder), cluster.losses_told():
            _log.info("device: %s", device_names())
            if (warning := idle_gpu_warning()) is not None:
                _log.warning("%s", warning)
            peers = peers_of(StopRequest())
            with memory_errors("try a smaller model"):
                run = begin(
                    self.folder, self.config, request, peers, self._reader, progress, preview
                )
            self.config, self._open_settings = run.config, frozenset()
            try:
                # Not before: until the first step there is nothing to save, and Ctrl-C just ends.
                with peers.stop_request, memory_errors(advice_to_halve(run.settings)):
                    return run.run()
            finally:
                run.close()


def _settings(values: dict[str, Any]) -> TrainingSettings:
    """Returns the settings of a training.

    Raises:
      UsageError: one is unknown or out of range.
    """
    unknown = sorted(set(values) - set(TrainingSettings.__dataclass_fields__))
    if unknown:
        raise UsageError(f"unknown setting {unknown[0]!r} of a training")
    return TrainingSettings(**values)


def get_trainer(
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    **settings: Any,
) -> Trainer:
    """Prepares the training of a new model, or the continuation of an old one.

    Args:
      model_name: folder under weights_dir; by default a new one, called MMDD_HHMM after the time.
      weights_dir: top folder of all models.
      checkpoint: a file, a step or "best" that training will start from; for a new model, its
        settings apply too.
      **settings: `model_type`, `image_size`, `bitdepth` and the other settings of `ModelConfig`.

    Raises:
      UsageError: a setting is out of range or contradicts the stored one; or a palette's file
        cannot be read.
      CheckpointError: the stored settings cannot be used.
    """
    if checkpoint is not None:
        checkpoint = local_path("checkpoint", str(checkpoint))
    reader = CheckpointReader()
    place = training_folder(model_name, weights_dir, checkpoint, settings, reader)
    return Trainer(
        place.folder, place.config, checkpoint, reader, place.open_settings, model_name is None
    )
