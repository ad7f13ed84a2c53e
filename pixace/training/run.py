"""One run of a training, from its first step to its last epoch."""

from __future__ import annotations

import dataclasses
import logging
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from pixace.checkpoints.config_file import save_config
from pixace.checkpoints.file import Checkpoint
from pixace.checkpoints.fitting import fit_arrays
from pixace.checkpoints.folder import epoch_path
from pixace.checkpoints.history import History
from pixace.checkpoints.keeping import save_epoch, save_latest, set_aside
from pixace.checkpoints.reader import CheckpointReader
from pixace.insight.likelihood import Likelihood
from pixace.models.weights import count_weights, flat_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import TrainingSettings
from pixace.system.signals import SavedAndStopped, StopRequest
from pixace.training.devices import batch_mesh
from pixace.training.planning import smallest_batch
from pixace.training.start import find_start
from pixace.training.step import state_shapes
from pixace.training.watching.curves import Curves
from pixace.training.watching.epoch_pictures import EpochPictures
from pixace.training.watching.meter import require_finite
from pixace.training.watching.overfitting import overfitting_warning
from pixace.training.watching.progress import Progress, Status
from pixace.training.watching.summaries import Summaries
from pixace.training.worker import Command, agree, start_as_first
from pixace.wording import rounded_count, shown, spell

_log = logging.getLogger(__name__)


class Run:
    """One run of a training, from reading the images to the last epoch."""

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        settings: TrainingSettings,
        progress: Callable[[Status], None] | None,
        preview: Callable[[Image.Image], None] | None,
        reader: CheckpointReader,
    ) -> None:
        self.folder = folder
        self.config = config
        self.stop_request = StopRequest()
        start = find_start(folder, config, settings.checkpoint, reader)
        if start:  # before a model of that size is made
            shapes = state_shapes(config, settings.dropout, batch_mesh())
            expected = flat_weights(shapes.weights)
            fit_arrays(start.checkpoint.weights, expected, start.path, config)
        self.origin = start.origin if start else None
        if settings.seed is not None:
            self.seed = settings.seed
        else:
            self.seed = start.seed() if start else 0
        self.worker = start_as_first(
            config,
            settings,
            self.seed,
            start.position() if start else 0,
            (start.checkpoint, start.path) if start else None,
        )
        self.settings, self.learner = self.worker.settings, self.worker.learner
        if start:
            if start.goes_back:
                set_aside(folder, start.path, start.latest_step)
            _log.info("going on from %s, step %d", shown(start.path), self.learner.step)
        save_config(folder, config)
        self.saved_step = -1
        self.likelihood: Likelihood | None = None
        self.summaries = Summaries(folder)
        self.pictures = EpochPictures(
            config, self.worker.val_images.tokens, self.seed, self.summaries, preview
        )
        self.curves = Curves(
            self.settings,
            self.summaries,
            start.checkpoint.history if start else History(),
            start.checkpoint.resume.curves if start else None,
        )
        self.progress = Progress(
            self.settings, self.learner.step, self.curves.nats_of_late, progress
        )
        if start:
            self.progress.checkpoint = shown(start.path.name)
            self.progress.validation = self.curves.last_validation()

    def run(self) -> Likelihood | None:
        """Trains to the last step; see `Trainer.train`."""
        self._announce()
        first_step = self.learner.step
        while True:
            if self._at_end_of_epoch() and not self.stop_request.requested:
                with self.progress.end_of_epoch():
                    self._end_epoch()
                self.curves.restart_clock()
            self._stop_if_interrupted()
            if self.learner.step >= self.settings.n_steps:
                agree(Command.END, self.stop_request)
                return self.likelihood
            agree(Command.STEP, self.stop_request)
            self.learner.advance()
            self.curves.add(self.learner.loss)
            if self.learner.step == first_step + 1:
                self.curves.leave_out_time()
            if self.curves.is_due(self.learner.step):
                self.curves.add_point(self.learner.step, self.learner.learning_rate())
            self.progress.stepped(self.learner.step)

    def _announce(self) -> None:
        """Says what is trained on what, and where the results go."""
        config, n_images = self.config, self.worker.n_images
        _log.info(
            "model: %s, %s weights",
            config.model_type,
            rounded_count(count_weights(self.learner.weights)),
        )
        _log.info("%d images to train on, %d to validate, %d skipped", *n_images)
        _log.info("writing to %s", shown(self.folder))
        logdir = shlex.quote(shown(self.folder.parent))
        _log.info("watch with: tensorboard --logdir=%s", logdir)
        values = {**config.to_dict(), **self._settings()}
        self.summaries.settings(values, self.learner.step)
        n_steps = self.settings.n_steps
        if self.learner.step >= n_steps and not self._at_end_of_epoch():
            _log.info(
                "nothing left to do: step %d of %d; raise --n_epochs to train on",
                self.learner.step,
                n_steps,
            )

    def _settings(self) -> dict[str, Any]:
        """Returns what is worth knowing of this training, besides the model's settings."""
        return {
            **dataclasses.asdict(self.settings),
            "seed": self.seed,
            "images found": self.worker.n_images[0],
        }

    def _at_end_of_epoch(self) -> bool:
        """Says whether an epoch's work is due, also one that an earlier run did not get to."""
        step = self.learner.step
        if step == 0 or step % self.settings.steps_per_epoch:
            return False
        return not (self._is_epoch_saved() and self.pictures.are_drawn(step))

    def _is_epoch_saved(self) -> bool:
        """Says whether this step has been validated and kept; its pictures come after that."""
        step = self.learner.step
        return self.curves.history.is_validated(step) and epoch_path(self.folder, step).exists()

    def _end_epoch(self) -> None:
        """Validates, saves, draws: whatever of it is not done yet."""
        if not self._is_epoch_saved():
            self._validate_and_save()
        if self._is_epoch_saved():
            self.progress.begin("drawing samples")
            self.pictures.draw(self.learner.step, self.learner.weights, stop=self._is_interrupted)
        self.summaries.flush()

    def _validate_and_save(self) -> None:
        """Validates and saves an epoch, unless a signal comes before the validation is done."""
        step = self.learner.step
        self.progress.begin("validating")
        agree(Command.VALIDATE, self.stop_request)
        likelihood = self.worker.validate(self.stop_request)
        if likelihood is None:
            return
        self.likelihood = likelihood
        self.curves.end_epoch(step, likelihood)
        self.progress.validation = likelihood.bits_per_pixel
        self.progress.begin("saving")
        self.pictures.discard(step)  # before the save: afterwards, pictures tell they are drawn
        save_epoch(
            self.folder, self._capture(), self.learner.trax_fields(), self.settings.keep_checkpoints
        )
        self.saved_step = step
        self.progress.checkpoint = epoch_path(self.folder, step).name
        _log.info(
            "epoch %d: step %d, validation %.3f nats, %.3f bits per pixel; saved %s",
            step // self.settings.steps_per_epoch,
            step,
            likelihood.nats_per_pixel,
            likelihood.bits_per_pixel,
            shown(epoch_path(self.folder, step)),
        )
        warning = overfitting_warning(self.curves.history, self.folder)
        if warning is not None:
            _log.warning("%s", warning)

    def _is_interrupted(self) -> bool:
        return self.stop_request.requested

    def _stop_if_interrupted(self) -> None:
        """Saves and ends where a signal has come.

        Raises:
          SavedAndStopped: it has.
        """
        number = self.stop_request.signal
        if number is None:
            return
        agree(Command.STOP, self.stop_request)
        if self.learner.step == 0:
            raise SavedAndStopped(f"stopped by {number.name} before the first step", number)
        if self.saved_step != self.learner.step:
            save_latest(self.folder, self._capture(), self.learner.trax_fields())
        raise SavedAndStopped(
            f"stopped by {number.name} and saved at step {self.learner.step}; the same command "
            f"goes on, with --model_name={self.folder.name}",
            number,
        )

    def _capture(self) -> Checkpoint:
        """Returns the whole state of this run.

        Raises:
          PixaceError: a weight is no number any more.
        """
        checkpoint = self.learner.capture()
        for array in checkpoint.weights:
            require_finite(float(array.sum()), self.learner.step, "the sum of a weight's numbers")
        checkpoint.history = self.curves.history
        checkpoint.resume = dataclasses.replace(
            checkpoint.resume,
            seed=self.seed,
            position=self.worker.position,
            curves=self.curves.state(),
            config=self.config,
            settings={name: shown(spell(value)) for name, value in self._settings().items()},
            held_out=self.worker.val_images is not self.worker.images,
            origin=self.origin,
        )
        return checkpoint


def advice_to_halve(settings: TrainingSettings) -> str:
    """Returns what to do when a step that should fit does not, as others use the memory, too."""
    unit = smallest_batch(settings)
    half = settings.n_pictures // unit // 2 * unit
    advice = f"--batch_size={half} needs about half (see: pixace plan)"
    return f"all up to the last checkpoint is kept; {advice if half else 'try a smaller model'}"
