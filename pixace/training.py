"""The workflow of training: folders of images in, a model's folder out."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixace.checkpoints import Checkpoint, History, read_checkpoint
from pixace.collage import collage, token_rows
from pixace.config import (
    DEFAULT_VAL_IMAGES,
    DEFAULT_WEIGHTS_DIR,
    MAX_SEED,
    ModelConfig,
    TrainingSettings,
    resolve_config,
    save_config,
)
from pixace.data import Batch, ImageSet, load_images, training_batches
from pixace.errors import UsageError, shown
from pixace.folders import (
    LATEST_NAME,
    epoch_path,
    find_checkpoint,
    read_newest,
    save_epoch,
    save_latest,
    set_aside_later_epochs,
    training_folder,
    training_lock,
)
from pixace.interruption import Interrupted, Interruption
from pixace.loop import build_loop
from pixace.meter import Meter, require_finite
from pixace.models import (
    build_model,
    count_weights,
    init_model,
)
from pixace.sampling import Sampler, complete
from pixace.scoring import Likelihood, Scorer
from pixace.summaries import Summaries

_log = logging.getLogger(__name__)

N_PICTURES = 8  # drawn, and completed, after each epoch
_TILE = 128  # pixels of one of them, large enough to be seen
_SECONDS_BETWEEN_LINES = 10.0
_POINTS_PER_EPOCH = 100  # of the training curve


class Trainer:
    """Trains one model in one folder; see `get_trainer`.

    Attributes:
      folder: where everything is written.
      config: the model's settings.
      checkpoint: what training starts from, unless `train` is told otherwise.
    """

    def __init__(self, folder: Path, config: ModelConfig, checkpoint: str | None = None) -> None:
        self.folder = folder
        self.config = config
        self.checkpoint = checkpoint

    def train(self, **settings: Any) -> Likelihood | None:
        """Trains, or goes on training, to the end of the last epoch.

        Args:
          **settings: the fields of `TrainingSettings`.

        Returns:
          The last validation's likelihood, or None if there was nothing left to do.

        Raises:
          UsageError: a setting is unknown or out of range.
          ImageError: no images to train on.
          CheckpointError: a checkpoint cannot be read or written.
          Interrupted: a signal ended it early; everything done is saved.
        """
        unknown = sorted(set(settings) - set(TrainingSettings.__dataclass_fields__))
        if unknown:
            raise UsageError(f"unknown setting {unknown[0]!r} of a training")
        chosen = TrainingSettings(**{"checkpoint": self.checkpoint, **settings})
        with training_lock(self.folder):
            run = _Run(self.folder, self.config, chosen)
            try:
                # Not before: until the first step there is nothing to save, and Ctrl-C just ends.
                with run.interruption:
                    return run.run()
            finally:
                run.summaries.close()


def get_trainer(
    model_name: str | None = None,
    *,
    weights_dir: Path | str = DEFAULT_WEIGHTS_DIR,
    checkpoint: str | None = None,
    **settings: Any,
) -> Trainer:
    """Prepares the training of a new model, or the continuation of an old one.

    Args:
      model_name: folder under weights_dir; a timestamp MMDD_HHMM by default.
      weights_dir: top folder of all models.
      checkpoint: a file elsewhere that training will start from, whose settings apply too.
      **settings: `model_type`, `image_size`, `bitdepth` and the other settings of `ModelConfig`.

    Raises:
      UsageError: a setting is out of range or contradicts the stored one.
      CheckpointError: the stored settings cannot be used.
    """
    checkpoint = None if checkpoint is None else str(checkpoint)
    folder, config = training_folder(model_name, weights_dir, checkpoint, settings)
    return Trainer(folder, config, checkpoint)


class _Run:
    """One run of a training, from reading the images to the last epoch."""

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        settings: TrainingSettings,
    ) -> None:
        self.folder = folder
        self.config = config
        self.settings = settings
        self.interruption = Interruption()
        start = self._start()
        if start:
            self._check_config(*start)
        self.images, self.val_images = self._load_images()
        self.seed = settings.seed or 0
        self.position = 0
        if start:
            path, checkpoint = start
            if settings.seed is None:
                self.seed = checkpoint.number("seed", path) & MAX_SEED
            self.position = checkpoint.number("position", path)
            self._origin = self._origin or checkpoint.progress.get("origin")
        self.history: History = start[1].history if start else {}
        self.loop = build_loop(config, settings, self.seed, self._batches())
        if start:
            self.loop.restore(start[1], start[0], config)
            _log.info("going on from %s, step %d", shown(start[0]), self.loop.step)
        save_config(folder, config)
        self.saved_step = -1
        self.likelihood: Likelihood | None = None
        self.scorer = Scorer(self.loop.eval_model)
        self.meter = Meter(settings.batch_size)
        self._last_line = time.monotonic()
        self._sampler: Sampler | None = None
        self.summaries = Summaries(folder)

    def _start(self) -> tuple[Path, Checkpoint] | None:
        """Returns the state to go on from: this folder's newest, else the checkpoint named.

        A named checkpoint counts once: the same command, run again, resumes from what it made.
        """
        named = self.settings.checkpoint
        if named is None:
            return read_newest(self.folder)
        path = find_checkpoint(self.folder, named)
        self._origin = str(path.resolve())
        if path != self.folder / LATEST_NAME:
            newest = read_newest(self.folder)
            if newest and newest[1].progress.get("origin") == self._origin:
                return newest
        checkpoint = read_checkpoint(path)
        if path.resolve().parent == self.folder.resolve():
            set_aside_later_epochs(self.folder, checkpoint.step)
        return path, checkpoint

    _origin: str | None = None

    def _check_config(self, path: Path, checkpoint: Checkpoint) -> None:
        """Refuses a state whose tokens or sizes mean something else than the settings say.

        Raises:
          UsageError: a setting differs.
        """
        inside = checkpoint.config(path)
        if inside is not None:
            resolve_config(inside, self.config.to_dict(), source=path)

    def _load_images(self) -> tuple[ImageSet, ImageSet]:
        """Reads both folders."""
        images = load_images(self.settings.images, self.config)
        val_folder = self.settings.val_images
        if val_folder is None and Path(DEFAULT_VAL_IMAGES).is_dir():
            val_folder = DEFAULT_VAL_IMAGES
        if val_folder is None:
            _log.warning(
                "no validation images: validating on the training images; name a folder with "
                "--val_images to see how well the model does on pictures it has not seen"
            )
            return images, images
        return images, load_images(val_folder, self.config)

    def _batches(self) -> Iterator[Batch]:
        """Yields training batches from the stored position on, and keeps count of the images."""
        settings = self.settings
        for batch in training_batches(
            self.images.tokens,
            settings.batch_size,
            self.seed,
            start=self.position,
            mirror=settings.mirror,
        ):
            self.position += settings.batch_size
            yield batch

    def run(self) -> Likelihood | None:
        """Trains to the last step; see `Trainer.train`."""
        self._announce()
        n_steps = self.settings.n_steps
        if self.loop.step >= n_steps:
            _log.info(
                "nothing left to do: step %d of %d; raise --n_epochs to train on",
                self.loop.step,
                n_steps,
            )
        first_step = self.loop.step
        while True:
            if self._at_end_of_epoch() and not self.interruption.requested:
                self._end_epoch()
                self.meter.restart()
            self._stop_if_interrupted()
            if self.loop.step >= n_steps:
                return self.likelihood
            self.loop.run(1)
            self.meter.add(self.loop.loss)
            if self.loop.step == first_step + 1:
                self.meter.leave_out_time()
            if self.loop.step % max(1, self.settings.steps_per_epoch // _POINTS_PER_EPOCH) == 0:
                self._tell(self.meter.point(self.loop.step))

    def _tell(self, values: dict[str, float]) -> None:
        """Adds a point to the training curve and, from time to time, prints a line."""
        step = self.loop.step
        self.summaries.scalars(
            "train", {**values, "learning_rate": self.loop.learning_rate()}, step
        )
        if time.monotonic() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            _log.info(
                "step %d of %d: %.3f nats, %.3f bits per pixel, %s images/s",
                step,
                self.settings.n_steps,
                values["nats_per_pixel"],
                values["bits_per_pixel"],
                f"{speed:.1f}" if (speed := values.get("images_per_second")) else "-",
            )

    def _announce(self) -> None:
        """Says what is trained on what, and where the results go."""
        config, images = self.config, self.images
        _log.info(
            "%s with %s weights; %d images to train on, %d to validate, %d skipped",
            config.model_type,
            f"{count_weights(self.loop.model):,}",
            len(images.paths),
            len(self.val_images.paths),
            len(images.skipped),
        )
        _log.info(
            "writing to %s; watch with: tensorboard --logdir %s",
            shown(self.folder),
            shown(self.folder.parent),
        )
        values = {**config.to_dict(), **dataclasses.asdict(self.settings), "seed": self.seed}
        values["images found"] = len(images.paths)
        self.summaries.settings(values, self.loop.step)

    def _at_end_of_epoch(self) -> bool:
        """Says whether an epoch's work is due, also one that an earlier run did not get to."""
        step = self.loop.step
        if step == 0 or step % self.settings.steps_per_epoch:
            return False
        validated = self.history.get("val", {}).get("nats_per_pixel", [])
        done = bool(validated) and validated[-1][0] == step
        return not (done and epoch_path(self.folder, step).exists())

    def _end_epoch(self) -> None:
        """Validates, saves, draws."""
        step = self.loop.step
        likelihood = self.scorer.likelihood(
            self.loop.eval_model.weights,
            self._validation_tokens(),
            self.settings.batch_size,
            stop=lambda: self.interruption.requested,
        )
        if likelihood is None:
            return
        self.likelihood = likelihood
        require_finite(self.likelihood.nats_per_pixel, step)
        values = {
            "nats_per_pixel": self.likelihood.nats_per_pixel,
            "bits_per_pixel": self.likelihood.bits_per_pixel,
        }
        self.summaries.scalars("val", values, step)
        self._remember("val", values["nats_per_pixel"])
        epoch_nats = self.meter.epoch_nats()
        if epoch_nats is not None:
            self._remember("train", epoch_nats)
        save_epoch(
            self.folder, self._capture(), self.loop.trax_fields(), self.settings.keep_checkpoints
        )
        self.saved_step = step
        _log.info(
            "epoch %d: step %d, validation %.3f nats, %.3f bits per pixel; saved %s",
            step // self.settings.steps_per_epoch,
            step,
            self.likelihood.nats_per_pixel,
            self.likelihood.bits_per_pixel,
            shown(epoch_path(self.folder, step)),
        )
        self._draw()
        self.summaries.flush()

    def _validation_tokens(self) -> np.ndarray:
        """Returns the rows of one validation: all, or so many from all over the set."""
        tokens = self.val_images.tokens
        n_val = self.settings.batches_per_eval * self.settings.batch_size
        if n_val >= len(tokens):
            return tokens
        return tokens[np.linspace(0, len(tokens), n_val, endpoint=False).astype(int)]

    def _stop_if_interrupted(self) -> None:
        """Saves and ends where a signal has come.

        Raises:
          Interrupted: it has.
        """
        number = self.interruption.signal
        if number is None:
            return
        if self.loop.step == 0:
            raise Interrupted(f"stopped by {number.name} before the first step", number)
        if self.saved_step != self.loop.step:
            save_latest(self.folder, self._capture(), self.loop.trax_fields())
        raise Interrupted(
            f"stopped by {number.name} and saved at step {self.loop.step}; the same command goes "
            f"on, with --model_name={self.folder.name}",
            number,
        )

    def _capture(self) -> Checkpoint:
        """Returns the whole state of this run."""
        checkpoint = self.loop.capture()
        checkpoint.history = self.history
        checkpoint.progress |= {
            "seed": self.seed,
            "position": self.position,
            "config": self.config.to_dict(),
        }
        if self._origin is not None:
            checkpoint.progress["origin"] = self._origin
        return checkpoint

    def _remember(self, run: str, nats: float) -> None:
        """Adds an epoch's loss to the history that checkpoints carry."""
        curve = self.history.setdefault(run, {}).setdefault("nats_per_pixel", [])
        if curve and curve[-1][0] == self.loop.step:
            curve.pop()
        curve.append((self.loop.step, nats))

    def _draw(self) -> None:
        """Draws new pictures and completes validation prompts, with the same noise every time."""
        config = self.config
        n_val = len(self.val_images.tokens)
        spread = np.linspace(0, n_val, N_PICTURES, endpoint=False).astype(int)
        originals = self.val_images.tokens[spread].astype(np.int32)
        prompt = originals[:, : config.n_pixels // 2]
        drawn = self._complete(None)
        if drawn is None:
            return
        tiles = [row[0] for row in token_rows([drawn], config.bitdepth, config.n_pixels)]
        half = N_PICTURES // 2
        self._show("samples", collage([tiles[:half], tiles[half:]], _TILE))
        completed = self._complete(prompt)
        if completed is None:
            return
        rows = token_rows([originals, prompt, completed], config.bitdepth, config.n_pixels)
        self._show("completions", collage(rows, _TILE))

    def _complete(self, prompt: np.ndarray | None) -> np.ndarray | None:
        """Returns N_PICTURES whole token sequences, or None if a signal came meanwhile."""
        if self._sampler is None:
            model = build_model(self.config, "predict")
            init_model(model, N_PICTURES, 1)
            self._sampler = Sampler(model, N_PICTURES)
        self._sampler.set_weights(self.loop.model.weights)
        states = complete(
            self._sampler,
            prompt,
            self.config.n_pixels,
            temperatures=[1.0] * N_PICTURES,
            seed=self.seed,
        )
        rows = next(states)
        for rows in states:  # noqa: B007 (the last one counts)
            if self.interruption.requested:
                return None
        return rows

    def _show(self, name: str, picture: Image.Image) -> None:
        self.summaries.picture(name, picture, self.loop.step)
