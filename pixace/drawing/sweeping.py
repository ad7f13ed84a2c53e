"""The pictures of a sweep, one after another and with the same noise, as columns of a drawing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from pixace.drawing.stream import DrawingStep
from pixace.settings.drawing import DrawingSettings
from pixace.settings.sweep import frames_of

Tile: TypeAlias = tuple[int, int]
StepsOf: TypeAlias = Callable[[DrawingSettings, Tile | None], Iterator[DrawingStep]]
"""Draws pictures without a sweep: all of them, or only that of one row and column."""


def frame_steps(
    steps_of: StepsOf, settings: DrawingSettings, n_pixels: int, tile: Tile | None
) -> Iterator[DrawingStep]:
    """Draws each picture of a sweep as if alone, in its column; without a sweep, just draws.

    Args:
      steps_of: draws one of them.
      settings: how to draw, with a seed.
      n_pixels: L of the model.
      tile: row and column of the only one to draw; None draws all.
    """
    if settings.sweep is None:
        yield from steps_of(settings, tile)
        return
    frames = frames_of(settings, n_pixels)
    columns = range(len(frames)) if tile is None else range(tile[1], tile[1] + 1)
    for number, column in enumerate(columns):
        for step in steps_of(frames[column], None if tile is None else (tile[0], 0)):
            share = step.n_done / step.n_total if step.n_total else 1
            yield dataclasses.replace(
                step,
                places=step.places + np.array([0, number, 0]),
                # Pictures may take different numbers of steps: each counts as if it took all.
                n_done=number * n_pixels + round(share * n_pixels),
                n_total=len(columns) * n_pixels,
            )
