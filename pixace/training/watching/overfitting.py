"""When a model begins to learn its images by heart instead of what they have in common."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING

from pixace.checkpoints.folder import epoch_path
from pixace.checkpoints.history import History
from pixace.training.watching.observer import Observer
from pixace.wording import shown

if TYPE_CHECKING:
    from pixace.insight.likelihood import Likelihood  # which needs JAX

_log = logging.getLogger(__name__)

_N_WORSE = 3  # epochs that are worse than the best, one after the other
_MARGIN = 1.01  # by so much at least: a validation strays, too


class OverfittingWarning(Observer):
    """Warns of overfitting, once in a training; see `overfitting_warning`.

    Args:
      history: the mean loss of each epoch, to which others add.
      folder: the model's.
    """

    def __init__(self, history: History, folder: Path) -> None:
        self._history = history
        self._folder = folder

    def on_validation(self, step: int, likelihood: Likelihood) -> None:
        """Looks at the epoch that has been added to the history."""
        warning = overfitting_warning(self._history, self._folder)
        if warning is not None:
            _log.warning("%s", warning)


def overfitting_warning(history: History, folder: Path) -> str | None:
    """Returns a warning if overfitting shows in the last epoch, for the first time in a training.

    It does after three epochs whose validation is worse than the best by more than 1 %, if the
    training loss has fallen since the best. As it follows from the history alone, a training in
    several goes says it as often as one in a single go.

    Args:
      history: the mean loss of each epoch, in training and in validation.
      folder: the model's, which may still hold the best epoch's checkpoint.
    """
    validation, training = history.validations(), dict(history.trainings())
    best_step, best, n_worse = 0, math.inf, 0
    for index, (step, nats) in enumerate(validation):
        n_worse = n_worse + 1 if nats > _MARGIN * best else 0
        if nats < best:
            best_step, best = step, nats
        if n_worse >= _N_WORSE and training.get(step, math.inf) < training.get(best_step, 0.0):
            is_last = index == len(validation) - 1
            return _warning(folder, best_step, best, nats) if is_last else None
    return None


def _warning(folder: Path, best_step: int, best: float, newest: float) -> str:
    path = epoch_path(folder, best_step)
    kept = f"kept: {shown(path)} (--checkpoint=best)" if path.exists() else "not kept any more"
    return (
        f"validation turns up while training falls, to {newest / math.log(2):.3f} bits per pixel "
        f"from {best / math.log(2):.3f} at step {best_step}: the model learns its images by heart; "
        f"the best state is {kept}; more images would help, --mirror, a higher --dropout or a "
        "smaller model"
    )
