"""What each process of a training does: its share of the images, of the steps and validations."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pixace.checkpoints.time_plan import TimePlan
from pixace.dataset.batches import Batch, spread_rows, training_batches
from pixace.dataset.cache import TokenRows
from pixace.dataset.caption_finding import FolderCaptions, find_captions
from pixace.dataset.reading import ImageSet, load_images
from pixace.dataset.shown_captions import ShownCaptions
from pixace.dataset.sides import Sides, sides_of
from pixace.insight.likelihood import Likelihood, Scorer
from pixace.settings.fields import stored_values
from pixace.settings.model import ModelConfig
from pixace.settings.pictures import ANY
from pixace.settings.training import ALWAYS_STORED, TrainingSettings
from pixace.tokens.order import all_orders, order_of
from pixace.training.devices import memory_bytes
from pixace.training.learner import Learner
from pixace.training.memory import fitting_step, smallest_batch
from pixace.training.peers import Peers
from pixace.training.step import TrainingStep
from pixace.training.watching.epochs import Epochs
from pixace.training.words import val_captions

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


def read_images(
    config: ModelConfig,
    settings: TrainingSettings,
    peers: Peers,
    captions: FolderCaptions | None = None,
    sides: Sides | None = None,
) -> Images:
    """Reads what each process trains and validates on; see `Worker`.

    Args:
      config: see `Worker`.
      settings: see `Worker`.
      peers: see `Worker`.
      captions: of the images to train on, where they have been found already.
      sides: the image files, where they have been.
    """
    if sides is None:
        sides = sides_of(settings)
    if captions is None and config.caption_length is not None:
        captions = find_captions(sides.train, settings.captions, config.caption_length)
    train, val = _load_images(config, settings, peers, captions, sides)
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
        tokens, captions = self._validated()
        likelihood = self._scorer.likelihood(
            self.learner.weights,
            tokens,
            # On one device, and not in more memory than a step takes on each.
            max(1, self.settings.n_pictures // smallest_batch(self.settings)),
            stop=lambda: self._peers.stop_request.requested,
            captions=captions,
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
            captions=self._shown_captions(),
            roll=self._order if self.settings.roll else None,
            orders=all_orders(self.config.pictures.shape) if self.config.scan == ANY else None,
        ):
            self.position += n_pictures
            yield batch

    def _shown_captions(self) -> ShownCaptions | None:
        """Returns the captions of the images to train on; None for a model that knows no words."""
        captions, length = self.images.captions, self.config.caption_length
        if captions is None or length is None:
            return None
        return ShownCaptions(captions, length, self.settings.caption_dropout)

    def _validated(self) -> tuple[TokenRows, np.ndarray | None]:
        """Returns what one validation measures: all images, or so many from all over the set.

        Returns:
          Tokens (n, L), and the text tokens (n, P) of first captions for a model that knows words.
        """
        images, length = self.val_images, self.config.caption_length
        n_val = -(-self.settings.batches_per_eval * self.settings.n_pictures // self._peers.size)
        n_val = min(n_val, len(images.tokens))
        is_all = n_val == len(images.tokens)
        tokens = images.tokens if is_all else spread_rows(images.tokens, n_val)
        if images.captions is None or length is None:
            return tokens, None
        return tokens, images.captions.spread_tokens(n_val, length)


def _load_images(
    config: ModelConfig,
    settings: TrainingSettings,
    peers: Peers,
    captions: FolderCaptions | None,
    sides: Sides,
) -> tuple[ImageSet, ImageSet]:
    """Reads this process's share of the images to train on, and of those to validate on.

    Args:
      config: see `read_images`.
      settings: see `read_images`.
      peers: see `read_images`.
      captions: of the images to train on; None for a model that knows no words.
      sides: the image files.

    Raises:
      ImageError: none of the images of a side can be read.
      PixaceError: the cache's folder cannot be written.
    """
    share = peers.index, peers.size
    load = partial(
        load_images, config=config, cache_dir=settings.cache_dir, share=share, reading=settings
    )
    images = load(sides.train, captions=captions)
    if sides.val is None:
        _log.warning(
            "no validation images: validating on the training images; name a folder with "
            "--val_images to see how well the model does on pictures it has not seen"
        )
        return images, images
    val = None if captions is None else val_captions(sides.val, config, settings, captions)
    if val is not None and captions is not None and peers.index == 0:
        val.beside(captions).tell()
    return images, load(sides.val, captions=val)
