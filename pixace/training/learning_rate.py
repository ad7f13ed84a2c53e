"""The learning rate of each step.

It is a function of the settings, the plan of a training by minutes and the step's number alone, so
that a training that is resumed goes on with the very rates it would have had.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pixace.backend.door import trax
from pixace.checkpoints.time_plan import TimePlan
from pixace.settings.training import TrainingSettings

# Names of trax's factors: what the rate is multiplied by after the warm-up.
_DECAYS = {"rsqrt": "rsqrt_normalized_decay", "cosine": "cosine_decay"}


def learning_rate_schedule(settings: TrainingSettings) -> Callable[[int], float]:
    """Returns the function from the number of a step, 1 for the first, to its learning rate.

    The rate rises in a straight line to `learning_rate` at step `warmup_steps`. Then it falls as
    1 / sqrt(step) (the schedule of https://arxiv.org/abs/1706.03762), or along half a cosine
    (https://arxiv.org/abs/1608.03983, without restarts) that comes down to nearly 0 at `n_steps`.
    """
    schedule = trax.lr.multifactor(
        f"constant * linear_warmup * {_DECAYS[settings.schedule]}",
        constant=settings.learning_rate,
        warmup_steps=settings.warmup_steps,
        # One more than there are: trax's cosine starts again where a cycle is full.
        steps_per_cycle=max(1, settings.n_steps - settings.warmup_steps + 1),
    )
    return lambda step: float(schedule(step))


def planned_rate(settings: TrainingSettings, plan: TimePlan, step: int) -> float:
    """Returns the learning rate of a step of a training by minutes.

    As in `learning_rate_schedule`, but that the cosine is exactly 0 at the plan's last step. Where
    the plan has changed, it goes on from where it was, and gets to 0 sooner or later.

    Args:
      settings: of the training.
      plan: the newest, which holds those before it.
      step: its number, 1 for the first.
    """
    share, n_steps, warmup_steps = plan.annealed(step)
    rate = settings.learning_rate * min(1.0, n_steps / warmup_steps)
    if settings.schedule == "cosine":
        return rate * (1 + math.cos(math.pi * share)) / 2
    return rate * math.sqrt(warmup_steps / max(warmup_steps, n_steps))
