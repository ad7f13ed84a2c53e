"""How a training by minutes finds out what its machine can do, and settles its sizes by that.

Of several processes the first one decides; the others do the steps that it wants to measure.
"""

from __future__ import annotations

import dataclasses
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from pixace.backend.door import jax
from pixace.dataset.batches import Batch
from pixace.errors import PixaceError
from pixace.settings.model import ModelConfig
from pixace.settings.training import AUTO, TrainingSettings
from pixace.system.limits import n_cores
from pixace.tokens.vocabulary import N_RESERVED
from pixace.training.budget import (
    N_QUARTERS,
    Candidate,
    Freedom,
    guessed_speed,
    operations,
    steps_expected,
)
from pixace.training.devices import memory_bytes
from pixace.training.memory import fitting_step
from pixace.training.peers import Peers
from pixace.training.step import TrainingStep
from pixace.training.time_budget import Costs

_log = logging.getLogger(__name__)

_SHARE_OF_MEASURING = 0.1  # of the time; compiling what is trained then is not measuring
_MEASURED_STEPS = 3


class Settled(NamedTuple):
    """A model and a training with nothing left open.

    Attributes:
      config: the model's settings.
      settings: of the training.
      step: compiled for them.
      seconds_per_step: measured.
      seconds_compiling: that this step took to compile.
      n_val_images: to validate on.
    """

    config: ModelConfig
    settings: TrainingSettings
    step: TrainingStep
    seconds_per_step: float
    seconds_compiling: float
    n_val_images: int

    def costs(self) -> Costs:
        """Returns what is known of the time that the training's parts take."""
        most = -(-self.n_val_images // self.settings.n_pictures)
        n_batches = min(most, self.settings.batches_per_eval)
        return Costs(self.seconds_per_step, self.seconds_compiling, n_batches, self.config.n_pixels)


def settle(
    config: ModelConfig,
    settings: TrainingSettings,
    freedom: Freedom,
    n_val_images: int,
    seconds: float,
    peers: Peers,
    clock: Callable[[], float] = time.monotonic,
) -> Settled:
    """Chooses what may be chosen, and measures it.

    A machine's speed is guessed first, and known after the first model measured; where another one
    is better by that, and a tenth of the time is not yet over, it is measured, too.

    Args:
      config: the model's settings, as far as they are decided.
      settings: of the training likewise.
      freedom: what may be chosen.
      n_val_images: to validate on.
      seconds: that the training may still take.
      peers: all processes, of which this one is the first.
      clock: tells the seconds; tests pass their own.

    Raises:
      PixaceError: not even the smallest model fits into memory.
    """
    began, speed = clock(), current_speed()
    candidates = freedom.candidates(config, settings, seconds, speed)
    settled = _largest_fitting(candidates, freedom, n_val_images, peers, clock)
    speed = operations(settled.config) * settled.settings.n_pictures / settled.seconds_per_step
    spent = clock() - began
    better = freedom.candidates(config, settings, seconds - spent, speed)
    if spent <= _SHARE_OF_MEASURING * seconds and not _is_same(better[0], settled):
        settled = _largest_fitting(better, freedom, n_val_images, peers, clock)
    left = seconds - (clock() - began)
    n_steps = steps_expected(left, settled.seconds_per_step)
    roughly = settled._replace(settings=freedom.with_steps(settled.settings, n_steps))
    n_steps = roughly.costs().planned(0, left, N_QUARTERS)[-1]
    chosen = freedom.with_steps(settled.settings, n_steps)
    peers.from_first(None)
    peers.from_first(_shared(settled.config, chosen))
    return settled._replace(settings=chosen)


def follow_settling(
    n_images: int, own: dict[str, Any], peers: Peers
) -> tuple[ModelConfig, TrainingSettings, TrainingStep]:
    """Does in a process after the first what that one measures, until it has chosen.

    Args:
      n_images: to train on.
      own: the settings that this process has for itself.
      peers: all processes.
    """
    steps: dict[tuple[ModelConfig, int], TrainingStep] = {}
    while (asked := peers.from_first()) is not None:
        config, settings = _unshared(asked, own)
        try:
            settings, step = fitting_step(config, settings, peers.least(memory_bytes()), n_images)
        except PixaceError:
            continue  # in all processes, and the first one asks for a smaller model
        steps[config, settings.n_pictures] = step
        measured_seconds(config, settings, step, int(asked["n_measured"]))
    config, settings = _unshared(peers.from_first(), own)
    return config, settings, steps[config, settings.n_pictures]


def current_speed() -> float:
    """Returns about how many operations a second all devices do; see `guessed_speed`."""
    is_cpu = jax.default_backend() == "cpu"
    return guessed_speed(n_cores(), 0 if is_cpu else len(jax.devices()))


def _largest_fitting(
    candidates: Sequence[Candidate],
    freedom: Freedom,
    n_val_images: int,
    peers: Peers,
    clock: Callable[[], float],
) -> Settled:
    """Returns the first of some models that fits into memory, measured.

    Raises:
      PixaceError: none does.
    """
    for candidate in candidates:
        config, settings, n_steps = candidate
        # As many as all processes do, whatever each measures: a tenth of the time at most.
        n_measured = max(1, min(_MEASURED_STEPS, int(_SHARE_OF_MEASURING * n_steps) - 1))
        peers.from_first({**_shared(config, settings), "n_measured": n_measured})
        memory, began = peers.least(memory_bytes()), clock()
        try:
            settings, step = fitting_step(config, settings, memory, freedom.n_images)
        except PixaceError:
            if candidate is candidates[-1]:
                raise
            _log.debug("%s does not fit into memory", config.as_flags())
            continue
        compiling = clock() - began
        per_step = measured_seconds(config, settings, step, n_measured, clock)
        _log.debug("%s: %.3g s per step", config.as_flags(), per_step)
        return Settled(config, settings, step, per_step, compiling, n_val_images)
    raise AssertionError("there is always a candidate")


def _is_same(candidate: Candidate, settled: Settled) -> bool:
    """Returns whether a candidate's step is what has been measured already."""
    asked, measured = candidate.settings, settled.settings
    is_same_batch = asked.batch_size in (AUTO, measured.batch_size)
    return (
        candidate.config == settled.config and is_same_batch and asked.dropout == measured.dropout
    )


def _shared(config: ModelConfig, settings: TrainingSettings) -> dict[str, Any]:
    """Returns what the other processes must know to do the same, as JSON values."""
    return {"config": config.to_dict(), "settings": dataclasses.asdict(settings)}


def _unshared(values: dict[str, Any], own: dict[str, Any]) -> tuple[ModelConfig, TrainingSettings]:
    config = ModelConfig.from_dict(values["config"])
    return config, TrainingSettings(**{**values["settings"], **own})


def measured_seconds(
    config: ModelConfig,
    settings: TrainingSettings,
    step: TrainingStep,
    n_measured: int = 3,
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Returns the median time of some steps on empty pictures, after one that is not counted.

    Args:
      config: sizes of the model.
      settings: of the training.
      step: compiled for them; all processes do it.
      n_measured: how many steps to measure.
      clock: tells the seconds.
    """
    shares = settings.n_pictures // jax.process_count()
    batch = Batch(np.full((shares, config.n_pixels), N_RESERVED, np.int32))
    state = step.placed(
        jax.tree.map(lambda array: np.zeros(array.shape, array.dtype), step.state_shapes)
    )
    times = []
    for number in range(1, n_measured + 2):
        start = clock()
        state, loss = step(state, number, 0.0, batch)
        loss.block_until_ready()
        times.append(clock() - start)
    return max(1e-6, statistics.median(times[1:]))  # a clock may be a coarse one
