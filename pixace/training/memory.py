"""What fits into memory, found out by compiling and without a step."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable

from pixace.backend.door import computing
from pixace.errors import PixaceError, UsageError
from pixace.models.build import weight_shapes
from pixace.settings.model import ModelConfig
from pixace.settings.training import AUTO, TrainingSettings
from pixace.training.devices import batch_mesh
from pixace.training.optimizer import optimizer_named
from pixace.training.step import TrainingStep
from pixace.wording import memory_size

_log = logging.getLogger(__name__)

MAX_BATCH = 1024  # pictures, more than anybody trains with

_SIZES = (4, 16)  # times the smallest batch: from what these need, that of others is estimated
_BYTES = 4  # of a number of the state, float32


class MemoryNeeds:
    """The memory that a step needs, for any batch size; each size is compiled once, when asked for.

    Args:
      config: sizes of the model.
      settings: what else a step depends on; their batch size does not count.
    """

    def __init__(self, config: ModelConfig, settings: TrainingSettings) -> None:
        self._config = config
        self._settings = settings
        self._mesh = batch_mesh()
        self._steps: dict[tuple[int, bool], TrainingStep] = {}
        self.unit = smallest_batch(settings)  # of which all batch sizes are multiples

    def step(self, batch_size: int, recompute: bool) -> TrainingStep:
        """Returns the compiled step."""
        key = batch_size, recompute
        if key not in self._steps:
            settings = dataclasses.replace(
                self._settings, batch_size=batch_size, recompute=recompute
            )
            self._steps[key] = TrainingStep(self._config, settings, self._mesh)
        return self._steps[key]

    def peak_bytes(self, batch_size: int, recompute: bool) -> int:
        """Returns what XLA has planned for this size."""
        return self.step(batch_size, recompute).peak_bytes()

    def estimate(self, recompute: bool) -> Callable[[int], float]:
        """Returns a function from batch size to estimated bytes, which grow evenly with it."""
        small, large = (self.unit * size for size in _SIZES)
        base = self.peak_bytes(small, recompute)
        slope = (self.peak_bytes(large, recompute) - base) / (large - small)
        return lambda batch_size: base + slope * (batch_size - small)

    def largest(self, memory: int, recompute: bool) -> int:
        """Returns the largest batch size that fits, and was compiled; 0 if none does."""
        estimated, excess = self.estimate(recompute), 0.0
        for size in range(MAX_BATCH // self.unit * self.unit, 0, -self.unit):
            if estimated(size) + excess > memory:
                continue
            peak = self.peak_bytes(size, recompute)
            if peak <= memory:
                return size
            excess = peak - estimated(size)
        return 0

    def fitting(
        self, batch_size: int | str, recompute: bool | None, memory: int, n_images: int
    ) -> tuple[int, bool]:
        """Settles batch size and recomputation, where they are left open, by what fits.

        Args:
          batch_size: pictures per step, or "auto".
          recompute: see `TrainingSettings`.
          memory: bytes of each device.
          n_images: to train on; a larger batch would hold pictures twice.

        Raises:
          UsageError: the batch cannot be divided among the devices.
          PixaceError: it does not fit.
        """
        choices = (False, True) if recompute is None else (recompute,)
        if batch_size == AUTO:
            enough = max(1, n_images // self.unit) * self.unit
            batch_size = min(enough, self.largest(memory, choices[-1])) or self.unit
        batch_size = int(batch_size)
        if batch_size % self.unit:
            raise UsageError(
                f"batch_size must be a multiple of {self.unit} (devices times passes), not "
                f"{batch_size}"
            )
        for choice in choices:
            if self.peak_bytes(batch_size, choice) <= memory:
                return batch_size, choice
        raise self._too_large(batch_size, choices[-1], memory)

    def _too_large(self, batch_size: int, recompute: bool, memory: int) -> PixaceError:
        """Returns an error that names a batch size that fits."""
        largest = self.largest(memory, recompute)
        advice = (
            f"try --batch_size={largest}, or --accumulate" if largest else "try a smaller model"
        )
        return PixaceError(
            f"a step with {batch_size} pictures needs "
            f"{memory_size(self.peak_bytes(batch_size, recompute))}, and there is memory for "
            f"{memory_size(memory)}; {advice}"
        )


def smallest_batch(settings: TrainingSettings) -> int:
    """Returns the size of a batch that has one picture for each device and pass."""
    return batch_mesh().size * settings.accumulate


@computing()
def divisible_batch(settings: TrainingSettings, is_named: bool) -> TrainingSettings:
    """Returns settings whose batch can be divided among the devices, before images are read.

    Args:
      settings: of a training.
      is_named: whether the user has named the batch size; a default becomes a smaller one, if need
        be, and the log says so.

    Raises:
      UsageError: the batch size that was named cannot be divided.
      PixaceError: there is no device.
    """
    unit = smallest_batch(settings)
    if settings.batch_size == AUTO or settings.n_pictures % unit == 0:
        return settings
    below = settings.n_pictures // unit * unit
    near = f"{below} or {below + unit}" if below else f"{unit}"
    devices = f"{unit // settings.accumulate} devices"
    passes = f" and {settings.accumulate} passes" if settings.accumulate > 1 else ""
    if is_named:
        raise UsageError(
            f"batch_size={settings.batch_size} cannot be divided among {devices}{passes}; "
            f"name {near}"
        )
    _log.info("%d pictures per step, for %s%s", below or unit, devices, passes)
    return dataclasses.replace(settings, batch_size=below or unit)


def fitting_step(
    config: ModelConfig, settings: TrainingSettings, memory: int, n_images: int
) -> tuple[TrainingSettings, TrainingStep]:
    """Returns settings that leave nothing open, and their step; see `MemoryNeeds.fitting`."""
    _check_state(config, settings, memory)
    needs = MemoryNeeds(config, settings)
    batch_size, recompute = needs.fitting(settings.batch_size, settings.recompute, memory, n_images)
    chosen = dataclasses.replace(settings, batch_size=batch_size, recompute=recompute)
    step = needs.step(batch_size, recompute)
    if chosen != settings:
        _log.info(
            "%d pictures per step, activations %s: %s of %s",
            batch_size,
            "computed twice" if recompute else "kept",
            memory_size(step.peak_bytes()),
            memory_size(memory),
        )
    return chosen, step


def _check_state(config: ModelConfig, settings: TrainingSettings, memory: int) -> None:
    """Refuses a model of which not even the state fits, before minutes of compiling tell it.

    Raises:
      PixaceError: it does not fit.
    """
    one, two = (
        sum(math.prod(array.shape) for array in weight_shapes(few))
        for few in (dataclasses.replace(config, n_layers=n, image_size=1) for n in (1, 2))
    )
    # All blocks are alike, and building a hundred of them takes minutes. Positions are left out:
    # trax computes all of theirs even where only shapes are asked for.
    n_weights = one + (config.n_layers - 1) * (two - one)
    n_slots = optimizer_named(settings.optimizer).slots_per_weight
    n_bytes = n_weights * (1 + n_slots) * _BYTES
    if n_bytes > memory:
        raise PixaceError(
            f"weights and optimiser of {config.as_flags()} need {memory_size(n_bytes)}, and there "
            f"is memory for {memory_size(memory)}; try a smaller model"
        )


def advice_to_halve(settings: TrainingSettings) -> str:
    """Returns what to do when a step that should fit does not, as others use the memory, too."""
    unit = smallest_batch(settings)
    half = settings.n_pictures // unit // 2 * unit
    advice = f"--batch_size={half} needs about half (see: pixace plan)"
    return f"all up to the last checkpoint is kept; {advice if half else 'try a smaller model'}"
