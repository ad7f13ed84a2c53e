"""The settings that shape a model and its tokens; they travel with the weights as JSON."""

from __future__ import annotations

import dataclasses
import json
import numbers
import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import ImageColor

from pixace import __version__
from pixace.errors import CheckpointError, UsageError, shown
from pixace.files import write_atomically

CONFIG_NAME = "config.json"
MODEL_TYPES = ("transformer", "reformer")
_MOST = 10**6  # pictures per step, steps per epoch and so on
AUTO = "auto"  # a batch size: the largest that fits
POSITIONS = ("sequence", "grid")
PRECISIONS = ("float32", "bfloat16")
SCHEDULES = ("rsqrt", "cosine")

# Bounds that no sensible model exceeds. They keep a typing error, or a settings file written by a
# stranger, from asking for all the memory there is.
_LIMITS = {
    "image_size": (1, 256),
    "d_model": (2, 8192),
    "d_ff": (1, 65536),
    "n_layers": (1, 128),
    "n_heads": (1, 128),
}
_MAX_COLUMNS = 100
_MAX_BITS = 16  # 65538 tokens; beyond that the softmax alone outgrows any card


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Everything that decides the shape of the weights and the meaning of the tokens.

    Attributes:
      model_type: name of a builder in `pixace.models`.
      image_size: edge of the square picture in pixels; L = image_size**2 tokens.
      bitdepth: bits of hue, saturation and value; V = 2**sum(bitdepth) + 2.
      d_model: width of the embeddings (for a Reformer, of each of its two halves).
      d_ff: width of the feed-forward layers.
      n_layers: number of decoder blocks.
      n_heads: attention heads per block; they split d_model evenly.
      background: colour that shows through transparent pixels, as Pillow spells colours.
      positions: what the model is told of a pixel's place: its number in the "sequence", or its row
        and column in the "grid".

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    model_type: str = "reformer"
    image_size: int = 32
    bitdepth: tuple[int, ...] = (5, 4, 4)
    d_model: int = 512
    d_ff: int = 2048
    n_layers: int = 6
    n_heads: int = 8
    background: str = "black"
    positions: str = "sequence"

    def __post_init__(self) -> None:
        require_choice("model_type", self.model_type, MODEL_TYPES)
        require_choice("positions", self.positions, POSITIONS)
        for name, (low, high) in _LIMITS.items():
            require_int(name, getattr(self, name), low, high)
            object.__setattr__(self, name, int(getattr(self, name)))  # NumPy's go into no JSON
        object.__setattr__(self, "bitdepth", check_bitdepth(self.bitdepth))
        if self.d_model % self.n_heads or self.d_model % 2:
            raise UsageError(
                f"d_model must be even and a multiple of n_heads, not {self.d_model} with "
                f"{self.n_heads} heads"
            )
        check_colour(self.background)

    @property
    def n_pixels(self) -> int:
        """L, the number of tokens of one picture."""
        return self.image_size**2

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain JSON values."""
        return {**dataclasses.asdict(self), "bitdepth": list(self.bitdepth)}

    def as_flags(self) -> str:
        """Spells the settings as the command line does."""
        values = dataclasses.asdict(self)
        return " ".join(f"--{name}={spell(value)}" for name, value in values.items())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Builds settings from JSON values; refuses names it does not know.

        Raises:
          UsageError: an unknown name, or a value of the wrong type or out of range.
        """
        unknown = sorted(set(values) - set(SETTING_NAMES))
        if unknown:
            raise UsageError(
                f"unknown setting {unknown[0]!r}; known are {', '.join(SETTING_NAMES)}"
            )
        return cls(**values)


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
            require_int(name, getattr(self, name), 1, _MOST)
        if self.batch_size != AUTO:
            require_int("batch_size", self.batch_size, 1, _MOST)
            if self.n_pictures % self.accumulate:
                raise UsageError(
                    f"batch_size must be a multiple of accumulate, {self.accumulate}, not "
                    f"{self.batch_size}"
                )
        require_choice("precision", self.precision, PRECISIONS)
        require_choice("schedule", self.schedule, SCHEDULES)
        if self.recompute not in (None, True, False):
            raise UsageError(f"recompute must be True, False or None, not {self.recompute!r}")
        if self.cache_dir is not None and (
            not isinstance(self.cache_dir, str | os.PathLike) or not os.fspath(self.cache_dir)
        ):
            raise UsageError(f"cache_dir must name a folder, not {self.cache_dir!r}")
        require_int("keep_checkpoints", self.keep_checkpoints, 1)
        if self.steps_per_eval is not None:
            require_int("steps_per_eval", self.steps_per_eval, 1)
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


@dataclasses.dataclass(frozen=True)
class DrawingSettings:
    """How to draw pictures.

    Attributes:
      batch_size: pictures to draw when there is no prompt.
      cut: prompt pixels to keep, None keeps half of them.
      temperature: one column of results for each.
      scale: edge of one tile in pixels.
      seed: of the noise; None takes a new one.
      top_k: draw only from the k likeliest colours; 0 means all.
      top_p: draw only from the fewest colours that hold this share of the probability.
      best_of: candidates for each tile, of which the likeliest is kept.

    Raises:
      UsageError: a value of the wrong type or out of range.
    """

    batch_size: int = 1
    cut: int | None = None
    temperature: tuple[float, ...] = (1.0,)
    scale: int = 256
    seed: int | None = None
    top_k: int = 0
    top_p: float = 1.0
    best_of: int = 1

    def __post_init__(self) -> None:
        require_int("batch_size", self.batch_size, 1, 10_000)
        require_int("scale", self.scale, 1, 4096)
        require_int("best_of", self.best_of, 1, 1000)
        if self.cut is not None:
            require_int("cut", self.cut, 0)
        if self.seed is not None:
            require_int("seed", self.seed, 0, MAX_SEED)
        if len(self.temperature) > _MAX_COLUMNS:
            raise UsageError(f"temperature must be at most {_MAX_COLUMNS} numbers")
        check_sampling(self.temperature, top_k=self.top_k, top_p=self.top_p)
        # NumPy's numbers go into no JSON.
        for name in ("batch_size", "cut", "scale", "seed", "top_k", "best_of"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, int(getattr(self, name)))
        object.__setattr__(self, "temperature", tuple(map(float, self.temperature)))
        object.__setattr__(self, "top_p", float(self.top_p))

    def kept_pixels(self, n_pixels: int) -> int:
        """Returns how many of a prompt's L pixels to keep.

        Raises:
          UsageError: cut is not from 0 to L.
        """
        if self.cut is None:
            return n_pixels // 2
        require_int("cut", self.cut, 0, n_pixels)
        return self.cut


MAX_SEED = 2**31 - 1  # the narrowest of the generators that take it is TensorFlow's
DEFAULT_VAL_IMAGES = "images/val"
DEFAULT_WEIGHTS_DIR = "model-weights"

SETTING_NAMES = tuple(field.name for field in dataclasses.fields(ModelConfig))


def check_bitdepth(bitdepth: Any) -> tuple[int, ...]:
    """Returns the three channel widths as a tuple.

    Raises:
      UsageError: not three integers from 0 to 8, or no bit at all.
    """
    if not isinstance(bitdepth, list | tuple) or len(bitdepth) != 3:
        raise UsageError(
            f"bitdepth must be three numbers of bits (hue, saturation, value), not {bitdepth!r}"
        )
    for bits in bitdepth:
        require_int("bitdepth", bits, 0, 8)
    if not 1 <= sum(bitdepth) <= _MAX_BITS:
        raise UsageError(f"bitdepth must sum to 1 to {_MAX_BITS} bits, not {sum(bitdepth)}")
    return tuple(bitdepth)


def check_colour(colour: Any) -> str:
    """Returns a colour that Pillow understands, unchanged.

    Raises:
      UsageError: it does not understand it.
    """
    try:
        ImageColor.getrgb(colour)
    except (ValueError, AttributeError, TypeError):
        raise UsageError(
            "background must be a colour such as black, white or #336699, not "
            f"{reprlib.repr(colour)}"
        ) from None
    return str(colour)


def require_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Checks that a setting is one of these words.

    Raises:
      UsageError: it is another one, or none.
    """
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def require_int(name: str, value: Any, low: int, high: int | None = None) -> None:
    """Checks that a setting is an integer from `low` to `high`.

    Raises:
      UsageError: it is not.
    """
    wanted = f"{low} or more" if high is None else f"from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise UsageError(f"{name} must be an integer {wanted}, not {value!r}")
    if int(value) < low or (high is not None and int(value) > high):
        raise UsageError(f"{name} must be {wanted}, not {value}")


def require_number(name: str, value: Any, low: float, high: float) -> None:
    """Checks that a setting is a number from `low` to `high`.

    Raises:
      UsageError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise UsageError(f"{name} must be a number from {low} to {high}, not {value!r}")
    if not low <= float(value) <= high:
        raise UsageError(f"{name} must be from {low} to {high}, not {value}")


def check_sampling(
    temperatures: Sequence[float] = (1.0,),
    *,
    top_k: int = 0,
    top_p: float = 1.0,
) -> None:
    """Checks what shapes the distribution that is drawn from.

    Raises:
      UsageError: a temperature below 0 or not finite, top_k below 0, top_p not above 0 and up to 1.
    """
    if not temperatures:
        raise UsageError("temperature must be at least one number")
    for temperature in temperatures:
        require_number("temperature", temperature, 0.0, 1e6)
    require_int("top_k", top_k, 0)
    require_number("top_p", top_p, 1e-9, 1.0)


def save_config(folder: Path, config: ModelConfig) -> None:
    """Writes the settings into a model's folder, with the version of pixace that made it.

    Raises:
      CheckpointError: the disk is full or the folder read-only.
    """
    text = json.dumps({**config.to_dict(), "pixace_version": __version__}, indent=2) + "\n"
    path = folder / CONFIG_NAME
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise CheckpointError(f"{shown(path)}: cannot save: {error.strerror or error}") from None


def load_config(folder: Path) -> ModelConfig | None:
    """Reads the settings stored in a model's folder.

    Returns:
      The settings, or None where the folder holds no settings file.

    Raises:
      CheckpointError: the file is damaged or holds settings that cannot be.
    """
    path = folder / CONFIG_NAME
    try:
        values = json.loads(path.read_bytes())
        if not isinstance(values, dict):
            raise UsageError("not a JSON object")
        values.pop("pixace_version", None)
        return ModelConfig.from_dict(values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{shown(path)}: cannot use these settings: {error}") from None


def resolve_config(
    stored: ModelConfig | None, given: Mapping[str, Any], *, source: Path
) -> ModelConfig:
    """Merges what the user typed with what is stored beside the weights.

    Args:
      stored: the settings beside the weights, if there are any.
      given: settings the user named; None means "not named".
      source: the folder that `stored` came from, for the message.

    Raises:
      UsageError: a named setting contradicts the stored one, or is out of range.
    """
    named = {name: value for name, value in given.items() if value is not None}
    if "bitdepth" in named:
        named["bitdepth"] = check_bitdepth(named["bitdepth"])
    if stored is None:
        return ModelConfig.from_dict(named)
    for name, value in named.items():
        if name not in SETTING_NAMES:
            raise UsageError(f"unknown setting {name!r}; known are {', '.join(SETTING_NAMES)}")
        if value != getattr(stored, name):
            raise UsageError(
                f"{name}={spell(value)} contradicts {name}={spell(getattr(stored, name))} of the "
                f"model in {shown(source)}; leave it out, or choose another model_name"
            )
    return stored


def spell(value: Any) -> str:
    """Spells the value of a setting as its flag does."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
