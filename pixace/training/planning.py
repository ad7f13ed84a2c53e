"""What a training would need, in memory and in time, for people to read."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pixace.backend.door import computing
from pixace.models.weights import count_weights
from pixace.settings.checks import MANY
from pixace.settings.model import ModelConfig
from pixace.settings.training import AUTO, TrainingSettings
from pixace.system.signals import StopRequest
from pixace.training.budget import N_QUARTERS, SIZES
from pixace.training.by_minutes import Pacing, Request, spelled_as_flags
from pixace.training.devices import batch_mesh, memory_bytes
from pixace.training.memory import MAX_BATCH, MemoryNeeds
from pixace.training.peers import Peers
from pixace.training.sizing import measured_seconds
from pixace.training.step import state_shapes
from pixace.wording import duration, memory_size

_SHOWN = (1, 2, 4, 8, 16, 32, 64, 128)  # times the smallest batch


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


@dataclasses.dataclass(frozen=True)
class MinutesPlan:
    """What a new training by minutes would do.

    Attributes:
      minutes: that it may take.
      model_type: of the model.
      n_weights: numbers that are trained.
      chosen: the settings that would be chosen, by name.
      batch_size: of a step.
      quarters: the steps at which they end, with a validation and pictures.
      seconds_per_step: measured.
      n_images: to train on, if that is known.
    """

    minutes: float
    model_type: str
    n_weights: int
    chosen: dict[str, Any]
    batch_size: int
    quarters: tuple[int, ...]
    seconds_per_step: float
    n_images: int | None

    def __str__(self) -> str:
        """Spells the plan for people."""
        n_steps = self.quarters[-1]
        lines = [
            f"{self.model_type}, {self.n_weights:,} weights",
            f"{self.minutes:g} minutes: {spelled_as_flags(self.chosen)}",
            f"{n_steps} steps of {self.batch_size} pictures, {self.seconds_per_step:.2g} s each; "
            f"pictures after {', '.join(map(str, self.quarters))}",
        ]
        if self.n_images is not None:
            n_shown = n_steps * self.batch_size / self.n_images
            lines.append(f"{self.n_images} images: each is shown {n_shown:.1f} times")
        return "\n".join(lines)


@computing()
def plan_minutes(
    config: ModelConfig,
    settings: TrainingSettings,
    named: Collection[str],
    n_images: int | None,
    started: float,
) -> MinutesPlan:
    """Finds out what a new training by minutes would choose, by measuring as it would.

    Args:
      config: the model's settings, as far as they are named.
      settings: of the training; their minutes are a number.
      named: the settings of both that the user has named; all others may be chosen.
      n_images: to train on, if that is known.
      started: when the time began, in seconds of `time.monotonic`.

    Raises:
      PixaceError: not even the smallest model fits into memory.
    """
    assert settings.minutes is not None, "nothing to plan for"
    request = Request(settings, frozenset(named), frozenset(SIZES) - set(named), started)
    pacing = Pacing(request, None, Path())
    settle = pacing.settling(config, Peers(StopRequest()))
    assert settle is not None, "a new training has everything to settle"
    settled = settle(MANY if n_images is None else n_images, MANY)
    left = started + 60 * settings.minutes - time.monotonic()
    return MinutesPlan(
        minutes=settings.minutes,
        model_type=config.model_type,
        n_weights=count_weights(settled.step.state_shapes.weights),
        chosen=pacing.chosen(settled.config, settled.settings),
        batch_size=settled.settings.n_pictures,
        quarters=settled.costs().planned(0, left, N_QUARTERS),
        seconds_per_step=settled.seconds_per_step,
        n_images=n_images,
    )


@computing()
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
    if measure or settings.batch_size == AUTO:
        enough = MAX_BATCH if n_images is None else n_images
        chosen = needs.fitting(settings.batch_size, settings.recompute, memory, enough)
        settings = dataclasses.replace(settings, batch_size=chosen[0], recompute=chosen[1])
    per_step = None
    if measure:
        step = needs.step(settings.n_pictures, bool(settings.recompute))
        per_step = measured_seconds(config, settings, step)
    return Plan(
        model_type=config.model_type,
        n_weights=count_weights(state_shapes(config, settings, batch_mesh()).weights),
        memory_bytes=memory,
        seconds_per_step=per_step,
        kept_bytes=_estimates(needs, False),
        recomputed_bytes=_estimates(needs, True),
        largest_kept=needs.largest(memory, False),
        largest_recomputed=needs.largest(memory, True),
        batch_size=settings.n_pictures,
        n_images=n_images,
        steps_per_epoch=settings.steps_per_epoch,
    )


def _estimates(needs: MemoryNeeds, recompute: bool) -> dict[int, int]:
    """Returns the bytes that steps of several batch sizes need."""
    estimated = needs.estimate(recompute)
    return {needs.unit * size: int(estimated(needs.unit * size)) for size in _SHOWN}
