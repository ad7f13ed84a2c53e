"""What `--minutes` means for one run of a training: what holds, what is chosen, what is planned."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pixace.backend.door import jax
from pixace.checkpoints.time_plan import TimePlan
from pixace.errors import CheckpointError, UsageError
from pixace.settings.model import ModelConfig
from pixace.settings.training import (
    AUTO,
    TrainingSettings,
    require_no_epochs,
    settings_from_texts,
)
from pixace.training.budget import CHOSEN, SIZES, Freedom, operations
from pixace.training.memory import smallest_batch
from pixace.training.peers import Peers
from pixace.training.sizing import Settled, current_speed, settle
from pixace.training.start import StartingPoint
from pixace.training.time_budget import time_budget
from pixace.training.timekeeper import TimeKeeper
from pixace.training.worker import Worker
from pixace.wording import duration, shown, spell

_log = logging.getLogger(__name__)


class Request(NamedTuple):
    """What the user wants of a training.

    Attributes:
      settings: of the training.
      named: which of them the user has named.
      open_sizes: the settings of the model that shape it, and that nobody has decided.
      started: when its time began, in seconds of `time.monotonic`.
    """

    settings: TrainingSettings
    named: frozenset[str]
    open_sizes: frozenset[str]
    started: float


class Pacing:
    """How one run keeps to the time that its training may take; one by epochs has all it needs.

    Args:
      request: what the user wants.
      start: the state to go on from, if there is one.
      folder: the model's; a state of another folder brings its weights, but no plan.

    Attributes:
      settings: of the training, as far as they are decided.
      budget: what the run has to keep to; None for a training by epochs.

    Raises:
      UsageError: a number of epochs for a training by minutes.
      CheckpointError: the stored plan, or the settings it was made for, cannot be used.
    """

    def __init__(self, request: Request, start: StartingPoint | None, folder: Path) -> None:
        stored = _stored_plan(start, folder)
        step = start.checkpoint.step if start else 0
        minutes = request.settings.minutes
        self.budget = time_budget(minutes, stored, step, request.started)
        self.settings = request.settings
        self._open_sizes = request.open_sizes
        self._open_settings = frozenset(CHOSEN) - request.named
        self._settled: Settled | None = None
        if start is not None and stored is not None and self.budget is not None:
            require_no_epochs(self.budget.minutes, request.named)
            self.settings = _settings_held(request, start, self.budget.minutes)
            self._open_settings &= {"warmup_steps"} if self.budget.is_anew else set()

    @property
    def plan(self) -> TimePlan | None:
        """The plan that this run goes on with, if one holds."""
        return self.budget.plan if self.budget else None

    def settling(self, config: ModelConfig, peers: Peers) -> Callable[[int, int], Settled] | None:
        """Returns what settles sizes and steps, given how many images to train and validate on.

        None where there is nothing to settle.
        """
        budget = self.budget
        if budget is None or budget.is_held:
            return None

        def settled(n_images: int, n_val_images: int) -> Settled:
            unit = smallest_batch(self.settings)
            freedom = Freedom(self._open_sizes, self._open_settings, unit, n_images)
            left = max(1.0, budget.left(time.monotonic()))
            self._settled = settle(config, self.settings, freedom, n_val_images, left, peers)
            return self._settled

        return settled

    def keeper(self, worker: Worker, peers: Peers) -> TimeKeeper | None:
        """Returns what keeps to the time; None for a training by epochs."""
        if self.budget is None:
            return None
        chosen = spelled_as_flags(self.chosen(worker.config, worker.settings))
        return TimeKeeper(self.budget, worker, peers, self._settled, chosen)

    def chosen(self, config: ModelConfig, settings: TrainingSettings) -> dict[str, Any]:
        """Returns what has been chosen of a model and its training, by name."""
        sizes, names = self._open_sizes, self._open_settings
        values = {name: getattr(config, name) for name in SIZES if name in sizes}
        values |= {name: getattr(settings, name) for name in CHOSEN if name in names}
        return {name: value for name, value in values.items() if value is not None}


def spelled_as_flags(values: Mapping[str, Any]) -> str:
    """Spells settings as the flags that a user could have given."""
    return " ".join(f"--{name}={spell(value)}" for name, value in values.items())


def hours_of_defaults(config: ModelConfig, settings: TrainingSettings) -> str | None:
    """Says how long a training takes where there is no accelerator; None where there is one.

    It is a guess from the number of cores, made without a step.
    """
    if jax.default_backend() != "cpu":
        return None
    batch = 1 if settings.batch_size == AUTO else settings.n_pictures
    epoch = operations(config) * batch * settings.steps_per_epoch / current_speed()
    return (
        f"with these sizes an epoch of {settings.steps_per_epoch} steps takes about "
        f"{duration(epoch)} on this machine's CPU, and all {settings.n_epochs} about "
        f"{duration(epoch * settings.n_epochs)}; --minutes=30 chooses sizes and steps for half an "
        "hour"
    )


def _stored_plan(start: StartingPoint | None, folder: Path) -> TimePlan | None:
    """Returns the plan that a state was trained by, if it is this folder's own.

    Raises:
      CheckpointError: it cannot be used.
    """
    if start is None or start.path.resolve().parent != folder.resolve():
        return None
    start.checkpoint.resume.require("plan", start.path)
    return start.checkpoint.resume.plan


def _settings_held(request: Request, start: StartingPoint, minutes: float) -> TrainingSettings:
    """Returns the settings that a training by minutes goes on with, but for those named anew.

    Raises:
      CheckpointError: what is stored cannot be used.
    """
    try:
        held = settings_from_texts(start.checkpoint.resume.settings)
        values = dataclasses.asdict(request.settings)
        values |= {name: value for name, value in held.items() if name not in request.named}
        return TrainingSettings(**{**values, "minutes": minutes})
    except UsageError as error:
        raise CheckpointError(f"{shown(start.path)}: cannot use its settings: {error}") from None
