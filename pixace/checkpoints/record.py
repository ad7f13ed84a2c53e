"""What a checkpoint tells of its training: settings, curves, speed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from pixace.checkpoints.file import read_checkpoint, stored_config
from pixace.checkpoints.history import Curve
from pixace.checkpoints.words import WordsRecord
from pixace.settings.model import ModelConfig


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """What is known of the training that led to a checkpoint; older ones and others' tell less.

    Attributes:
      step: steps done.
      n_weights: numbers in the weights.
      config: the model's settings, None where there are none.
      settings: of the training, as text by name.
      train: mean loss of each epoch's steps, in bits per pixel.
      within: mean loss of the steps between points within epochs, likewise; none in older files.
      val: loss of each epoch's validation, in bits per pixel.
      held_out: whether the validation images were others than those trained on; None if unknown.
      images_per_second: in the last epoch, without validation and drawing; None if unknown.
      words: that the model was taught; nothing where it knows none.
    """

    step: int
    n_weights: int
    config: ModelConfig | None
    settings: dict[str, str]
    train: Curve
    within: Curve
    val: Curve
    held_out: bool | None
    images_per_second: float | None
    words: WordsRecord

    @property
    def training(self) -> Curve:
        """The training curve as fine as it is known: of epochs where there is nothing finer."""
        first = self.within[0][0] if self.within else math.inf
        return [point for point in self.train if point[0] < first] + self.within

    @property
    def validation(self) -> str:
        """What the validation curve is to be called."""
        return "validation (on the training images)" if self.held_out is False else "validation"


def read_record(path: Path) -> TrainingRecord:
    """Reads what a checkpoint tells of its training.

    Args:
      path: the file; it may be a stranger's: what it tells in another form counts as not told.

    Raises:
      CheckpointError: the file cannot be read.
    """
    checkpoint = read_checkpoint(path)
    resume, history = checkpoint.resume, checkpoint.history
    return TrainingRecord(
        checkpoint.step,
        sum(array.size for array in checkpoint.weights),
        stored_config(path, checkpoint),
        resume.settings,
        _bits(history.trainings()),
        _bits(history.within_epochs()),
        _bits(history.validations()),
        resume.held_out,
        resume.curves.images_per_second if resume.curves else None,
        resume.words,
    )


def read_words(path: Path) -> WordsRecord:
    """Reads what a checkpoint's model was taught of words; nothing where it knows none.

    Who has read the checkpoint already finds the same in its `resume.words`.

    Args:
      path: the file; it may be a stranger's.

    Raises:
      CheckpointError: the file cannot be read.
    """
    return read_checkpoint(path).resume.words


def _bits(curve: Curve) -> Curve:
    """Returns a curve of nats per pixel in bits per pixel, without what is no number."""
    return [(step, nats / math.log(2)) for step, nats in curve if math.isfinite(nats)]
