"""How to train and how to draw: settings that may change from one run to the next."""

from __future__ import annotations

import dataclasses

from pixace.errors import UsageError
from pixace.settings.checks import (
    MANY,
    MAX_SEED,
    require_bool,
    require_choice,
    require_int,
    require_number,
    require_path,
)

AUTO = "auto"  # a batch size: the largest that fits
PRECISIONS = ("float32", "bfloat16")
SCHEDULES = ("rsqrt", "cosine")
DEFAULT_VAL_IMAGES = "images/val"
DEFAULT_WEIGHTS_DIR = "model-weights"


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How to train a model; unlike `ModelConfig`, these may change from one run to the next.

    Attributes:
      images: folder of training images.
      val_images: folder of validation images; None takes `images/val` if it exists, else the
        training images.
      batch_size: pictures per step; "auto" is the largest number that fits into memory, up to that
        of the images and 1024, and is found anew in each run.
      steps_per_epoch: steps between two checkpoints, each with a validation and sample pictures.
      n_epochs: epochs in all, counted from the very beginning.
      steps_per_eval: batches in one validation, at most the whole set; None takes a tenth of an
        epoch.
      dropout: share of activations dropped.
      learning_rate: highest learning rate, reached after the warm-up. The default is that of trax's
        `multifactor()`.
      warmup_steps: steps until then.
      schedule: how it falls from there: "rsqrt" as 1 / sqrt(step), however long the training is, or
        "cosine" to nearly 0 at the last step of the last epoch.
      seed: of weights, order of the images, dropout and sample pictures; None goes on with the
        seed of an interrupted training, or starts with 0.
      mirror: flip each picture left to right with probability one half.
      checkpoint: file, step, "latest" or "best" to start from.
      keep_checkpoints: epochs to keep on disk, besides the best one.
      accumulate: passes that a batch is divided into, one after another, to need less memory.
      precision: of the arithmetic; weights and optimiser are float32 always.
      recompute: compute activations again on the way back instead of keeping them: slower, in far
        less memory; None does so where it is needed.
      cache_dir: folder that keeps the images' tokens for the next run; None keeps them in memory.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    images: str = "images/train"
    val_images: str | None = None
    batch_size: int | str = 16
    steps_per_epoch: int = 1000
    n_epochs: int = 10000
    steps_per_eval: int | None = None
    dropout: float = 0.1
    learning_rate: float = 0.005
    warmup_steps: int = 400
    schedule: str = "rsqrt"
    seed: int | None = None
    mirror: bool = False
    checkpoint: str | None = None
    keep_checkpoints: int = 5
    accumulate: int = 1
    precision: str = "float32"
    recompute: bool | None = None
    cache_dir: str | None = None

    def __post_init__(self) -> None:
        for name in ("steps_per_epoch", "n_epochs", "warmup_steps", "accumulate"):
            require_int(name, getattr(self, name), 1, MANY)
        if not isinstance(self.batch_size, str) or self.batch_size != AUTO:
            require_int("batch_size", self.batch_size, 1, MANY)
            if self.n_pictures % self.accumulate:
                raise UsageError(
                    f"batch_size must be a multiple of accumulate, {self.accumulate}, not "
                    f"{self.batch_size}"
                )
        require_choice("precision", self.precision, PRECISIONS)
        require_choice("schedule", self.schedule, SCHEDULES)
        require_bool("mirror", self.mirror)
        if self.recompute is not None:
            require_bool("recompute", self.recompute)
        require_path("images", self.images)
        for name in ("val_images", "cache_dir", "checkpoint"):
            if getattr(self, name) is not None:
                require_path(name, getattr(self, name))
        require_int("keep_checkpoints", self.keep_checkpoints, 1, MANY)
        if self.steps_per_eval is not None:
            require_int("steps_per_eval", self.steps_per_eval, 1, MANY)
        if self.seed is not None:
            require_int("seed", self.seed, 0, MAX_SEED)
        require_number("dropout", self.dropout, 0.0, 0.95)
        require_number("learning_rate", self.learning_rate, 1e-9, 10.0)

    @property
    def n_pictures(self) -> int:
        """Pictures per step, once that is settled."""
        assert not isinstance(self.batch_size, str), "still to be found out"
        return self.batch_size

    @property
    def n_steps(self) -> int:
        """Steps of the whole training."""
        return self.n_epochs * self.steps_per_epoch

    @property
    def batches_per_eval(self) -> int:
        """Batches of one validation."""
        return self.steps_per_eval or max(1, self.steps_per_epoch // 10)
