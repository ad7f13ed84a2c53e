"""What a checkpoint tells of its training: settings, curves, speed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from pixace.checkpoints.file import Checkpoint, read_checkpoint, stored_config
from pixace.settings.model import ModelConfig

# Where a training puts into `Checkpoint.progress` what its continuation does not need.
SETTINGS_KEY = "settings"
HELD_OUT_KEY = "held_out"
SPEED_KEY = "images_per_second"  # in the part of `curves`

Curve = list[tuple[int, float]]  # (step, value), in rising order of the steps


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """What is known of the training that led to a checkpoint; older ones and others' tell less.

    Attributes:
      step: steps done.
      n_weights: numbers in the weights.
      config: the model's settings, None where there are none.
      settings: of the training, as text by name.
      train: mean loss of each epoch's steps, in bits per pixel.
      val: loss of each epoch's validation, in bits per pixel.
      held_out: whether the validation images were others than those trained on; None if unknown.
      images_per_second: in the last epoch, without validation and drawing; None if unknown.
    """

    step: int
    n_weights: int
    config: ModelConfig | None
    settings: dict[str, str]
    train: Curve
    val: Curve
    held_out: bool | None
    images_per_second: float | None

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
    settings = checkpoint.progress.get(SETTINGS_KEY)
    held_out = checkpoint.progress.get(HELD_OUT_KEY)
    curves = checkpoint.progress.get("curves")
    speed = curves.get(SPEED_KEY) if isinstance(curves, dict) else None
    return TrainingRecord(
        checkpoint.step,
        sum(array.size for array in checkpoint.weights),
        stored_config(path, checkpoint),
        _texts(settings),
        _bits(checkpoint, "train"),
        _bits(checkpoint, "val"),
        held_out if isinstance(held_out, bool) else None,
        speed if isinstance(speed, float) and 0 < speed < math.inf else None,
    )


def _texts(settings: Any) -> dict[str, str]:
    if not isinstance(settings, dict):
        return {}
    return {
        name: value
        for name, value in settings.items()
        if isinstance(name, str) and isinstance(value, str)
    }


def _bits(checkpoint: Checkpoint, run: str) -> Curve:
    """Returns a curve of the history in bits per pixel, without what is no number."""
    curve = checkpoint.history.get(run, {}).get("nats_per_pixel", [])
    return [(step, nats / math.log(2)) for step, nats in curve if math.isfinite(nats)]
