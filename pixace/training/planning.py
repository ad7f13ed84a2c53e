"""What fits into memory, found out by compiling and without a step."""

from __future__ import annotations

import dataclasses
import logging
import math
import statistics
import time
from collections.abc import Callable

import numpy as np

from pixace.dataset.batches import Batch
from pixace.errors import PixaceError, UsageError
from pixace.models.build import weight_shapes
from pixace.models.weights import count_weights
from pixace.settings.model import ModelConfig
from pixace.settings.training import AUTO, TrainingSettings
from pixace.tokens.vocabulary import N_RESERVED
from pixace.training.devices import batch_mesh, memory_bytes
from pixace.training.optimizer import ADAM, optimizer_named
from pixace.training.step import TrainingStep, state_shapes
from pixace.wording import duration, memory_size

_log = logging.getLogger(__name__)

_SIZES = (4, 16)  # times the smallest batch: from what these need, that of others is estimated
_SHOWN = (1, 2, 4, 8, 16, 32, 64, 128)
_MEASURED_STEPS = 3
_BYTES = 4  # of a number of the state, float32
_MOST = 1024  # pictures, more than anybody trains with


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
        for size in range(_MOST // self.unit * self.unit, 0, -self.unit):
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
        largest = self.largest(memory, choices[-1])
        advice = (
            f"try --batch_size={largest}, or --accumulate" if largest else "try a smaller model"
        )
        raise PixaceError(
            f"a step with {batch_size} pictures needs "
            f"{memory_size(self.peak_bytes(batch_size, choices[-1]))}, and there is memory for "
            f"{memory_size(memory)}; {advice}"
        )


def smallest_batch(settings: TrainingSettings) -> int:
    """Returns the size of a batch that has one picture for each device and pass."""
    return batch_mesh().size * settings.accumulate


def fitting_step(
    config: ModelConfig, settings: TrainingSettings, memory: int, n_images: int
) -> tuple[TrainingSettings, TrainingStep]:
    """Returns settings that leave nothing open, and their step; see `MemoryNeeds.fitting`."""
    _check_state(config, memory)
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


def _check_state(config: ModelConfig, memory: int) -> None:
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
    n_bytes = n_weights * (1 + optimizer_named(ADAM).slots_per_weight) * _BYTES
    if n_bytes > memory:
        raise PixaceError(
            f"weights and optimiser of {config.as_flags()} need {memory_size(n_bytes)}, and there "
            f"is memory for {memory_size(memory)}; try a smaller model"
        )


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a training would need.

    Attributes:
      model_type: of the model.
      n_weights: numbers that are trained.
      memory_bytes: what a step may use on each device.
      kept_bytes: batch size -> bytes of a step that keeps all activations, estimated.
      recomputed_bytes: the same for a step that computes them again.
      largest_kept: the largest batch size that fits, compiled to make sure; 0 if none does.
      largest_recomputed: the same for a step that computes activations again.
      batch_size: that of the training: the one asked for, or the largest.
      n_images: to train on, if that is known.
      steps_per_epoch: of the training.
      seconds_per_step: measured, if that was asked for.
    """

    model_type: str
    n_weights: int
    memory_bytes: int
    kept_bytes: dict[int, int]
    recomputed_bytes: dict[int, int]
    largest_kept: int
    largest_recomputed: int
    batch_size: int
    n_images: int | None
    steps_per_epoch: int
    seconds_per_step: float | None

    def __str__(self) -> str:
        """Spells the plan for people."""
        lines = [
            f"{self.model_type}, {self.n_weights:,} weights; "
            f"{memory_size(self.memory_bytes)} of memory",
            "",
            "batch size   keeping activations   recomputing them (slower)",
        ]
        for size, kept in self.kept_bytes.items():
            recomputed = self.recomputed_bytes[size]
            lines.append(f"{size:>10}   {self._fitting(kept):<19}   {self._fitting(recomputed)}")
        lines.append(f"{'largest':>10}   {self.largest_kept:<19}   {self.largest_recomputed}")
        lines.append("")
        if self.n_images is not None:
            lines.append(
                f"{self.n_images} images: {self.n_images / self.batch_size:.1f} steps of "
                f"{self.batch_size} show each once"
            )
        epoch = f"an epoch is {self.steps_per_epoch} steps of {self.batch_size} pictures"
        if self.seconds_per_step is None:
            lines.append(f"{epoch}; --measure tells how long it takes")
        else:
            lines.append(
                f"{epoch}: {duration(self.seconds_per_step * self.steps_per_epoch)} "
                f"({self.seconds_per_step:.2g} s per step, "
                f"{self.batch_size / self.seconds_per_step:.3g} images per second)"
            )
        return "\n".join(lines)

    def _fitting(self, n_bytes: int) -> str:
        too_much = "" if n_bytes <= self.memory_bytes else ", too much"
        return f"{memory_size(n_bytes)}{too_much}"


def make_plan(
    config: ModelConfig,
    settings: TrainingSettings,
    memory: int | None = None,
    n_images: int | None = None,
    *,
    measure: bool = False,
) -> Plan:
    """Finds out what a training would need, by compiling steps of several sizes.

    Args:
      config: sizes of the model.
      settings: of the training.
      memory: bytes of a device; that of the device found, unless given.
      n_images: to train on, if that is known.
      measure: do some steps and time them.

    Raises:
      UsageError: the batch to be measured cannot be divided among the devices.
      PixaceError: it does not fit, or none does.
    """
    memory = memory_bytes() if memory is None else memory
    needs = MemoryNeeds(config, settings)
    batch_size, recompute = settings.batch_size, settings.recompute
    if measure or batch_size == AUTO:
        batch_size, recompute = needs.fitting(
            batch_size, recompute, memory, _MOST if n_images is None else n_images
        )
    settings = dataclasses.replace(settings, batch_size=batch_size, recompute=recompute)
    seconds = None
    if measure:
        seconds = _seconds_per_step(
            config, settings, needs.step(settings.n_pictures, bool(recompute))
        )
    estimates = [needs.estimate(recompute) for recompute in (False, True)]
    tables = [
        {needs.unit * size: int(estimate(needs.unit * size)) for size in _SHOWN}
        for estimate in estimates
    ]
    largest = [needs.largest(memory, recompute) for recompute in (False, True)]
    return Plan(
        model_type=config.model_type,
        n_weights=count_weights(state_shapes(config, settings.dropout, batch_mesh()).weights),
        memory_bytes=memory,
        kept_bytes=tables[0],
        recomputed_bytes=tables[1],
        largest_kept=largest[0],
        largest_recomputed=largest[1],
        batch_size=settings.n_pictures,
        n_images=n_images,
        steps_per_epoch=settings.steps_per_epoch,
        seconds_per_step=seconds,
    )


def _seconds_per_step(config: ModelConfig, settings: TrainingSettings, step: TrainingStep) -> float:
    """Returns the median time of some steps on empty pictures, after one that is not counted."""
    batch = Batch(np.full((settings.n_pictures, config.n_pixels), N_RESERVED, np.int32))
    state, times = step.initial_state(0), []
    for number in range(1, _MEASURED_STEPS + 2):
        start = time.perf_counter()
        state, loss = step(state, number, 0.0, batch)
        loss.block_until_ready()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])
