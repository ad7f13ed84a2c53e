"""How to train: settings that may change from one run to the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from pixace.errors import UsageError
from pixace.settings.checks import MANY, MAX_SEED
from pixace.settings.fields import setting, settings_of
from pixace.settings.paths import local_path
from pixace.settings.reading import ReadingSettings

AUTO = "auto"  # a batch size: the largest that fits
PRECISIONS = ("float32", "bfloat16")
SCHEDULES = ("rsqrt", "cosine")
ADAM, MUON = "adam", "muon"
METADATA, TXT, FOLDERS, NAMES, NONE = "metadata", "txt", "folders", "names", "none"
CAPTIONS = (AUTO, METADATA, TXT, FOLDERS, NAMES, NONE)
DEFAULT_VAL_IMAGES = "images/val"
DEFAULT_WEIGHTS_DIR = "model-weights"


# What checkpoints have held since the first of them; see `fields.stored_values`.
ALWAYS_STORED = (
    *("images", "val_images", "batch_size", "steps_per_epoch", "n_epochs", "steps_per_eval"),
    *("dropout", "learning_rate", "warmup_steps", "schedule", "seed", "mirror", "checkpoint"),
    *("keep_checkpoints", "accumulate", "precision", "recompute", "cache_dir"),
)

_COUNTED_IN_EPOCHS = ("n_epochs", "steps_per_epoch")
_OF_EACH_RUN = (
    *("images", "val_images", "checkpoint", "cache_dir", "seed", "minutes", "captions"),
    *(about.name for about in settings_of(ReadingSettings)),
)


@dataclasses.dataclass(frozen=True)
class TrainingSettings(ReadingSettings):
    """How to train a model; unlike `ModelConfig`, these may change from one run to the next.

    How the folders' files become pictures is part of it: it is of the images, not of the model.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    images: str = setting(
        "images/train", "Folder of training images; its sub-folders are searched too."
    )
    val_images: str | None = setting(
        None,
        f"Folder of validation images; by default {DEFAULT_VAL_IMAGES} if there is one, else the "
        "training images serve for both.",
    )
    batch_size: int | str = setting(
        16,
        f"Images per step, or {AUTO}: as many as fit into memory and are there, up to 1024, found "
        "anew in each run.",
        choices=(AUTO,),
        bounds=(1, MANY),
    )
    steps_per_epoch: int = setting(
        1000,
        "Steps between two checkpoints, each with a validation and sample pictures.",
        bounds=(1, MANY),
    )
    n_epochs: int = setting(
        10000, "Epochs in all, counted from the very beginning.", bounds=(1, MANY)
    )
    steps_per_eval: int | None = setting(
        None,
        "Batches in one validation, at most the whole set.",
        unset="a tenth of an epoch",
        bounds=(1, MANY),
    )
    dropout: float = setting(0.1, "Share of activations dropped.", bounds=(0.0, 0.95))
    learning_rate: float = setting(  # by default that of trax's `multifactor()`
        0.005, "Highest learning rate, reached after the warm-up.", bounds=(1e-9, 10.0)
    )
    warmup_steps: int = setting(
        400, "Steps until the learning rate is at its highest.", bounds=(1, MANY)
    )
    schedule: str = setting(
        "rsqrt",
        "How the learning rate falls from there: rsqrt as 1/sqrt(step), however long the training "
        "is; cosine to zero at the end of the last epoch (set n_epochs).",
        choices=SCHEDULES,
    )
    optimizer: str = setting(
        ADAM,
        "What makes steps of gradients: adam, or muon, whose steps take somewhat longer and teach "
        "a model of attention much more.",
        choices=(ADAM, MUON),
    )
    seed: int | None = setting(
        None,
        "Seed of everything random: weights, order of the images, dropout and sample pictures.",
        unset="0, or the resumed training's",
        bounds=(0, MAX_SEED),
    )
    mirror: bool = setting(False, "Flip each picture left to right with probability one half.")
    checkpoint: str | None = setting(None, "Start from this file, step, latest or best.")
    keep_checkpoints: int = setting(
        5, "Epochs' checkpoints to keep, besides the best one.", bounds=(1, MANY)
    )
    accumulate: int = setting(
        1,
        "Passes that a step is divided into, one after another, to need less memory; learning is "
        "the same.",
        bounds=(1, MANY),
    )
    precision: str = setting(
        "float32",
        "Precision of the arithmetic: float32, or bfloat16, which a GPU computes faster; weights "
        "and optimiser are float32 always.",
        choices=PRECISIONS,
    )
    recompute: bool | None = setting(
        None,
        "Compute activations twice instead of keeping them: slower, in far less memory.",
        unset="where it is needed",
    )
    cache_dir: str | None = setting(
        None, "Keep the images' tokens in this folder, not in memory: the next run starts at once."
    )
    minutes: float | None = setting(
        None,
        "Train for so many minutes in all, and choose sizes, batch, steps and learning rate for "
        "them where none are named; each quarter is an epoch.",
        unset="by epochs",
        bounds=(0.01, float(MANY)),
    )
    captions: str = setting(
        AUTO,
        "Captions of the images: auto finds them; or metadata (.jsonl or .csv beside the images), "
        "txt (a file beside each), folders (each a class), names (of the files), none.",
        choices=CAPTIONS,
    )
    caption_dropout: float = setting(
        0.1,
        "Share of pictures shown without their caption, so that the model draws without words, "
        "too.",
        bounds=(0.0, 1.0),
    )
    roll: bool = setting(
        False,
        "Shift each picture by random numbers of rows and columns, and what leaves it comes in at "
        "the opposite side: for textures without seams (predict --tile).",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("images", "val_images", "checkpoint", "cache_dir"):
            if name == "images" or getattr(self, name) is not None:
                object.__setattr__(self, name, local_path(name, getattr(self, name)))
        if self.batch_size != AUTO and self.n_pictures % self.accumulate:
            raise UsageError(
                f"batch_size must be a multiple of accumulate, {self.accumulate}, not "
                f"{self.batch_size}"
            )

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


def require_no_epochs(minutes: float | None, named: Collection[str]) -> None:
    """Checks that a training by minutes is told no number of steps.

    Args:
      minutes: that it may take; None for one by epochs.
      named: the settings that the user named.

    Raises:
      UsageError: it is told one.
    """
    for name in _COUNTED_IN_EPOCHS:
        if minutes is not None and name in named:
            raise UsageError(
                f"minutes={minutes:g} decides how many steps there are; leave {name} out, or "
                "minutes"
            )


def settings_from_texts(texts: Mapping[str, str]) -> dict[str, Any]:
    """Returns the values of what a checkpoint tells of its training's settings.

    Folders, seed and time, which each run has of its own, are left out.

    Args:
      texts: each value as `wording.spell` spells it, by name; other names are passed over.

    Raises:
      UsageError: a text is no value.
    """
    known = [about for about in settings_of(TrainingSettings) if about.name not in _OF_EACH_RUN]
    return {about.name: about.value_of(texts[about.name]) for about in known if about.name in texts}
