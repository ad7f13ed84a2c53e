"""What each process of a training does: its share of the images, of the steps and validations."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pixace.checkpoints.time_plan import TimePlan
from pixace.dataset.batches import Batch, spread_rows, training_batches
from pixace.dataset.cache import TokenRows
from pixace.dataset.reading import ImageSet, load_images
from pixace.insight.likelihood import Likelihood, Scorer
from pixace.settings.fields import stored_values
from pixace.settings.model import ModelConfig
from pixace.settings.training import ALWAYS_STORED, DEFAULT_VAL_IMAGES, TrainingSettings
from pixace.tokens.order import order_of
from pixace.training.devices import memory_bytes
from pixace.training.learner import Learner
from pixace.training.memory import fitting_step, smallest_batch
from pixace.training.peers import Peers
from pixace.training.step import TrainingStep
from pixace.training.watching.epochs import Epochs

_log = logging.getLogger(__name__)

_NOT_ALIKE = (
    "some processes have validation images and some have none; give all of them the same "
    "--val_images"
)


class Images(NamedTuple):
    """The images of a training.

    Attributes:
      train: this process's share of those to train on.
      val: its share of those to validate on.
      counts: to train on, to validate on and skipped, in all processes together.
    """

    train: ImageSet
    val: ImageSet
    counts: list[int]


def read_images(config: ModelConfig, settings: TrainingSettings, peers: Peers) -> Images:
    """Reads what each process trains and validates on; see `Worker`."""
    train, val = _load_images(config, settings, peers)
    skipped = {*train.skipped, *val.skipped}  # the same set may serve twice
    peers.require_alike(val is train, _NOT_ALIKE)
    return Images(train, val, peers.totals([len(train.paths), len(val.paths), len(skipped)]))


class Worker:
    """One process's part in a training.

    Args:
      config: sizes of the model.
      settings: of the training; `images`, `val_images` and `cache_dir` may be this process's own.
      seed: of weights, dropout and the order of the images.
      position: how many images all processes together have trained on.
      peers: all of them.
      images: where they have been read already.
      step: where it has been compiled already, and nothing is left open.
      plan: of a training by minutes, where there is one already.

    Attributes:
      config: see above.
      settings: with nothing left open.
      epochs: at which steps they end.
      seed: see above.
      images: this process's share of those to train on.
      val_images: its share of those to validate on.
      n_images: to train on, to validate on and skipped, in all processes together.
      learner: the model in training.
      position: see above.

    Raises:
      ImageError: no such folder, no image in it, or none that can be read.
      PixaceError: the cache's folder cannot be written; a step does not fit into memory; only some
        processes have validation images.
    """

    def __init__(
        self,
        config: ModelConfig,
        settings: TrainingSettings,
        seed: int,
        position: int,
        peers: Peers,
        images: Images | None = None,
        step: TrainingStep | None = None,
        plan: TimePlan | None = None,
    ) -> None:
        self.images, self.val_images, self.n_images = images or read_images(config, settings, peers)
        self.config = config
        self.seed = seed
        self.position = position
        self._peers = peers
        self._order = order_of(config.pictures)
        if step is None:
            # All come to the same conclusion, as XLA may compile for all of them together.
            memory = peers.least(memory_bytes())
            settings, step = fitting_step(config, settings, memory, self.n_images[0])
        self.settings = settings
        self.epochs = Epochs(settings)
        self.learner = Learner(config, settings, seed, self._batches(), step)
        if plan is not None:
            self.follow(plan)
        self._scorer = Scorer(self.learner.eval_model)

    def validate(self) -> Likelihood | None:
        """Returns how well the model predicts the validation images of all processes.

        Once there is a signal to one of them, all know it and return None.
        """
        likelihood = self._scorer.likelihood(
            self.learner.weights,
            self._validation_tokens(),
            # On one device, and not in more memory than a step takes on each.
            max(1, self.settings.n_pictures // smallest_batch(self.settings)),
            stop=lambda: self._peers.stop_request.requested,
        )
        return self._peers.mean(likelihood)

    def follow(self, plan: TimePlan) -> None:
        """Takes the steps to come as a plan by minutes says."""
        self.epochs.plan = plan
        self.learner.follow(plan)

    def described(self) -> dict[str, Any]:
        """Returns what is worth knowing of this training, besides the model's settings."""
        return {
            **stored_values(self.settings, ALWAYS_STORED),
            "seed": self.seed,
            "images found": self.n_images[0],
        }

    def _batches(self) -> Iterator[Batch]:
        """Yields this process's shares of the batches from the stored position on, and counts."""
        n_pictures, n_processes = self.settings.n_pictures, self._peers.size
        for batch in training_batches(
            self.images.tokens,
            n_pictures // n_processes,
            self.seed,
            start=self.position // n_processes,
            mirror=self._order if self.settings.mirror else None,
        ):
            self.position += n_pictures
            yield batch

    def _validation_tokens(self) -> TokenRows:
        """Returns the rows of one validation: all, or so many from all over the set."""
        tokens = self.val_images.tokens
        n_val = -(-self.settings.batches_per_eval * self.settings.n_pictures // self._peers.size)
        return tokens if n_val >= len(tokens) else spread_rows(tokens, n_val)


def _load_images(
    config: ModelConfig, settings: TrainingSettings, peers: Peers
) -> tuple[ImageSet, ImageSet]:
    """Reads this process's share of the images to train on, and of those to validate on.

    Raises:
      ImageError: no such folder, no image in it, or none that can be read.
      PixaceError: the cache's folder cannot be written.
    """
    share = peers.index, peers.size
    load = partial(
        load_images, config=config, cache_dir=settings.cache_dir, share=share, reading=settings
    )
    images = load(settings.images)
    val_folder = settings.val_images
    if val_folder is None and Path(DEFAULT_VAL_IMAGES).is_dir():
        val_folder = DEFAULT_VAL_IMAGES
    if val_folder is None:
        _log.warning(
            "no validation images: validating on the training images; name a folder with "
            "--val_images to see how well the model does on pictures it has not seen"
        )
        return images, images
    return images, load(val_folder)
