"""What each process of a training does: its share of the images, of the steps and validations.

A training that runs in one process has one worker. In several (see `cluster`) the first process
decides what all do next, and the others follow.
"""

from __future__ import annotations

import dataclasses
import enum
import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixace.checkpoints.file import Checkpoint
from pixace.dataset.batches import Batch, spread_rows, training_batches
from pixace.dataset.cache import TokenRows
from pixace.dataset.reading import ImageSet, load_images
from pixace.errors import PixaceError
from pixace.insight.likelihood import Likelihood, Scorer
from pixace.settings.model import ModelConfig
from pixace.settings.training import DEFAULT_VAL_IMAGES, TrainingSettings
from pixace.system.signals import SavedAndStopped, StopRequest
from pixace.tokens.order import order_of
from pixace.training import cluster
from pixace.training.devices import memory_bytes, memory_errors
from pixace.training.learner import Learner
from pixace.training.planning import fitting_step, smallest_batch

_log = logging.getLogger(__name__)

_OWN = ("images", "val_images", "cache_dir")  # settings that each process has for itself


class Command(enum.IntEnum):
    """What the first process lets all do next."""

    STEP = 0
    VALIDATE = 1
    STOP = 2  # because of a signal
    END = 3


class Worker:
    """One process's part in a training.

    Args:
      config: sizes of the model.
      settings: of the training; `images`, `val_images` and `cache_dir` may be this process's own.
      seed: of weights, dropout and the order of the images.
      position: how many images all processes together have trained on.

    Attributes:
      settings: with nothing left open.
      images: this process's share of those to train on.
      val_images: its share of those to validate on.
      n_images: to train on, to validate on and skipped, in all processes together.
      loop: the model in training.
      position: see above.

    Raises:
      ImageError: no such folder, no image in it, or none that can be read.
      PixaceError: the cache's folder cannot be written; a step does not fit into memory; only some
        processes have validation images.
    """

    def __init__(
        self, config: ModelConfig, settings: TrainingSettings, seed: int, position: int
    ) -> None:
        self.images, self.val_images = _load_images(config, settings)
        self.position = position
        self._seed = seed
        self._order = order_of(config.pictures)
        skipped = {*self.images.skipped, *self.val_images.skipped}  # the same set may serve twice
        counts = [len(self.images.paths), len(self.val_images.paths), len(skipped)]
        _require_same_kind(self.val_images is self.images)
        self.n_images = [
            int(count) for count in cluster.gathered(np.array(counts, np.int64)).sum(axis=0)
        ]
        # All come to the same conclusion, as XLA may compile for all of them together.
        memory = int(cluster.gathered(np.array([memory_bytes()], np.int64)).min())
        self.settings, step = fitting_step(config, settings, memory, self.n_images[0])
        self.learner = Learner(config, self.settings, seed, self._batches(), step)
        self._scorer = Scorer(self.learner.eval_model)

    def _batches(self) -> Iterator[Batch]:
        """Yields this process's shares of the batches from the stored position on, and counts."""
        n_pictures, n_processes = self.settings.n_pictures, cluster.size()
        for batch in training_batches(
            self.images.tokens,
            n_pictures // n_processes,
            self._seed,
            start=self.position // n_processes,
            mirror=self._order if self.settings.mirror else None,
        ):
            self.position += n_pictures
            yield batch

    def validate(self, stop_request: StopRequest) -> Likelihood | None:
        """Returns how well the model predicts the validation images of all processes.

        Args:
          stop_request: once there is a signal to one of them, all know it and return None.
        """
        likelihood = self._scorer.likelihood(
            self.learner.weights,
            self._validation_tokens(),
            # On one device, and not in more memory than a step takes on each.
            max(1, self.settings.n_pictures // smallest_batch(self.settings)),
            stop=lambda: stop_request.requested,
        )
        own = [*(likelihood or (np.nan, 0)), stop_request.signal or 0]
        nats, n_images, signals = cluster.gathered(np.array(own, np.float64)).T
        _take_note(stop_request, int(signals.max()))
        if not n_images.all():
            return None
        return Likelihood(float(np.average(nats, weights=n_images)), int(n_images.sum()))

    def _validation_tokens(self) -> TokenRows:
        """Returns the rows of one validation: all, or so many from all over the set."""
        tokens = self.val_images.tokens
        n_val = -(-self.settings.batches_per_eval * self.settings.n_pictures // cluster.size())
        return tokens if n_val >= len(tokens) else spread_rows(tokens, n_val)


class _SharedSettings(NamedTuple):
    """What the others must know of a training to follow it; plain JSON values.

    Attributes:
      config: of the model.
      settings: of the training, but for those that each process has for itself.
      seed: see `Worker`.
      position: see `Worker`.
      is_resumed: whether it goes on from a checkpoint.
    """

    config: dict[str, Any]
    settings: dict[str, Any]
    seed: int
    position: int
    is_resumed: bool


def start_as_first(
    config: ModelConfig,
    settings: TrainingSettings,
    seed: int,
    position: int,
    start: tuple[Checkpoint, Path] | None,
) -> Worker:
    """Returns the first process's worker; the others get to know what they must for theirs.

    Args:
      config: see `Worker`.
      settings: see `Worker`.
      seed: see `Worker`.
      position: see `Worker`.
      start: what to go on from, and its file; None starts anew.

    Raises:
      CheckpointError: the checkpoint does not fit.
      PixaceError: see `Worker`.
    """
    common = dataclasses.asdict(settings)
    for name in _OWN:
        del common[name]
    shared = _SharedSettings(config.to_dict(), common, seed, position, start is not None)
    cluster.values_from_first(shared)
    worker = Worker(config, settings, seed, position)
    if start is not None:
        worker.learner.restore(start)
    return worker


def run_as_other(settings: TrainingSettings) -> None:
    """Does in a process after the first what the first decides, to the end.

    Args:
      settings: of which the folders count; all others are the first process's.

    Raises:
      SavedAndStopped: the first process ended because of a signal, to whichever process.
      PixaceError: another process has been lost; or see `Worker`.
    """
    with cluster.losses_told(), memory_errors("try a smaller batch or model"):
        _carry_out(_following_worker(settings))


def _following_worker(settings: TrainingSettings) -> Worker:
    shared = _SharedSettings(*cluster.values_from_first())
    own = {name: getattr(settings, name) for name in _OWN}
    worker = Worker(
        ModelConfig.from_dict(shared.config),
        TrainingSettings(**{**shared.settings, **own}),
        shared.seed,
        shared.position,
    )
    if shared.is_resumed:
        worker.learner.restore(None)
    _log.info(
        "process %d of %d, with %d of the %d images to train on",
        cluster.index() + 1,
        cluster.size(),
        len(worker.images.paths),
        worker.n_images[0],
    )
    return worker


def _carry_out(worker: Worker) -> None:
    with StopRequest() as stop_request:
        while True:
            command = agree(Command.END, stop_request)
            if command == Command.STEP:
                worker.learner.advance()
            elif command == Command.VALIDATE:
                worker.validate(stop_request)
            elif command == Command.STOP:
                number = stop_request.signal or signal.SIGTERM
                raise SavedAndStopped(f"stopped by {number.name}, with the first process", number)
            else:
                return


def agree(command: Command, stop_request: StopRequest) -> Command:
    """Returns the command of the first process, and lets all know of a signal to any of them.

    Args:
      command: counts in the first process only.
      stop_request: of this process.
    """
    said = cluster.gathered(np.array([command, stop_request.signal or 0], np.int32))
    _take_note(stop_request, int(said[:, 1].max()))
    return Command(int(said[0, 0]))


def _take_note(stop_request: StopRequest, number: int) -> None:
    """Takes note of a signal to another process; 0 is none."""
    if number and not stop_request.requested:
        stop_request.signal = signal.Signals(number)


def _require_same_kind(validates_on_training_images: bool) -> None:
    """Checks that the processes validate on the same kind of images.

    Raises:
      PixaceError: only some have a folder of validation images.
    """
    said = cluster.gathered(np.array([validates_on_training_images], np.int32))
    if said.any() and not said.all():
        raise PixaceError(
            "some processes have validation images and some have none; give all of them the same "
            "--val_images"
        )


def _load_images(config: ModelConfig, settings: TrainingSettings) -> tuple[ImageSet, ImageSet]:
    """Reads this process's share of the images to train on, and of those to validate on.

    Raises:
      ImageError: no such folder, no image in it, or none that can be read.
      PixaceError: the cache's folder cannot be written.
    """
    share = cluster.index(), cluster.size()
    images = load_images(settings.images, config, cache_dir=settings.cache_dir, share=share)
    val_folder = settings.val_images
    if val_folder is None and Path(DEFAULT_VAL_IMAGES).is_dir():
        val_folder = DEFAULT_VAL_IMAGES
    if val_folder is None:
        _log.warning(
            "no validation images: validating on the training images; name a folder with "
            "--val_images to see how well the model does on pictures it has not seen"
        )
        return images, images
    return images, load_images(val_folder, config, cache_dir=settings.cache_dir, share=share)
