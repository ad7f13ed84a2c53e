"""What a training by minutes chooses: sizes, batch, steps and learning rate. Plain arithmetic.

The figures at the top are all there is to calibrate. They come from emoji of 16x16 on 2 CPU cores;
the largest sizes and GPUs have been given what follows from these.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from pixace.settings.checks import MANY
from pixace.settings.model import ModelConfig
from pixace.settings.model_types import has_setting
from pixace.settings.training import ADAM, AUTO, MUON, TrainingSettings
from pixace.tokens.codec import codec_of
from pixace.tokens.vocabulary import N_RESERVED

N_QUARTERS = 4


class _Size(NamedTuple):
    """A size of model, and the steps of `_BATCH` pictures below which a smaller one learns more."""

    width: int
    n_layers: int
    n_steps: int


_ATTENTION_SIZES = (
    _Size(64, 2, 0),
    _Size(96, 3, 60),
    _Size(128, 4, 100),
    _Size(192, 4, 3000),
    _Size(192, 6, 4500),
    _Size(256, 6, 8000),
    _Size(384, 6, 16000),
    _Size(512, 6, 30000),
)
_CONVOLUTION_SIZES = (
    _Size(32, 4, 0),
    _Size(48, 6, 100),
    _Size(64, 8, 400),
    _Size(96, 8, 1500),
    _Size(128, 10, 5000),
    _Size(192, 12, 15000),
    _Size(256, 12, 30000),
)
_WIDTH_OF_HEAD, _MAX_HEADS = 32, 8
_D_FF = 4  # times the width

_BATCH, _MAX_BATCH = 8, 64
_MANY_STEPS = 20_000  # rather than more of them, larger batches

# Each falls with the square root of the width. Muon has matrices to turn in attention types only.
_MUON_RATE, _ADAM_RATE, _WIDTH_OF_RATE = 0.012, 0.004, 128
_WARMUP_SHARE, _MAX_WARMUP = 0.1, 200
_DROPOUT, _DROPOUT_FROM = 0.1, 30  # times that a training shows each picture

_SHARE_OF_STEPS = 0.85  # of the time; the rest is for validations, files and pictures
_LEAST_STEPS = N_QUARTERS

# Of a training step, where nothing has been measured yet: operations in a second.
_CORE_SPEED, _ACCELERATOR_SPEED = 2.5e10, 1e13

SIZES = ("d_model", "d_ff", "n_layers", "n_heads", "kernel_size")


class Candidate(NamedTuple):
    """A model and a training of which it is to be found out how fast they are.

    Attributes:
      config: the model's settings.
      settings: of the training.
      n_steps: that the time seems to be enough for.
    """

    config: ModelConfig
    settings: TrainingSettings
    n_steps: int


@dataclasses.dataclass(frozen=True)
class Freedom:
    """What a training by minutes may choose, and what it knows when it does.

    Attributes:
      sizes: those of `SIZES` that nobody has named and no file tells.
      settings: the settings of a training that nobody has named and no file tells.
      unit: what a batch must be a multiple of.
      n_images: to train on.
    """

    sizes: frozenset[str]
    settings: frozenset[str]
    unit: int
    n_images: int

    def candidates(
        self, config: ModelConfig, settings: TrainingSettings, seconds: float, speed: float
    ) -> list[Candidate]:
        """Returns what to train, the best first and then all that is smaller.

        The best is the largest model that gets enough steps.

        Args:
          config: the model's settings, as far as they are decided.
          settings: of the training likewise.
          seconds: that there are.
          speed: operations in a second.
        """
        choices: list[Candidate] = []
        for size in self._sizes(config):
            sized = _sized(config, self.sizes, size)
            batch, n_steps = self._batch(sized, settings, seconds, speed)
            if choices and n_steps * batch < size.n_steps * _BATCH:
                break
            chosen = self._settings(sized, settings, batch, n_steps)
            choices.insert(0, Candidate(sized, chosen, n_steps))
        return choices

    def with_steps(self, settings: TrainingSettings, n_steps: int) -> TrainingSettings:
        """Returns the settings with the quarters and the warm-up of so many steps."""
        warmup = max(1, min(_MAX_WARMUP, int(_WARMUP_SHARE * n_steps)))
        return dataclasses.replace(
            settings,
            n_epochs=N_QUARTERS,
            steps_per_epoch=max(1, min(MANY, n_steps // N_QUARTERS)),
            warmup_steps=warmup if "warmup_steps" in self.settings else settings.warmup_steps,
        )

    def _sizes(self, config: ModelConfig) -> Iterator[_Size]:
        """Yields the sizes that differ in what may be chosen, the smallest first."""
        kinds = (
            _ATTENTION_SIZES if has_setting(config.model_type, "n_heads") else _CONVOLUTION_SIZES
        )
        seen: set[ModelConfig] = set()
        for size in kinds:
            sized = _sized(config, self.sizes, size)
            if sized not in seen:
                seen.add(sized)
                yield size

    def _batch(
        self, config: ModelConfig, settings: TrainingSettings, seconds: float, speed: float
    ) -> tuple[int, int]:
        """Returns how many pictures a step has, and how many steps there are."""
        if "batch_size" not in self.settings:
            batch = _BATCH if settings.batch_size == AUTO else settings.n_pictures
            return batch, _n_steps(config, batch, seconds, speed)
        batch = -(-_BATCH // self.unit) * self.unit
        while True:
            n_steps = _n_steps(config, batch, seconds, speed)
            if n_steps <= _MANY_STEPS or 2 * batch > min(_MAX_BATCH, self.n_images):
                return batch, n_steps
            batch *= 2

    def _settings(
        self, config: ModelConfig, settings: TrainingSettings, batch: int, n_steps: int
    ) -> TrainingSettings:
        """Returns the settings of a training with nothing left open but memory."""
        n_shown = n_steps * batch / max(1, self.n_images)  # how often each picture
        optimizer = settings.optimizer
        if "optimizer" in self.settings:
            optimizer = MUON if has_setting(config.model_type, "n_heads") else ADAM
        rate = _MUON_RATE if optimizer == MUON else _ADAM_RATE
        rate *= math.sqrt(_WIDTH_OF_RATE / config.d_model)
        choices: dict[str, Any] = {
            "batch_size": batch,
            "optimizer": optimizer,
            "learning_rate": float(f"{rate:.2g}"),
            "schedule": "cosine",
            "dropout": _DROPOUT if n_shown >= _DROPOUT_FROM else 0.0,
        }
        chosen = {name: value for name, value in choices.items() if name in self.settings}
        return self.with_steps(dataclasses.replace(settings, **chosen), n_steps)


CHOSEN = ("batch_size", "optimizer", "learning_rate", "warmup_steps", "schedule", "dropout")


def _sized(config: ModelConfig, open_sizes: Collection[str], size: _Size) -> ModelConfig:
    """Returns a model of a size, but for what is decided already."""
    values = {name: getattr(config, name) for name in SIZES}
    free = {name for name in open_sizes if has_setting(config.model_type, name)}
    free -= {"kernel_size"}
    if "d_model" in free:
        # What can be halved, and divided among the heads that were asked for.
        unit = math.lcm(2, values["n_heads"] or 1) if "n_heads" not in free else 2
        values["d_model"] = max(unit, round(size.width / unit) * unit)
    if "n_layers" in free:
        values["n_layers"] = size.n_layers
    if "d_ff" in free:
        values["d_ff"] = _D_FF * values["d_model"]
    if "n_heads" in free:
        values["n_heads"] = _heads(values["d_model"])
    return dataclasses.replace(config, **values)


def _heads(width: int) -> int:
    """Returns how many heads share a width evenly."""
    most = max(1, min(_MAX_HEADS, width // _WIDTH_OF_HEAD))
    return next(n for n in range(most, 0, -1) if width % n == 0)


def _n_steps(config: ModelConfig, batch: int, seconds: float, speed: float) -> int:
    return steps_expected(seconds, operations(config) * batch / speed)


def steps_expected(seconds: float, per_step: float) -> int:
    """Returns about how many steps of some length there will be in a time."""
    return max(_LEAST_STEPS, int(_SHARE_OF_STEPS * seconds / per_step))


def operations(config: ModelConfig) -> float:
    """Returns about how many operations a training step does for one picture."""
    width, vocabulary = config.d_model, codec_of(config.pictures).n_tokens - N_RESERVED
    if config.kernel_size is None:
        per_pixel = 4 * width**2 + 2 * width * config.d_ff + config.n_pixels * width
    else:
        # Some of the window's rows are below the pixel, and a gated layer has two such maps.
        per_pixel = config.kernel_size * (config.kernel_size // 2 + 1) * 2 * width**2
    n_weights = config.n_layers * per_pixel + vocabulary * width
    return 6.0 * n_weights * config.n_pixels


def guessed_speed(n_cores: int, n_accelerators: int) -> float:
    """Returns about how many operations of a training step a machine does in a second."""
    return n_accelerators * _ACCELERATOR_SPEED if n_accelerators else n_cores * _CORE_SPEED
