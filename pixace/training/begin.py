"""How a run of a training begins: with which state and images, and who watches it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.fitting import fit_arrays
from pixace.checkpoints.history import History
from pixace.checkpoints.keeping import set_aside
from pixace.checkpoints.reader import CheckpointReader
from pixace.models.weights import flat_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.announcement import Announcement
from pixace.training.devices import batch_mesh
from pixace.training.peers import Peers
from pixace.training.processes import start_as_first
from pixace.training.run import Run
from pixace.training.saver import Saver
from pixace.training.start import StartingPoint, find_start
from pixace.training.step import state_shapes
from pixace.training.watching.curves import Curves
from pixace.training.watching.epoch_pictures import EpochPictures
from pixace.training.watching.overfitting import OverfittingWarning
from pixace.training.watching.progress import Progress, Status
from pixace.training.watching.summaries import Summaries
from pixace.training.worker import Worker
from pixace.wording import shown

_log = logging.getLogger(__name__)


def begin(
    folder: Path,
    config: ModelConfig,
    settings: TrainingSettings,
    peers: Peers,
    reader: CheckpointReader,
    progress: Callable[[Status], None] | None,
    preview: Callable[[Image.Image], None] | None,
) -> Run:
    """Reads the state to go on from and the images, and makes the model's folder ready.

    Args:
      folder: the model's, locked for this training.
      config: the model's settings.
      settings: of the training.
      peers: all processes, of which this one is the first.
      reader: knows which checkpoints have been read already.
      progress: see `Trainer.train`.
      preview: see `Trainer.train`.

    Returns:
      A run whose first step is next.

    Raises:
      ImageError: no images to train on.
      CheckpointError: a checkpoint cannot be read, or does not fit.
      PixaceError: see `Worker`.
    """
    start = find_start(folder, config, settings.checkpoint, reader)
    if start:
        _require_fitting(start, config, settings)
    worker = start_as_first(config, settings, start, peers)
    if start:
        if start.goes_back:
            set_aside(folder, start.path, start.latest_step)
        _log.info("going on from %s, step %d", shown(start.path), worker.learner.step)
    save_config(folder, config)
    return _watched(folder, config, worker, peers, start, progress, preview)


def _require_fitting(start: StartingPoint, config: ModelConfig, settings: TrainingSettings) -> None:
    """Checks that stored weights fit the model, before one of that size is made.

    Raises:
      CheckpointError: they do not.
    """
    shapes = state_shapes(config, settings, batch_mesh())
    fit_arrays(start.checkpoint.weights, flat_weights(shapes.weights), start.path, config)


def _watched(
    folder: Path,
    config: ModelConfig,
    worker: Worker,
    peers: Peers,
    start: StartingPoint | None,
    progress: Callable[[Status], None] | None,
    preview: Callable[[Image.Image], None] | None,
) -> Run:
    """Returns a run with all that watch it, in the order in which they are told.

    After a validation, old pictures go before the state is saved, and the state is saved before
    anybody is told which one is the best.
    """
    summaries = Summaries(folder)
    curves = Curves(
        worker.settings,
        summaries,
        start.checkpoint.history if start else History(),
        start.checkpoint.resume.curves if start else None,
    )
    told = Progress(worker.settings, worker.learner.step, curves.nats_of_late, progress)
    if start:
        told.checkpoint = shown(start.path.name)
        told.validation = curves.last_validation()
    saver = Saver(folder, config, worker, curves, start.origin if start else None)
    observers = [
        Announcement(folder, config, worker, summaries),
        curves,
        told,
        EpochPictures(config, worker.val_images.tokens, worker.seed, summaries, preview),
        saver,
        OverfittingWarning(curves.history, folder),
    ]
    return Run(folder.name, worker, peers, saver, told, observers)
