"""The curves of a training, as its checkpoints keep them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np

Curve = list[tuple[int, float]]  # (step, value), in rising order of the steps

_KEY = "_values"  # where trax's own history keeps them
_LOSS = "nats_per_pixel"
_LOSS_WITHIN = "nats_per_pixel_within_epochs"
_MOST_POINTS = 400  # of that curve, as many as a plot can show; it has half as many at least


@dataclasses.dataclass
class History:
    """What was measured at which step: the loss of epochs in training and validation, and within.

    Attributes:
      curves: mode ("train", "val") -> metric -> its curve. Those that plain trax has begun keep the
        names that trax has given them.
    """

    curves: dict[str, dict[str, Curve]] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_stored(cls, stored: Any) -> History:
        """Takes up what a checkpoint holds; whatever is not a curve is left out."""
        curves: dict[str, dict[str, Curve]] = {}
        values = stored.get(_KEY) if isinstance(stored, dict) else None
        for mode, metrics in values.items() if isinstance(values, dict) else ():
            for metric, points in metrics.items() if isinstance(metrics, dict) else ():
                curves.setdefault(str(mode), {})[str(metric)] = _points(points)
        return cls(curves)

    def to_stored(self) -> dict[str, Any]:
        """Returns what a checkpoint holds, in trax's form."""
        return {_KEY: self.curves}

    def trainings(self) -> Curve:
        """Returns the mean loss of each epoch's steps, in nats per pixel."""
        return self.curves.get("train", {}).get(_LOSS, [])

    def validations(self) -> Curve:
        """Returns the loss of each epoch's validation, in nats per pixel."""
        return self.curves.get("val", {}).get(_LOSS, [])

    def within_epochs(self) -> Curve:
        """Returns the mean loss of the steps from each point to the next, in nats per pixel.

        Older files have none, and a training that went on from one begins with its own first point.
        """
        return self.curves.get("train", {}).get(_LOSS_WITHIN, [])

    def add_training(self, step: int, nats: float) -> None:
        """Adds the mean loss of the epoch that ends at a step, in place of an earlier one."""
        self._add("train", step, nats)

    def add_validation(self, step: int, nats: float) -> None:
        """Adds the loss of the validation at a step, in place of an earlier one."""
        self._add("val", step, nats)

    def add_within_epoch(self, step: int, nats: float) -> None:
        """Adds the mean loss of the steps since the last such point.

        However long a training is, its points are a few hundred: where they become too many, two
        neighbours become one, and from then on a point grows until it is of as many steps as they.
        """
        curve = self.curves.setdefault("train", {}).setdefault(_LOSS_WITHIN, [])
        del curve[: max(0, len(curve) - _MOST_POINTS + 1)]  # a stranger's file may have any number
        curve.append((step, nats))
        if len(curve) > 2 and curve[-2][0] - curve[-3][0] < curve[1][0] - curve[0][0]:
            curve[-2:] = [_joined(*curve[-3:])]
        if len(curve) == _MOST_POINTS:
            starts = [(0, 0.0), *curve[1:-1:2]]
            pairs = zip(starts, curve[::2], curve[1::2], strict=True)
            curve[:] = [_joined(*pair) for pair in pairs]

    def is_validated(self, step: int) -> bool:
        """Returns whether the last validation was after this very step."""
        curve = self.validations()
        return bool(curve) and curve[-1][0] == step

    def best(self, steps: Collection[int]) -> int | None:
        """Returns the step of the lowest validation among some, the first of equals.

        None where none of them was validated.
        """
        scored = [(nats, step) for step, nats in self.validations() if step in steps]
        return min(scored)[1] if scored else None

    def _add(self, mode: str, step: int, nats: float) -> None:
        curve = self.curves.setdefault(mode, {}).setdefault(_LOSS, [])
        if curve and curve[-1][0] == step:
            curve.pop()
        curve.append((step, nats))


def _joined(
    before: tuple[int, float], one: tuple[int, float], other: tuple[int, float]
) -> tuple[int, float]:
    """Returns a point for the steps of two, each of which counts as often as it has steps."""
    n_one, n_other = max(1, one[0] - before[0]), max(1, other[0] - one[0])
    return other[0], (one[1] * n_one + other[1] * n_other) / (n_one + n_other)


def _points(stored: Any) -> Curve:
    """Returns those points of a stored curve that are points."""
    return [
        (point[0], float(point[1]))
        for point in (stored if isinstance(stored, list) else ())
        if isinstance(point, tuple | list)
        and len(point) == 2
        and isinstance(point[0], int)
        and _is_number(point[1])
    ]


def _is_number(value: Any) -> bool:
    """Returns whether a value can be a point of a curve; trax's own are arrays without axes."""
    if isinstance(value, np.ndarray):
        return value.shape == () and value.dtype.kind == "f"
    return isinstance(value, int | float | np.floating)
