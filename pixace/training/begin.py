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
from pixace.checkpoints.words import WordsRecord
from pixace.dataset.palette_finding import with_found_colours
from pixace.dataset.sides import sides_of
from pixace.errors import UsageError
from pixace.models.weights import flat_weights
from pixace.pictures.folder import FolderListing
from pixace.settings.colours import is_open
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.training.announcement import Announcement
from pixace.training.budget import SIZES
from pixace.training.by_minutes import Pacing, Request, hours_of_defaults
from pixace.training.devices import batch_mesh
from pixace.training.memory import divisible_batch
from pixace.training.peers import Peers
from pixace.training.processes import start_as_first
from pixace.training.run import Run
from pixace.training.saver import Saver
from pixace.training.start import StartingPoint, find_start
from pixace.training.step import state_shapes
from pixace.training.timekeeper import TimeKeeper
from pixace.training.watching.curves import Curves
from pixace.training.watching.epoch_pictures import EpochPictures
from pixace.training.watching.overfitting import OverfittingWarning
from pixace.training.watching.progress import Progress, Status
from pixace.training.watching.summaries import Summaries
from pixace.training.words import with_words, words_record
from pixace.training.worker import Worker
from pixace.wording import shown

_log = logging.getLogger(__name__)


def begin(
    folder: Path,
    config: ModelConfig,
    request: Request,
    peers: Peers,
    reader: CheckpointReader,
    progress: Callable[[Status], None] | None,
    preview: Callable[[Image.Image], None] | None,
) -> Run:
    """Reads the state to go on from and the images, and makes the model's folder ready.

    Args:
      folder: the model's, locked for this training.
      config: the model's settings.
      request: what the user wants of the training.
      peers: all processes, of which this one is the first.
      reader: knows which checkpoints have been read already.
      progress: see `Trainer.train`.
      preview: see `Trainer.train`.

    Returns:
      A run whose first step is next.

    Raises:
      ImageError: no images to train on, or none with the captions that were asked for.
      CheckpointError: a checkpoint cannot be read, or does not fit.
      UsageError: a number of epochs for a training by minutes.
      PixaceError: see `Worker`.
    """
    start = find_start(folder, config, request.settings.checkpoint, reader)
    pacing = Pacing(request, start, folder)
    settings, is_named = pacing.settings, "batch_size" in request.named
    if is_named or pacing.budget is None:
        settings = divisible_batch(settings, is_named)
    sides = sides_of(settings)
    config = _with_colours(config, settings, start, sides.train)
    if start:
        _require_fitting(start, config, settings)
    elif pacing.budget is None and request.open_sizes == frozenset(SIZES):
        if (hours := hours_of_defaults(config, settings)) is not None:
            _log.info("%s", hours)
    config, captions = with_words(config, settings, start, sides.train)
    settling = pacing.settling(config, peers)
    worker = start_as_first(config, settings, start, peers, pacing.plan, settling, captions, sides)
    if start:
        if start.goes_back:
            set_aside(folder, start.path, start.latest_step)
        _log.info("going on from %s, step %d", shown(start.path), worker.learner.step)
    save_config(folder, worker.config)
    keeper, words = pacing.keeper(worker, peers), words_record(captions, start)
    return _watched(folder, worker, peers, start, keeper, words, progress, preview)


def _with_colours(
    config: ModelConfig,
    settings: TrainingSettings,
    start: StartingPoint | None,
    images: FolderListing,
) -> ModelConfig:
    """Returns the model's settings with the colours of its images, where these are to be found.

    Raises:
      ImageError: no images to find them in.
      UsageError: there are weights already, which were trained with others.
    """
    if start and is_open(config.pictures.colours):
        raise UsageError(
            f"{config.colours} is for a new training; {shown(start.path)} was trained with colours "
            "that it does not tell: name them"
        )
    return with_found_colours(config, images, settings)


def _require_fitting(start: StartingPoint, config: ModelConfig, settings: TrainingSettings) -> None:
    """Checks that stored weights fit the model, before one of that size is made.

    Raises:
      CheckpointError: they do not.
    """
    shapes = state_shapes(config, settings, batch_mesh())
    fit_arrays(start.checkpoint.weights, flat_weights(shapes.weights), start.path, config)


def _watched(
    folder: Path,
    worker: Worker,
    peers: Peers,
    start: StartingPoint | None,
    keeper: TimeKeeper | None,
    words: WordsRecord,
    progress: Callable[[Status], None] | None,
    preview: Callable[[Image.Image], None] | None,
) -> Run:
    """Returns a run with all that watch it, in the order in which they are told.

    After a validation, old pictures go before the state is saved, and the state is saved before
    anybody is told which one is the best.
    """
    config, val, summaries = worker.config, worker.val_images, Summaries(folder)
    curves = Curves(
        worker.settings,
        summaries,
        start.checkpoint.history if start else History(),
        start.checkpoint.resume.curves if start else None,
    )
    told = Progress(
        worker.settings,
        worker.epochs,
        worker.learner.step,
        curves.nats_of_late,
        progress,
        seconds_left=keeper.seconds_left if keeper else None,
    )
    if start:
        told.checkpoint = shown(start.path.name)
        told.validation = curves.last_validation()
    origin = start.origin if start else None
    plan = keeper.plan if keeper else lambda: None
    saver = Saver(folder, config, worker, curves, origin, plan, words)
    observers = [
        Announcement(folder, config, worker, summaries),
        *([keeper] if keeper else []),
        curves,
        told,
        EpochPictures(config, val.tokens, worker.seed, summaries, preview, val.captions),
        saver,
        OverfittingWarning(curves.history, folder),
    ]
    advice = keeper.advice if keeper else str
    return Run(folder.name, worker, peers, saver, told, observers, advice)
